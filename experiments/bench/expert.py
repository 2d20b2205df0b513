"""How often the scripted expert succeeds: on scenarios it has never met, and from moments where a policy despaired."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

import numpy as np

from assets.table import load_robot
from envs.episodes.session import EpisodeOrder
from envs.scenario import Distribution
from envs.tasks.known import load_task
from experiments.bench.kept_trials import Trial, fly_kept
from experiments.bench.rows import BenchOptions, Row
from experiments.bench.success import success_row
from experiments.command import UsageError, at_least
from experiments.orders import orders, snapshot_at
from experiments.port_options import DEFAULT_ROBOT
from experiments.rollout_files import RolloutFile, load_rollouts
from experiments.step_starts import place_of_step
from experiments.task_option import TaskName
from experiments.workers import available_processes
from policies.cases.planning import LEAST_LEAD_S, recovery_start
from policies.cases.rollout import troubled

_GOALS: dict[Distribution, float] = {"nominal": 0.95, "deployment": 0.80}
_CLOTH_GOALS: dict[Distribution, float] = {"nominal": 0.85, "deployment": 0.70}  # of both folds
_HALF_FOLD, _HALF_FOLD_STEP = "first half-fold", "fold"  # has the goals of every other task
RECOVERY_GOAL = 0.80
_QUICK_EPISODES = 16
_OPERATOR = "bench"


@dataclass(frozen=True)
class Expert(BenchOptions):
    """The scripted expert's success on fresh scenarios of every pool, without images, with Wilson's 95 % interval.

    Of fold_towel there are rows for the first half-fold as well: the towel lay folded in half, whatever came of it
    afterwards.

    With --rollouts, its success from the last snapshot so long before each alarm of a policy as the task or --lead-s
    says; where the rollout began later, from its beginning. Apart and without a goal, before its failures where nothing
    alarmed.
    With several seeds there is a row for each, and one for all of them. Whatever is in --folder already is used again,
    so a run that was broken off goes on; an expert that has changed since wants another folder.

    Examples:
      retake bench expert --seed 7 --episodes 200
      retake bench expert --task fold_towel --seed 0 1 2 --episodes 100 --folder runs/expert
      retake bench expert --rollouts runs/mine/discover.json
      retake bench expert --rollouts runs/mine/discover.json --lead-s 0.5 1 2 4
    """

    task: TaskName = "pick_fruit"
    """What is done."""
    seed: tuple[int, ...] = (0,)
    """Draws the scenarios; each seed draws others."""
    episodes: int = 100
    """How many of each distribution and seed, or how many moments at most; --quick takes at most 16."""
    folder: Path | None = None
    """Where each trial is kept as soon as it has ended; left out, nothing is kept."""
    rollouts: Path | None = None
    """Rollouts that `retake evaluate --out` wrote: let the expert recover from where they alarmed or failed."""
    archive: Path | None = None
    """The archive that holds their episodes; left out, the one that the rollouts name."""
    lead_s: tuple[float, ...] = ()
    """How many seconds before alarms it takes over, at least 0.5; several tell how early somebody has to."""
    processes: int = available_processes()
    """How many episodes are simulated at once."""

    @property
    def wanted(self) -> int:
        return min(self.episodes, _QUICK_EPISODES) if self.quick else self.episodes


def measure(config: Expert) -> list[Row]:
    at_least(1, episodes=config.episodes)
    for seed in config.seed:
        at_least(0, seed=seed)
    if not config.seed:
        raise UsageError("--seed is empty; give one seed or several, as in --seed 0 1 2")
    if config.rollouts is not None:
        return _recovery_rows(config, load_rollouts(config.rollouts))
    if config.archive is not None:
        raise UsageError("--archive says where the episodes of --rollouts are; give both, or neither")
    if config.lead_s:
        raise UsageError("--lead-s says how long before the alarms of --rollouts it takes over; give both, or neither")
    rows: list[Row] = []
    goals = _CLOTH_GOALS if config.task == "fold_towel" else _GOALS
    for distribution, goal in goals.items():
        trials = {seed: _fresh(config, distribution, seed) for seed in config.seed}
        rows += success_rows(f"success, {distribution}", trials, goal)
        if config.task == "fold_towel":
            place = place_of_step(_HALF_FOLD_STEP, config.task)
            rows += reached_rows(f"{_HALF_FOLD}, {distribution}", trials, place + 1, _GOALS[distribution])
    return rows


def recovery_orders(found: RolloutFile, archive: Path, count: int, seed: int, lead_s: float) -> list[EpisodeOrder]:
    """An order to go on from each of the first so many moments before an alarm or a failure.

    Raises:
        UsageError: there are no such moments.
        ArchiveError: the archive does not hold an episode or its snapshot.
    """
    control_hz = load_robot(DEFAULT_ROBOT).control_hz
    starts = [
        (rollout, start)
        for rollout in troubled(found.rollouts)
        if (start := recovery_start(rollout, control_hz, lead_s)) is not None
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


def success_rows(
    name: str, by_seed: Mapping[int, Sequence[Trial]], goal: float | None, pooled_remark: str = ""
) -> list[Row]:
    """One row for all seeds, which has the goal, and one for each of them where there are several."""
    pooled = success_row(name, [trial for trials in by_seed.values() for trial in trials], goal)
    if len(by_seed) == 1:
        return [pooled]
    pooled = replace(pooled, note=pooled.note + pooled_remark)
    return [pooled, *(success_row(f"{name}, seed {seed}", trials, None) for seed, trials in by_seed.items())]


def reached_rows(name: str, by_seed: Mapping[int, Sequence[Trial]], steps: int, goal: float | None) -> list[Row]:
    """The same of how often the first so many instruction steps were done, whatever became of it afterwards."""
    unknown = sum(trial.steps_done is None and not trial.success for trials in by_seed.values() for trial in trials)
    if unknown:
        note = f"{unknown} failures in --folder are from before it was kept how far they came; give another --folder"
        return [Row(name, None, "share", goal=goal, wanted="at least", note=note)]
    return success_rows(
        name, {seed: [_up_to(steps, trial) for trial in trials] for seed, trials in by_seed.items()}, goal
    )


def _up_to(steps: int, trial: Trial) -> Trial:
    """The trial as if it had been over when so many steps were done."""
    return replace(trial, success=True, signature="") if (trial.steps_done or 0) >= steps else trial


def _recovery_rows(config: Expert, found: RolloutFile) -> list[Row]:
    late = [lead_s for lead_s in config.lead_s if not lead_s >= LEAST_LEAD_S]
    if late:
        raise UsageError(f"--lead-s is {late[0]:g}; it must be at least {LEAST_LEAD_S:g}")
    leads_s = config.lead_s or (load_task(found.task).recovery_lead_s,)
    return [row for lead_s in leads_s for row in _rows_with_lead(config, found, lead_s)]


def _rows_with_lead(config: Expert, found: RolloutFile, lead_s: float) -> list[Row]:
    alarmed = {rollout.episode_id for rollout in found.rollouts if rollout.alarm_step is not None}
    before_alarm: dict[int, list[Trial]] = {}
    before_failure: dict[int, list[Trial]] = {}
    for seed in config.seed:
        wanted = recovery_orders(found, config.archive or found.archive, config.wanted, seed, lead_s)
        file = _file(config, f"{found.task}-recoveries-lead-{lead_s:g}-seed-{seed}")
        name = f"moments {lead_s:g} s before trouble, seed {seed}"
        trials = fly_kept(found.task, wanted, name, config.processes, file)
        flown = list(zip(wanted, trials, strict=True))
        before_alarm[seed] = [trial for order, trial in flown if order.parent in alarmed]
        before_failure[seed] = [trial for order, trial in flown if order.parent not in alarmed]
    remark = "; with every seed the same moments, so the interval is narrower than it should be"
    rows: list[Row] = []
    for name, trials_of, goal in (
        (f"success, from {lead_s:g} s before an alarm", before_alarm, RECOVERY_GOAL),
        (f"success, from {lead_s:g} s before a failure without an alarm", before_failure, None),
    ):
        if any(trials_of.values()):
            rows += success_rows(name, trials_of, goal, remark)
    return rows


def _fresh(config: Expert, distribution: Distribution, seed: int) -> list[Trial]:
    drawn = load_task(config.task).space.draw(None, np.random.default_rng(seed), distribution=distribution)
    wanted = orders(list(islice(drawn, config.wanted)), seed, "uniform", _OPERATOR)
    file = _file(config, f"{config.task}-{distribution}-seed-{seed}")
    return fly_kept(config.task, wanted, f"{distribution} scenarios, seed {seed}", config.processes, file)


def _file(config: Expert, name: str) -> Path | None:
    return None if config.folder is None else config.folder / f"{name}.jsonl"
