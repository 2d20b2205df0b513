"""The cross-validated figures: every episode is left out once, and the goal is the better of the two simple methods."""

from __future__ import annotations

from pathlib import Path

import pytest
from hand_made_dataset import write_dataset

from experiments.bench.open_loop import OpenLoop, measure, summary
from experiments.command import UsageError
from policies.open_loop import HOLD, NEIGHBOUR, OVERALL, POLICY, OpenLoopReport, OpenLoopRow


def report(frames: int, policy: float, hold: float, neighbour: float) -> OpenLoopReport:
    errors = {POLICY: policy, HOLD: hold, NEIGHBOUR: neighbour}
    rows = tuple(OpenLoopRow(method, OVERALL, 0.3, error, "sigma") for method, error in errors.items())
    return OpenLoopReport(rows, frames, 1)


def test_errors_are_averaged_over_frames_and_compared_with_the_better_simple_method() -> None:
    (row,) = summary([report(100, 0.1, 0.3, 0.2), report(300, 0.3, 0.1, 0.6)])
    assert row.value == pytest.approx(0.25)
    assert row.goal == row.peer == pytest.approx(0.15)
    assert row.holds is False


def test_more_parts_than_episodes_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="has 3 episodes, too few for --folds 6"):
        measure(OpenLoop(dataset=write_dataset(tmp_path / "dataset")))


@pytest.mark.slow
def test_a_dataset_of_any_robot_is_measured_joint_group_by_joint_group(tmp_path: Path) -> None:
    dataset = write_dataset(tmp_path / "dataset")
    rows = measure(OpenLoop(dataset=dataset, folds=3, quick=True, cache=tmp_path / "cache"))
    assert {row.name.split(",")[0] for row in rows} == {"arm", "hand", OVERALL}
    assert [row.name for row in rows if row.goal is not None] == ["overall, 0.3 s ahead", "overall, 0.6 s ahead"]
