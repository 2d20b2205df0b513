"""The benchmark of the expert goes on where it was broken off, and tells each seed beside all of them."""

from __future__ import annotations

import json
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from one_line import one_line

from envs.tasks.pick_fruit import PICK_FRUIT
from experiments.bench import command
from experiments.bench.expert import reached_rows, success_rows
from experiments.bench.kept_trials import Trial, fly_kept
from experiments.command import BAD_INPUT
from experiments.orders import orders
from policies.cases.rates import wilson

ORDERS = orders(list(islice(PICK_FRUIT.space.draw(None, np.random.default_rng(0)), 3)), 0, "uniform", "bench")


def trials(successes: int, count: int) -> list[Trial]:
    return [Trial(str(place), place < successes, "" if place < successes else "dropped") for place in range(count)]


def test_a_run_that_was_broken_off_flies_only_what_is_missing(tmp_path: Path) -> None:
    file = tmp_path / "new" / "trials.jsonl"
    first = fly_kept("pick_fruit", ORDERS[:1], "trials", 1, file)
    line = json.loads(file.read_text())
    # A file that says otherwise than the expert would shows what was read and what was flown.
    lost = {**line, "success": False, "signature": "made up"}
    file.write_text(json.dumps(lost) + "\n" + json.dumps(line)[:20])
    both = fly_kept("pick_fruit", ORDERS[:2], "trials", 1, file)
    assert first[0].success
    assert line["steps_done"] == len(PICK_FRUIT.instructions)
    assert (both[0].success, both[0].signature) == (False, "made up")
    assert both[1].order != both[0].order
    assert [json.loads(text)["order"] for text in file.read_text().splitlines()] == [trial.order for trial in both]


def test_a_file_of_something_else_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for distribution in ("nominal", "deployment"):
        (tmp_path / f"pick_fruit-{distribution}-seed-0.jsonl").write_text('{"milk": 2}\n')
    assert command.main(["expert", "--episodes", "1", "--folder", str(tmp_path)]) == BAD_INPUT
    assert "holds no trials of the expert" in one_line(capsys.readouterr().err)


def test_all_seeds_have_the_goal_and_each_has_its_own_interval() -> None:
    pooled, first, second = success_rows("success", {3: trials(8, 10), 5: trials(10, 10)}, 0.95)
    assert (pooled.value, pooled.goal, pooled.holds) == (0.9, 0.95, False)
    assert [row.name for row in (first, second)] == ["success, seed 3", "success, seed 5"]
    assert (first.value, second.value, first.goal) == (0.8, 1.0, None)
    for row, (count, n) in ((pooled, (18, 20)), (first, (8, 10)), (second, (10, 10))):
        low, high = wilson(count, n)
        assert f"{count} of {n}, interval {low:.3f}-{high:.3f}" in row.note
    assert "failed by dropped 2" in pooled.note


def test_one_seed_has_one_row() -> None:
    (row,) = success_rows("success", {0: trials(19, 20)}, 0.95)
    assert (row.name, row.goal, row.holds) == ("success", 0.95, True)


def test_a_towel_that_was_folded_in_half_counts_whatever_came_of_it() -> None:
    grasped, torn = Trial("a", False, "timeout:fold", 1), Trial("b", False, "torn", 2)
    smoothed, whole = Trial("c", False, "timeout:grasp_again", 3), Trial("d", True, "", 5)
    (row,) = reached_rows("first half-fold", {0: [grasped, torn, smoothed, whole]}, 2, 0.95)
    low, high = wilson(3, 4)
    assert (row.value, row.goal, row.holds) == (0.75, 0.95, False)
    assert row.note == f"3 of 4, interval {low:.3f}-{high:.3f}; failed by timeout:fold 1"


def test_trials_from_before_it_was_kept_how_far_they_came_are_no_half_folds(tmp_path: Path) -> None:
    (file := tmp_path / "trials.jsonl").write_text(
        "".join(
            json.dumps({"order": f"{order.scenario.key} seed {order.seed}", "success": bool(place), "signature": ""})
            + "\n"
            for place, order in enumerate(ORDERS[:2])
        )
    )
    lost, won = fly_kept("pick_fruit", ORDERS[:2], "trials", 1, file)
    (row,) = reached_rows("first half-fold", {0: [lost, won]}, 2, 0.95)
    assert (row.value, row.holds) == (None, None)
    assert "1 failures in --folder are from before it was kept how far they came" in row.note
    (row,) = reached_rows("first half-fold", {0: [won]}, 2, 0.95)
    assert row.value == 1.0
