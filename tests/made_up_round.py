"""A round whose rollouts are made up, taken through the real case finder, planner and verification."""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice
from pathlib import Path

import numpy as np

from envs.episodes.records import InstructionMark
from envs.scenario import Pool, Scenario
from envs.tasks.task import Task
from experiments.factor_success import success_by_factor
from experiments.figures import (
    Collected,
    DatasetSize,
    EpisodeSignals,
    RequestFigure,
    RoundFigures,
    Track,
    TrainingCurve,
    Trial,
)
from experiments.quality_figures import QualityFigure
from policies.cases.allocation import Budget
from policies.cases.detection import assess_detection
from policies.cases.doubt import DoubtBand
from policies.cases.modes import find_modes
from policies.cases.planning import Planner
from policies.cases.risk import study_risk
from policies.cases.rollout import Decisions, Rollout
from policies.cases.verify import judge_improvement, judge_regression

HZ = 25.0


def _rollouts(
    task: Task, pool: Pool, n: int, fails: Callable[[Scenario], float], rng: np.random.Generator, seed: int = 0
) -> list[Rollout]:
    """Failures at the named rate; the same generator state gives the same scenarios."""
    found = []
    for scenario in islice(task.space.draw(None, np.random.default_rng(seed)), n):
        success = bool(rng.random() >= fails(scenario))
        steps = int(rng.integers(90, 130)) if success else 150
        doubt = rng.gamma(3.0, 0.02, steps // 5) + (0.0 if success else np.linspace(0.0, 0.15, steps // 5))
        at = np.arange(steps // 5) * 5
        signature = "" if success else str(rng.choice(["grasp", "pick", "timeout:reach"], p=[0.7, 0.2, 0.1]))
        snapshots = tuple(range(0, steps, 10))
        decisions = Decisions.of(at, doubt, doubt / 2)
        name = f"{pool}-{scenario.key}"
        alarm = None if success else 75
        found.append(Rollout(scenario, pool, success, signature, name, 1, steps, decisions, alarm, snapshots))
    return found


def made_up_round(
    task: Task,
    hard: Callable[[Scenario], bool],
    *,
    improved: float = 0.35,
    picture: Path | None = None,
    rollouts: int = 160,
) -> RoundFigures:
    """A round in which retraining changes the failure rate in the hard region from 0.8 to `improved`."""
    rng = np.random.default_rng(11)
    before: Callable[[Scenario], float] = lambda scenario: 0.8 if hard(scenario) else 0.15  # noqa: E731
    after: Callable[[Scenario], float] = lambda scenario: improved if hard(scenario) else 0.14  # noqa: E731
    discover = _rollouts(task, Pool.DISCOVER, rollouts, before, rng)
    calibrate = _rollouts(task, Pool.CALIBRATE, 40, before, rng, seed=1)
    verify = [_rollouts(task, Pool.VERIFY, 60, policy, rng, seed=2) for policy in (before, after)]
    regress = [_rollouts(task, Pool.REGRESS, 100, policy, rng, seed=3) for policy in (before, after)]
    study = study_risk(task.space, discover, rng)
    modes = find_modes(task.space, discover, rng, permutations=99)
    plan = Planner(task, Budget(6000, 120, 80), HZ, "round-1").plan(study, modes, discover, rng)
    band = DoubtBand.calibrate(calibrate, rng)
    steps = np.arange(0, 5000, 50)
    curves = tuple(_curve(name, steps, floor) for name, floor in (("before", 0.09), ("after", 0.08)))
    deployed = _rollouts(task, Pool.TEST, 10, after, rng, seed=4)
    return RoundFigures(
        task=task.name,
        title=task.title,
        seed=0,
        control_hz=HZ,
        collected=(Collected("sim", "nominal", 62, 60, 7300), Collected("serial", "nominal", 8, 8, 1010)),
        quality=(
            QualityFigure("serial", "nominal", 8, {"good": 0, "coach": 0, "reject": 0, "unjudged": 8}, None, ()),
            QualityFigure(
                "sim",
                "nominal",
                62,
                {"good": 57, "coach": 3, "reject": 2, "unjudged": 0},
                0.93,
                ("Keep the hand moving in 'carry', at 1.2-1.7 s: longest pause 0.5 s, usually 0 s.",),
            ),
        ),
        datasets=(
            DatasetSize("before", 68, 8310, 332.4, ("head", "wrist")),
            DatasetSize("after", 132, 14100, 564.0, ("head", "wrist")),
        ),
        curves=curves,
        discover=Trial.of(discover),
        study=study,
        modes=tuple(modes),
        plan=plan,
        requests=tuple(RequestFigure(request, picture) for request in plan.requests),
        recollected=(
            Collected("sim", "recovery", 38, 36, 2800),
            Collected("sim", "targeted", 18, 17, 2050),
            Collected("sim", "uniform", 8, 8, 930),
        ),
        verify=judge_improvement(*verify),
        regress=judge_regression(*regress),
        by_factor=success_by_factor(task.space, verify[0] + regress[0], verify[1] + regress[1]),
        stage_seconds={
            "collect": 95.0,
            "dataset": 6.0,
            "train": 231.0,
            "try": 80.0,
            "find": 4.0,
            "collect again": 60.0,
        },
        versions={"retake": "0.1.0", "mujoco": "4.0.1", "torch": "2.13.0"},
        detection=assess_detection(band, discover, HZ),
        deployment=Trial.of(deployed),
        signals=_signals(band, next(rollout for rollout in discover if not rollout.success)),
    )


def _curve(name: str, steps: np.ndarray, floor: float) -> TrainingCurve:
    loss = 0.8 * np.exp(-steps / 900) + floor
    held_out = (loss[0] + 0.02, floor + 0.1, floor + 0.06)
    return TrainingCurve(name, tuple(steps.tolist()), tuple(loss.tolist()), (0, 2500, 4950), held_out)


def _signals(band: DoubtBand, rollout: Rollout) -> EpisodeSignals:
    at = rollout.decisions.step / HZ
    fine = np.arange(rollout.steps) / HZ
    grip = np.clip(8.0 * np.sin(np.maximum(fine - 2.0, 0.0)), 0.0, None)
    level = np.cumsum(rollout.decisions.doubt) / np.arange(1, at.size + 1)
    return EpisodeSignals(
        title=f"Rollout {rollout.episode_id}, failed at {rollout.signature}",
        tracks=(
            Track("doubt", "", at, level, band.threshold(at.size)),
            Track("grip force", "N", fine, grip),
            Track("hand height", "m", fine, 0.9 + 0.1 * np.cos(fine)),
        ),
        marks=(
            InstructionMark("reach", 0.0, 1.9, True),
            InstructionMark("grasp", 1.9, 3.1, True),
            InstructionMark("pick", 3.1, 5.9, False),
        ),
        alarm_s=3.0,
    )
