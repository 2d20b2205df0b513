"""How far cloned commands are from a person's, on recorded episodes that are left out in turn."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from experiments.bench.rows import BenchOptions, Row
from experiments.command import UsageError, at_least
from experiments.workers import progress_bar
from policies.open_loop import HOLD, NEIGHBOUR, OVERALL, POLICY, OpenLoopReport

MUST_BEAT_FROM_S = 0.3  # nearer than that, holding the last command is all but right by itself
_QUICK_STEPS = 60


@dataclass(frozen=True)
class OpenLoop(BenchOptions):
    """The error of a cloned policy's commands 0.1, 0.3 and 0.6 s ahead, cross-validated over recorded episodes.

    Every episode is left out once, every --folds-th together; the others train as `retake train --recipe predict` does.
    The peer of each figure is the better of holding the last command and repeating what followed the most similar
    training frame. Errors are mean absolute ones, in the unit of the joint group; overall, in standard deviations.

    Example: retake bench open-loop --dataset runs/g1/dataset --seeds 3
    """

    dataset: Path = Path("runs/g1/dataset")
    """What `retake dataset import` or `build` made."""
    folds: int = 6
    """Parts that are left out in turn; --quick takes the first alone, and few training steps."""
    seeds: int = 1
    """Trainings for each part, counted from seed 0; errors are averaged over them."""
    cache: Path | None = None
    """Where decoded images are kept; in the dataset, if left out."""


def measure(config: OpenLoop) -> list[Row]:
    from policies.dataset.reader import open_dataset

    at_least(1, seeds=config.seeds)
    at_least(2, folds=config.folds)
    count = len(open_dataset(config.dataset).episodes)
    if count < config.folds:
        raise UsageError(f"{config.dataset} has {count} episodes, too few for --folds {config.folds}")
    trials = [(fold, seed) for fold in range(1 if config.quick else config.folds) for seed in range(config.seeds)]
    with progress_bar("trainings", len(trials)) as advance:
        reports = []
        for fold, seed in trials:
            reports.append(_trial(config, fold, seed, count))
            advance(f"episodes {fold}, {fold + config.folds}, ... left out")
    return summary(reports)


def summary(reports: list[OpenLoopReport]) -> list[Row]:
    """A row for each joint group and look-ahead, averaged over all frames of all reports."""
    weights = np.array([report.frames for report in reports], dtype=np.float64)
    errors: dict[tuple[str, float, str], dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for report in reports:
        for row in report.rows:
            errors[row.group, row.ahead_s, row.unit][row.method].append(row.error)
    rows = []
    for (group, ahead_s, unit), methods in errors.items():
        mean = {method: float(np.average(values, weights=weights)) for method, values in methods.items()}
        best = min(mean[HOLD], mean[NEIGHBOUR])
        note = f"{HOLD} {mean[HOLD]:.4f}, {NEIGHBOUR} {mean[NEIGHBOUR]:.4f}"
        goal = best if group == OVERALL and ahead_s >= MUST_BEAT_FROM_S else None
        rows.append(Row(f"{group}, {ahead_s:.1f} s ahead", mean[POLICY], unit, goal=goal, peer=best, note=note))
    return rows


def _trial(config: OpenLoop, fold: int, seed: int, count: int) -> OpenLoopReport:
    from experiments.open_loop import compare_on
    from experiments.train import Train, training_config
    from policies.dataset.reader import open_dataset
    from policies.training import train

    left_out = list(range(fold, count, config.folds))
    known = [index for index in range(count) if index not in left_out]
    steps = _QUICK_STEPS if config.quick else None
    wanted = training_config(Train((config.dataset,), Path(), steps=steps, seed=seed, recipe="predict"))
    # Nothing is chosen by a held-out loss here, and eighteen recordings are few: all that are known train.
    training = open_dataset(config.dataset, episodes=known)
    policy = train([training], replace(wanted, held_out=0.0), cache=config.cache).policy
    unseen = open_dataset(config.dataset, episodes=left_out, purpose="evaluation")
    return compare_on(policy, training, unseen, config.cache)
