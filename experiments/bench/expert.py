"""How often the scripted expert succeeds: on scenarios it has never met, and from moments where a policy despaired."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np

from assets.table import load_robot
from envs.episodes.session import EpisodeOrder, EpisodeResult
from envs.scenario import Distribution
from envs.tasks.known import load_task
from experiments.bench.rows import BenchOptions, Row
from experiments.command import UsageError
from experiments.expert_trials import fly_expert
from experiments.orders import orders, snapshot_at
from experiments.port_options import DEFAULT_ROBOT
from experiments.rollout_files import RolloutFile, load_rollouts
from experiments.workers import available_processes
from policies.cases.planning import recovery_start
from policies.cases.rates import Rate
from policies.cases.rollout import troubled

NOMINAL_GOAL = 0.95
RECOVERY_GOAL = 0.80
_QUICK_EPISODES = 16
_OPERATOR = "bench"


@dataclass(frozen=True)
class Expert(BenchOptions):
    """The scripted expert's success on fresh scenarios of every pool, without images, with Wilson's 95 % interval.

    With --rollouts, its success from the last snapshot at least half a second before each alarm of a policy, or before
    its failure where nothing alarmed.

    Examples:
      retake bench expert --seed 7 --episodes 200
      retake bench expert --rollouts runs/mine/discover.json
    """

    task: str = "pick_fruit"
    """What is done."""
    seed: int = 0
    """Draws the scenarios; each seed draws others."""
    episodes: int = 100
    """How many of each distribution, or how many moments at most; --quick takes at most 16."""
    rollouts: Path | None = None
    """Rollouts that `retake evaluate --out` wrote: let the expert recover from where they alarmed or failed."""
    archive: Path | None = None
    """The archive that holds their episodes; left out, the one that the rollouts name."""
    processes: int = available_processes()
    """How many episodes are simulated at once."""

    @property
    def wanted(self) -> int:
        return min(self.episodes, _QUICK_EPISODES) if self.quick else self.episodes


def measure(config: Expert) -> list[Row]:
    if config.rollouts is not None:
        return [_recoveries(config, load_rollouts(config.rollouts))]
    if config.archive is not None:
        raise UsageError("--archive says where the episodes of --rollouts are; give both, or neither")
    return [_fresh(config, "nominal", NOMINAL_GOAL), _fresh(config, "deployment", None)]


def recovery_orders(found: RolloutFile, archive: Path, count: int, seed: int) -> list[EpisodeOrder]:
    """An order to go on from each of the first so many moments before an alarm or a failure.

    Raises:
        UsageError: there are no such moments.
        ArchiveError: the archive does not hold an episode or its snapshot.
    """
    control_hz = load_robot(DEFAULT_ROBOT).control_hz
    starts = [
        (rollout, start)
        for rollout in troubled(found.rollouts)
        if (start := recovery_start(rollout, control_hz)) is not None
    ]
    if not starts:
        raise UsageError(
            f"none of {len(found.rollouts)} rollouts alarmed or failed where it can be restarted; give rollouts in "
            "simulation, longer than half a second before the alarm"
        )
    return [
        EpisodeOrder(
            scenario=rollout.scenario,
            seed=int(np.random.default_rng([seed, number]).integers(2**31)),
            purpose="recovery",
            operator=_OPERATOR,
            pool=rollout.pool,
            start=snapshot_at(archive, start),
            parent=rollout.episode_id,
        )
        for number, (rollout, start) in enumerate(starts[:count])
    ]


def _recoveries(config: Expert, found: RolloutFile) -> Row:
    wanted = recovery_orders(found, config.archive or found.archive, config.wanted, config.seed)
    results = fly_expert(found.task, wanted, "moments before an alarm", config.processes)
    return _row("success, from before an alarm or a failure", results, RECOVERY_GOAL)


def _fresh(config: Expert, distribution: Distribution, goal: float | None) -> Row:
    drawn = load_task(config.task).space.draw(None, np.random.default_rng(config.seed), distribution=distribution)
    wanted = orders(list(islice(drawn, config.wanted)), config.seed, "uniform", _OPERATOR)
    results = fly_expert(config.task, wanted, f"{distribution} scenarios", config.processes)
    return _row(f"success, {distribution}", results, goal)


def _row(name: str, results: list[EpisodeResult], goal: float | None) -> Row:
    rate = Rate.of(result.success for result in results)
    low, high = rate.interval
    failures = sorted({result.signature for result in results if not result.success})
    note = f"{rate.count} of {rate.n}, interval {low:.3f}-{high:.3f}" + (
        f"; failed by {', '.join(failures)}" if failures else ""
    )
    return Row(name, rate.value, "share", goal=goal, wanted="at least", note=note)
