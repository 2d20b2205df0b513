"""The round repeated over seeds, with a control arm: only this may speak of the recipe, not of one pair of networks."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from envs.episodes.durable import write_json
from envs.scenario import Pool
from experiments.command import BAD_INPUT, USER_ERRORS, at_least, run_verb
from experiments.control_arm import run_control_arm
from experiments.demo import move_aside
from experiments.full_round import AFTER, run_round
from experiments.report import write_report
from experiments.rollout_files import load_rollouts
from experiments.round import Round, RoundSizes
from experiments.summary import headline
from experiments.workers import available_processes, console, set_thread_limits
from policies.cases.recipe import compare_recipes
from policies.cases.rollout import Rollout


@dataclass(frozen=True)
class Loop:
    """Repeat the round over seeds, each with a control arm that collects uniformly at least as many steps.

    Each seed makes new demonstrations, new networks, new requests. Both arms start from the same first policy and are
    tried on the same VERIFY scenarios. The comparison resamples seeds and scenarios together.

    Example: retake loop --seeds 3
    """

    folder: Path = Path("runs/loop")
    """Where everything goes; an earlier loop there is moved aside."""
    seeds: int = 3
    """How many seeds, counted from --first-seed; one that fails is named, and not compared."""
    first_seed: int = 0
    """The first seed."""
    sizes: RoundSizes = field(default_factory=RoundSizes)
    """How much of everything in each round."""
    processes: int = available_processes()
    """How many simulations run at once."""


@dataclass(frozen=True)
class SeedOutcome:
    """Success by scenario in the two arms of one seed, and the demonstration steps that each learned from."""

    aimed: dict[str, bool]
    uniform: dict[str, bool]
    steps: dict[str, int]


def run(config: Loop) -> int:
    at_least(1, seeds=config.seeds, processes=config.processes)
    at_least(0, first_seed=config.first_seed)
    config.sizes.check()
    set_thread_limits()
    move_aside(config.folder)
    lines: list[str] = []

    def one_seed(seed: int) -> SeedOutcome:
        console.rule(f"seed {seed}")
        place = Round(config.folder / f"seed-{seed}", seed=seed, sizes=config.sizes, processes=config.processes)
        place.folder.mkdir(parents=True)
        figures = run_round(place)
        write_report(figures, place.folder)
        lines.append(f"seed {seed}: {headline(figures)}")
        control = run_control_arm(place, figures)
        return SeedOutcome(
            aimed=outcomes(load_rollouts(place.rollout_file(AFTER, Pool.VERIFY)).rollouts),
            uniform=outcomes(control.rollouts),
            steps={"requests": control.aimed_steps, "control": control.control_steps},
        )

    file = config.folder / "recipe.json"
    recipe = compare_seeds(range(config.first_seed, config.first_seed + config.seeds), one_seed, file)
    console.rule("all seeds")
    for line in [*lines, *(f"seed {seed} is not compared: {why}" for seed, why in recipe["not_compared"].items())]:
        console.print(line, soft_wrap=True, markup=False)
    console.print(f"[bold]{recipe['text']}[/]\nfigures: {file}", soft_wrap=True)
    return 0 if recipe["steps"] or lines else BAD_INPUT


def compare_seeds(seeds: Sequence[int], one_seed: Callable[[int], SeedOutcome], file: Path) -> dict[str, Any]:
    """Run every seed and compare the arms; `file` holds what is known after each. Returns what it holds at last.

    Hours go into a seed: an error in one is named, and takes neither those before it along nor those after it.
    """
    found: dict[int, SeedOutcome] = {}
    not_compared: dict[int, str] = {}
    recipe: dict[str, Any] = {}
    for seed in seeds:
        try:
            found[seed] = one_seed(seed)
        except USER_ERRORS as error:
            not_compared[seed] = str(error)
            console.print(f"  seed {seed} is not compared: {error}", soft_wrap=True, markup=False)
        recipe = {
            **_judged(found, seeds[0]),
            "steps": {seed: outcome.steps for seed, outcome in found.items()},
            "not_compared": not_compared,
        }
        write_json(file, recipe)
    return recipe


def _judged(found: Mapping[int, SeedOutcome], first_seed: int) -> dict[str, Any]:
    if not found:
        return {"proven": False, "text": "No seed has a control arm, so nothing is said of the recipe."}
    aimed = {seed: outcome.aimed for seed, outcome in found.items()}
    uniform = {seed: outcome.uniform for seed, outcome in found.items()}
    return compare_recipes(aimed, uniform, np.random.default_rng(first_seed)).to_dict()


def outcomes(rollouts: Iterable[Rollout]) -> dict[str, bool]:
    """Success by scenario."""
    return {rollout.key: rollout.success for rollout in rollouts}


def main(arguments: Sequence[str] | None = None) -> int:
    return run_verb("retake loop", Loop, run, arguments)


if __name__ == "__main__":
    sys.exit(main())
