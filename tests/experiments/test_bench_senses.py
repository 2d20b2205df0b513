"""What the benchmark of senses says: each policy's success, and what it lost for want of a sense."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from one_line import one_line
from planted import rollout

from envs.tasks.pick_fruit import PICK_FRUIT
from experiments.bench import command
from experiments.bench.learning import LearningBench
from experiments.bench.senses import Senses, measure, summary
from experiments.command import BAD_INPUT, UsageError
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


def test_policies_that_all_fail_are_told_apart_by_how_far_they_came() -> None:
    came = {"all": [3, 3, 2, 5], "no-sight": [1, 0, 1, 1]}
    tried = {
        name: [
            replace(rollout(scenario, done == 5), steps_done=done)
            for scenario, done in zip(SCENARIOS, steps, strict=False)
        ]
        for name, steps in came.items()
    }
    rows = {row.name: row for row in summary(tried)}
    assert rows["steps done, all senses"].value == 13 / 4
    assert rows["steps done, all senses"].note == "reach 4, grasp 4, pick 3, carry 1, place 1, of 4"
    assert rows["steps done, without sight"].note == "reach 3, grasp 0, pick 0, carry 0, place 0, of 4"
    tried["all"][0] = rollout(SCENARIOS[0], False)  # of a file from before it was kept
    assert "steps done, all senses" not in {row.name for row in summary(tried)}


def test_a_folder_of_other_settings_is_refused(tmp_path) -> None:
    first = LearningBench(tmp_path, "pick_fruit", "nominal", 1, (2, 10, 1))
    (tmp_path / "archive-sim").mkdir()
    assert LearningBench(tmp_path, "pick_fruit", "nominal", 1, (2, 10, 1)) == first
    for task, sizes in (("brew_coffee", (2, 10, 1)), ("pick_fruit", (120, 2500, 50))):
        with pytest.raises(UsageError, match=r"holds results of .*pick_fruit.* give another --folder"):
            LearningBench(tmp_path, task, "nominal", 1, sizes)


def test_the_expert_flies_once_to_where_all_policies_begin(tmp_path: Path) -> None:
    bench = LearningBench(tmp_path, "pick_fruit", "nominal", 1, (2, 10, 1))
    whole, begun = bench.trials(2, 0), bench.trials(2, 0, "grasp")
    assert [order.scenario for order in begun] == [order.scenario for order in whole]
    assert all(order.start is None for order in whole)
    assert all(order.start is not None and order.policy is None for order in begun)
    assert all(one is other for one, other in zip(begun, bench.trials(2, 0, "grasp"), strict=True))


def test_settings_of_which_nothing_was_made_are_in_nobodys_way(tmp_path: Path) -> None:
    LearningBench(tmp_path, "pick_fruit", "nominal", 1, (2, 10, 1))
    LearningBench(tmp_path, "brew_coffee", "nominal", 1, (2, 10, 1))
    (tmp_path / "archive-sim").mkdir()
    with pytest.raises(UsageError, match=r"holds results of .*brew_coffee"):
        LearningBench(tmp_path, "pick_fruit", "nominal", 1, (2, 10, 1))


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["senses", "--begin", "fly"], "no step 'fly'; its steps are reach, grasp"),
        (["senses", "--begin", "grasp", "fly"], "no step 'fly'; its steps are reach, grasp"),
        (["senses", "--execute-s", "0.5"], "--execute-s above 0 and at most 0.32"),
        (["senses", "--task", "juggle"], "choose one of pick_fruit"),
        (["mix", "--task", "juggle"], "choose one of pick_fruit"),
        (["mix", "--real-weights", "1", "-2"], "--real-weight and --cache-gb 0"),
        (["filter", "--task", "juggle"], "choose one of pick_fruit"),
    ],
)
def test_what_cannot_be_had_is_refused_before_anything_is_made(
    words: list[str], told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command.main([*words, "--folder", str(tmp_path / "new"), "--quick"]) == BAD_INPUT
    assert told in one_line(capsys.readouterr().err)
    assert list(tmp_path.iterdir()) == []


def test_starts_that_the_expert_did_not_reach_are_told_beside_every_success() -> None:
    tried = {name: [rollout(scenario, True) for scenario in SCENARIOS] for name in ("all", "no-sight")}
    rows = {row.name: row for row in summary(tried, ", from grasp", 12)}
    for name in ("success, all senses, from grasp", "success, without sight, from grasp"):
        assert rows[name].value == 1.0
        assert "10 of 10" in rows[name].note
        assert rows[name].note.endswith("; of 12, 2 dropped: the expert did not get that far")
    assert all("dropped" not in row.note for row in summary(tried, "", 10))


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
