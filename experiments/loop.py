"""The round repeated over seeds, with a control arm: only this may speak of the recipe, not of one pair of networks."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from envs.episodes.durable import write_json
from envs.scenario import Pool
from experiments.command import at_least, run_verb
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
from policies.errors import EvidenceError


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
    """How many seeds, counted from --first-seed; one whose requests brought nothing is named, and not compared."""
    first_seed: int = 0
    """The first seed."""
    sizes: RoundSizes = field(default_factory=RoundSizes)
    """How much of everything in each round."""
    processes: int = available_processes()
    """How many simulations run at once."""


def run(config: Loop) -> int:
    at_least(1, seeds=config.seeds, processes=config.processes)
    at_least(0, first_seed=config.first_seed)
    config.sizes.check()
    set_thread_limits()
    move_aside(config.folder)
    aimed: dict[int, dict[str, bool]] = {}
    uniform: dict[int, dict[str, bool]] = {}
    steps: dict[int, dict[str, int]] = {}
    not_compared: dict[int, str] = {}
    lines = []
    for seed in range(config.first_seed, config.first_seed + config.seeds):
        console.rule(f"seed {seed}")
        place = Round(config.folder / f"seed-{seed}", seed=seed, sizes=config.sizes, processes=config.processes)
        place.folder.mkdir(parents=True)
        figures = run_round(place)
        write_report(figures, place.folder)
        lines.append(f"seed {seed}: {headline(figures)}")
        try:
            control = run_control_arm(place, figures)
        except EvidenceError as error:
            not_compared[seed] = str(error)
            lines.append(f"seed {seed} has no control arm: {error}")
            continue
        aimed[seed] = outcomes(load_rollouts(place.rollout_file(AFTER, Pool.VERIFY)).rollouts)
        uniform[seed] = outcomes(control.rollouts)
        steps[seed] = {"requests": control.aimed_steps, "control": control.control_steps}
    rng = np.random.default_rng(config.first_seed)
    comparison = compare_recipes(aimed, uniform, rng) if aimed else None
    text = comparison.text if comparison else "No seed has a control arm, so nothing is said of the recipe."
    judged = comparison.to_dict() if comparison else {"proven": False, "text": text}
    write_json(config.folder / "recipe.json", {**judged, "steps": steps, "not_compared": not_compared})
    console.rule("all seeds")
    for line in lines:
        console.print(line, soft_wrap=True)
    console.print(f"[bold]{text}[/]\nfigures: {config.folder / 'recipe.json'}", soft_wrap=True)
    return 0


def outcomes(rollouts: Iterable[Rollout]) -> dict[str, bool]:
    """Success by scenario."""
    return {rollout.key: rollout.success for rollout in rollouts}


def main(arguments: Sequence[str] | None = None) -> int:
    return run_verb("retake loop", Loop, run, arguments)


if __name__ == "__main__":
    sys.exit(main())
