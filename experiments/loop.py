"""The round repeated over seeds, with a control arm: only this may speak of the recipe, not of one pair of networks."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from envs.episodes.durable import write_json
from envs.scenario import Pool
from experiments.command import run_verb
from experiments.demo import move_aside
from experiments.figures import RoundFigures
from experiments.full_round import AFTER, run_round
from experiments.report import write_report
from experiments.rollout_files import load_rollouts
from experiments.round import Round, RoundSizes
from experiments.summary import headline
from experiments.workers import available_processes, console, set_thread_limits
from policies.cases.allocation import Budget
from policies.cases.planning import Planner
from policies.cases.recipe import compare_recipes
from policies.cases.rollout import Rollout

CONTROL = "uniform"


@dataclass(frozen=True)
class Loop:
    """Repeat the round over seeds, each with a control arm that collects uniformly as many steps.

    Each seed makes new demonstrations, new networks, new requests. Both arms start from the same first policy and are
    tried on the same VERIFY scenarios. The comparison resamples seeds and scenarios together.

    Example: retake loop --seeds 3
    """

    folder: Path = Path("runs/loop")
    """Where everything goes; an earlier loop there is moved aside."""
    seeds: int = 3
    """How many seeds, counted from --first-seed; none is discarded."""
    first_seed: int = 0
    """The first seed."""
    sizes: RoundSizes = field(default_factory=RoundSizes)
    """How much of everything in each round."""
    processes: int = available_processes()
    """How many simulations run at once."""


def run(config: Loop) -> int:
    set_thread_limits()
    move_aside(config.folder)
    aimed: dict[int, dict[str, bool]] = {}
    uniform: dict[int, dict[str, bool]] = {}
    lines = []
    for seed in range(config.first_seed, config.first_seed + config.seeds):
        console.rule(f"seed {seed}")
        place = Round(config.folder / f"seed-{seed}", seed=seed, sizes=config.sizes, processes=config.processes)
        place.folder.mkdir(parents=True)
        figures = run_round(place)
        write_report(figures, place.folder)
        aimed[seed] = outcomes(load_rollouts(place.rollout_file(AFTER, Pool.VERIFY)).rollouts)
        uniform[seed] = outcomes(control_arm(place, figures))
        lines.append(f"seed {seed}: {headline(figures)}")
    comparison = compare_recipes(aimed, uniform, np.random.default_rng(config.first_seed))
    write_json(config.folder / "recipe.json", comparison.to_dict())
    console.rule("all seeds")
    for line in lines:
        console.print(line, soft_wrap=True)
    console.print(f"[bold]{comparison.text}[/]\nfigures: {config.folder / 'recipe.json'}", soft_wrap=True)
    return 0


def control_arm(place: Round, figures: RoundFigures) -> list[Rollout]:
    """Uniform coverage of as many steps as the requests brought, trained alike, tried on the same scenarios."""
    with place.stage("Control arm", "the same number of demonstration steps, spread uniformly"):
        kept = sum(row.kept for row in figures.collected)
        usual = sum(row.steps for row in figures.collected) / max(kept, 1)
        brought = sum(row.steps for row in figures.recollected)
        planner = Planner(place.task, Budget(brought, usual, usual), figures.control_hz, CONTROL)
        queue = place.queue("requests-uniform")
        queue.add(planner.uniform_coverage("The control arm.", place.rng(12)).requests)
        place.answer(queue)
        new = frozenset(episode for request in queue.all() for episode in request.episodes)
        place.retrain(CONTROL, place.build(), new)
        return place.try_policy(CONTROL, Pool.VERIFY, place.sizes.verify, 8)


def outcomes(rollouts: Iterable[Rollout]) -> dict[str, bool]:
    """Success by scenario."""
    return {rollout.key: rollout.success for rollout in rollouts}


def main(arguments: Sequence[str] | None = None) -> int:
    return run_verb("retake loop", Loop, run, arguments)


if __name__ == "__main__":
    sys.exit(main())
