"""How often the expert itself fails where a policy does: there, more demonstrations would not mend it."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from envs.episodes.archive import Archive
from envs.episodes.session import EpisodeOrder, EpisodeResult
from envs.scenario import Pool, Scenario
from envs.tasks.task import Task
from experiments.orders import orders
from experiments.port_options import DEFAULT_ROBOT
from experiments.stations import Demonstrations
from experiments.workers import OnResult, console, run_jobs
from policies.cases.modes import Mode
from policies.cases.rates import Rate
from policies.cases.rule import Rule

_MODES = 2
_EPISODES = 30  # in each mode; with 10, one in eighty modes is called hopeless by chance
_MAX_DRAWS = 20_000


def expert_failures(
    task: Task,
    modes: Sequence[Mode],
    rng: np.random.Generator,
    *,
    processes: int,
    episodes: int = _EPISODES,
    robot: str = DEFAULT_ROBOT,
) -> dict[str, Rate]:
    """The expert's failure rate in the first confirmed modes, by mode name, on fresh scenarios of the TRAIN pool.

    The episodes are flown without images and not kept. A mode whose rule covers no TRAIN scenario is left out.
    """
    confirmed = [mode for mode in modes if mode.confirmed][:_MODES]
    seed = int(rng.integers(2**31))
    scenes = {mode.name: scenarios_within(task, mode.rule, episodes, rng) for mode in confirmed}
    wanted = [(name, order) for name, found in scenes.items() for order in orders(found, seed, "targeted", "expert")]
    if not wanted:
        return {}
    flown = fly_expert(task.name, [order for _, order in wanted], "expert in the modes", processes, robot)
    failed = [(name, not result.success) for (name, _), result in zip(wanted, flown, strict=True)]
    rates = {name: Rate.of(bad for other, bad in failed if other == name) for name, found in scenes.items() if found}
    for name, rate in rates.items():
        console.print(f"  the expert itself failed in {rate} where {name}", soft_wrap=True)
    return rates


def fly_expert(
    task: str,
    wanted: Sequence[EpisodeOrder],
    what: str,
    processes: int,
    robot: str = DEFAULT_ROBOT,
    on_result: OnResult[EpisodeResult] | None = None,
) -> list[EpisodeResult]:
    """Fly orders as `retake collect` does, without images; the recordings are not kept."""
    with TemporaryDirectory() as folder:
        place = Demonstrations(task, Archive(Path(folder) / "archive").root, robot, images=False)
        return run_jobs(what, place.run, wanted, processes=processes, on_result=on_result)


def scenarios_within(task: Task, rule: Rule, count: int, rng: np.random.Generator) -> list[Scenario]:
    """The first so many TRAIN scenarios in a rule; fewer where it covers next to nothing."""
    drawn = islice(task.space.draw(Pool.TRAIN, rng), _MAX_DRAWS)
    return list(islice((scenario for scenario in drawn if rule.matches(scenario)), count))
