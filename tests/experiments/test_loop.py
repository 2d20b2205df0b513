"""Several seeds: what is known is on disk after each, and one that fails takes no other along."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from experiments.loop import SeedOutcome, compare_seeds
from policies.errors import DatasetError

BETTER = SeedOutcome({"a": True, "b": True}, {"a": False, "b": True}, {"requests": 10, "control": 12})


def test_a_seed_that_fails_is_named_and_the_next_one_runs(tmp_path: Path) -> None:
    file = tmp_path / "recipe.json"
    known: list[dict[str, dict[str, object]]] = []

    def one_seed(seed: int) -> SeedOutcome:
        if file.exists():
            known.append(json.loads(file.read_text()))
        if seed == 4:
            raise DatasetError("nothing was accepted")
        return BETTER

    compare_seeds(range(3, 6), one_seed, file)
    assert [sorted(held["steps"]) for held in known] == [["3"], ["3"]]
    last = json.loads(file.read_text())
    assert last["not_compared"] == {"4": "nothing was accepted"}
    assert last["per_seed"] == {"3": 0.5, "5": 0.5}


def test_an_error_that_nobody_foresaw_ends_the_loop_and_what_was_known_stays(tmp_path: Path) -> None:
    file = tmp_path / "recipe.json"

    def one_seed(seed: int) -> SeedOutcome:
        if seed == 1:
            raise ZeroDivisionError
        return BETTER

    with pytest.raises(ZeroDivisionError):
        compare_seeds(range(2), one_seed, file)
    assert json.loads(file.read_text())["steps"] == {"0": BETTER.steps}


def test_without_any_seed_that_came_through_nothing_is_said(tmp_path: Path) -> None:
    def one_seed(seed: int) -> SeedOutcome:
        raise DatasetError(f"no seed {seed}")

    recipe = compare_seeds(range(2), one_seed, tmp_path / "recipe.json")
    assert not recipe["proven"]
    assert recipe["not_compared"] == {0: "no seed 0", 1: "no seed 1"}
