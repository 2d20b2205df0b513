"""Orders for episodes: which scenarios, which seeds, for what purpose."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

import numpy as np

from envs.episodes.archive import Archive
from envs.episodes.records import Purpose
from envs.episodes.session import EpisodeOrder
from envs.errors import ArchiveError, ScenarioError, UnstableError
from envs.humanoid import HumanoidEnv
from envs.scenario import Distribution, Pool, Scenario, ScenarioSpace
from envs.snapshot import Snapshot
from envs.tasks.task import Task
from policies.cases.requests import Request, Start

SEED_LIMIT = 2**31


def scenarios(
    space: ScenarioSpace, pool: Pool, count: int, seed: int, *, distribution: Distribution = "deployment"
) -> list[Scenario]:
    """The first so many scenarios of a pool under a seed."""
    return list(islice(space.draw(pool, np.random.default_rng(seed), distribution=distribution), count))


def orders(
    chosen: Sequence[Scenario], seed: int, purpose: Purpose, operator: str, policy: str | None = None
) -> list[EpisodeOrder]:
    """One order a scenario. The episode's seed follows from its scenario, so that two policies meet the same noise."""
    return [
        EpisodeOrder(scenario, episode_seed(scenario, seed), purpose, operator, policy=policy) for scenario in chosen
    ]


def episode_seed(scenario: Scenario, seed: int, *more: int) -> int:
    """A seed that depends on the scenario, the round's seed and what `more` numbers it, and on nothing else."""
    return int(np.random.default_rng([int(scenario.key, 16), seed, *more]).integers(SEED_LIMIT))


@dataclass(frozen=True)
class RequestOrders:
    """What a queue comes to: each order with its request and its place in it, and why others cannot be ordered.

    `cannot_start` tells of starts that no archive holds, `refused` of what task or model are no longer as they were.
    """

    orders: list[tuple[Request, int, EpisodeOrder]]
    cannot_start: list[str]
    refused: tuple[str, ...] = ()


def request_orders(requests: Sequence[Request], archives: Sequence[Path], seed: int, operator: str) -> RequestOrders:
    """An order for each demonstration that is still open. One whose start none of the archives holds is only named.

    A restart repeats the body's noise to the bit, so two answers from one snapshot would be copies of each other if
    they also had one seed: the demonstration's place and its earlier answers are mixed in.
    """
    found, cannot_start = [], []
    for request in requests:
        for place in request.open_demonstrations:
            wanted = request.demonstrations[place]
            earlier = sum(answer.demonstration == place for answer in request.answers)
            order = EpisodeOrder(
                scenario=wanted.scenario,
                seed=episode_seed(wanted.scenario, seed, place, earlier),
                purpose=request.kind,
                operator=operator,
                pool=wanted.pool,
                request=request.id,
                parent=None if wanted.start is None else wanted.start.episode_id,
            )
            if wanted.start is not None:
                try:
                    order = replace(order, start=_snapshot_in(archives, wanted.start))
                except ArchiveError as error:
                    cannot_start.append(f"{request.id}, demonstration {place}: {error}")
                    continue
            found.append((request, place, order))
    return RequestOrders(found, cannot_start)


def refuse_strangers(found: RequestOrders, task: Task, env: HumanoidEnv | None) -> RequestOrders:
    """The same without orders whose scenario or start the task no longer has, so that none is met half way through.

    Args:
        env: a simulated one like those that will run them, on which starts are tried; None for a body that is only set
            up alike.
    """
    kept, refused = [], []
    for request, place, order in found.orders:
        reason = _strangeness(order, task, env)
        if reason is None:
            kept.append((request, place, order))
        else:
            refused.append(f"{request.id}, demonstration {place}: {reason}")
    return replace(found, orders=kept, refused=tuple(refused))


def _strangeness(order: EpisodeOrder, task: Task, env: HumanoidEnv | None) -> str | None:
    if order.scenario.task != task.name:
        return f"it is of task {order.scenario.task!r}, not {task.name!r}"
    try:
        task.space.scenario(order.scenario.values)
        if env is not None and order.start is not None:
            env.reset(options={"start": order.start})
    except ScenarioError as error:
        return str(error)
    except UnstableError:
        return None  # its own episode says so
    return None


def _snapshot_in(archives: Sequence[Path], start: Start) -> Snapshot:
    """The snapshot in the first archive that has the episode.

    Raises:
        ArchiveError: no archive has the episode, or it holds no snapshot of that step.
    """
    for root in archives:
        if Archive(root, create=False).folder(start.episode_id).is_dir():
            return snapshot_at(root, start)
    places = " nor ".join(map(str, archives))
    raise ArchiveError(f"its start, episode {start.episode_id}, is not in {places}")


def snapshot_at(archive: Path, start: Start) -> Snapshot:
    """The snapshot that an episode holds of one of its steps; it names the episode.

    Raises:
        ArchiveError: there is no such episode, or it holds no snapshot of that step.
    """
    episode = Archive(archive, create=False).open(start.episode_id)
    by_step = {snapshot.step: snapshot for snapshot in episode.snapshots.values()}
    if start.step not in by_step:
        steps = ", ".join(map(str, by_step)) or "none"
        raise ArchiveError(f"episode {start.episode_id} has no snapshot of step {start.step}; it has {steps}")
    return replace(by_step[start.step], episode=start.episode_id)
