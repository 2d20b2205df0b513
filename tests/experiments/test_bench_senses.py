"""What the benchmark of senses says: each policy's success, and what it lost for want of a sense."""

from __future__ import annotations

from itertools import islice

import numpy as np
import pytest
from planted import rollout

from envs.tasks.pick_fruit import PICK_FRUIT
from experiments.bench.learning import LearningBench
from experiments.bench.senses import Senses, measure, summary
from experiments.command import UsageError
from policies.checkpoint import load_policy

SCENARIOS = list(islice(PICK_FRUIT.space.draw(None, np.random.default_rng(0)), 10))


def test_what_a_sense_is_worth_is_counted_pair_by_pair() -> None:
    tried = {
        "all": [rollout(scenario, place < 8) for place, scenario in enumerate(SCENARIOS)],
        "no-sight": [rollout(scenario, place == 9) for place, scenario in enumerate(SCENARIOS)],
        "no-sound": [rollout(scenario, place < 8) for place, scenario in enumerate(SCENARIOS)],
    }
    rows = {row.name: row for row in summary(tried)}
    assert rows["success, all senses"].value == 0.8
    assert rows["success, without sight"].value == 0.1
    assert rows["lost by sight"].value == pytest.approx(70.0)
    assert "lost 8, gained 1 of 10" in rows["lost by sight"].note
    assert rows["lost by sound"].value == 0.0


def test_a_folder_of_other_settings_is_refused(tmp_path) -> None:
    first = LearningBench(tmp_path, "pick_fruit", "nominal", 1, (2, 10, 1))
    assert LearningBench(tmp_path, "pick_fruit", "nominal", 1, (2, 10, 1)) == first
    for task, sizes in (("brew_coffee", (2, 10, 1)), ("pick_fruit", (120, 2500, 50))):
        with pytest.raises(UsageError, match=r"holds results of .*pick_fruit.* give another --folder"):
            LearningBench(tmp_path, task, "nominal", 1, sizes)


def test_a_run_that_was_broken_off_goes_on_with_what_it_has(tmp_path) -> None:
    config = Senses(quick=True, folder=tmp_path, without=("sound",), processes=1)
    first = measure(config)
    made = {file: file.stat().st_mtime_ns for file in tmp_path.rglob("*.safetensors")}
    (tmp_path / "rollouts-policy-no-sound-0-on-sim.json").unlink()
    assert [row.value for row in measure(config)] == [row.value for row in first]
    assert set(load_policy(tmp_path / "policy-all-0").network.senses) - {"sound"} == set(
        load_policy(tmp_path / "policy-no-sound-0").network.senses
    )
    assert made
    assert made == {file: file.stat().st_mtime_ns for file in tmp_path.rglob("*.safetensors")}
