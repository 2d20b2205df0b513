"""Whether the verdict finds faults that were put into good episodes, and how long it takes."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from envs.episodes.archive import Archive
from envs.episodes.quality.judging import judge_measured
from envs.episodes.quality.measuring import measure
from envs.episodes.quality.recording import Recording, recording_of
from envs.episodes.quality.references import FEWEST, Reference, References
from envs.scenario import Pool, Scenario
from envs.tasks.known import TASK_NAMES, load_task
from experiments.bench.injections import GRIP, INJECTIONS, as_long_as, grip, placebo
from experiments.bench.rows import BenchOptions, Row
from experiments.command import at_least
from experiments.foreign_recordings import foreign_recordings
from experiments.orders import orders, scenarios
from experiments.stations import Demonstrations
from experiments.task_option import TaskNames
from experiments.workers import available_processes, progress_bar, run_jobs

GOAL = 0.9
TIME_GOAL_S = 1.0
HELD_BY_FORCE = ("pick_fruit", "brew_coffee", "wash_dishes")  # tasks; the towel's expert closes its fingers altogether
_RESAMPLED = 500  # for the bootstrap intervals
_REJECTED = 1e3  # as many deviations as a closed gate is worth
_HALVED_FROM = 40  # episodes
_GRIP = next(name for name, inject in INJECTIONS.items() if inject is grip)


@dataclass(frozen=True)
class Quality(BenchOptions):
    """Put faults into good episodes, none of which changes their length, and see whether the verdict tells them apart.

    Each episode is judged by references that it is not among, once as it was and once with each fault: half by the
    other half, drawn anew with each seed, or one by all others where there are fewer than 40. The AUROC is that of the
    verdict's own number, the worst robust deviation of any metric in any step, a closed gate being beyond all. Faults
    are put into the measured motion; see `experiments.bench.injections`. Only too hard a grip is simulated again where
    the expert holds by force: what it does to the fingers as well, physics decides. Good episodes are the scripted
    expert's, recorded into --folder where they are not there yet, and people's, where --people names a LeRobot dataset.

    Example: retake bench quality --folder runs/quality --people datasets/g1_pick_bottle
    """

    folder: Path = Path("runs/quality")
    """Where the expert's demonstrations are kept; what is there is used again."""
    tasks: TaskNames = TASK_NAMES
    """Of which tasks."""
    episodes: int = 60
    """Demonstrations of each task; --quick takes 14 of pick_fruit."""
    people: Path | None = None
    """A LeRobot dataset of people's demonstrations, v2.1 or v3."""
    seeds: int = 5
    """How often references and faults are drawn."""
    processes: int = available_processes()
    """How many episodes are simulated at once."""

    @property
    def sizes(self) -> tuple[tuple[str, ...], int, int]:
        """Tasks, episodes and seeds."""
        return (("pick_fruit",), 14, 1) if self.quick else (self.tasks, self.episodes, self.seeds)


def measure_quality(config: Quality) -> list[Row]:
    at_least(1, episodes=config.episodes, seeds=config.seeds)
    rows: list[Row] = []
    tasks, episodes, seeds = config.sizes
    for task in tasks:
        rows += fault_rows(task, *_demonstrations(config, task, episodes), seeds)
    if config.people is not None:
        rows += fault_rows(f"people, {config.people.name}", foreign_recordings(config.people), None, seeds)
    return rows


def _demonstrations(config: Quality, task: str, count: int) -> tuple[list[Recording], dict[int, Recording] | None]:
    """The expert's demonstrations that succeeded, without images; and by their places, the same held too hard.

    None where the task's expert does not hold by force.
    """
    chosen = scenarios(load_task(task).space, Pool.TRAIN, count, 0, distribution="nominal")
    usual, hard = config.folder / f"archive-{task}", config.folder / f"archive-{task}-hard-grip"
    found = _recorded(config, usual, chosen, Demonstrations(task, usual, images=False), f"demonstrations, {task}")
    if task not in HELD_BY_FORCE:
        return list(found.values()), None
    harder = _recorded(
        config, hard, chosen, Demonstrations(task, hard, images=False, hold=GRIP), f"held too hard, {task}"
    )
    return list(found.values()), {place: harder[key] for place, key in enumerate(found) if key in harder}


def _recorded(
    config: Quality,
    folder: Path,
    chosen: Sequence[Scenario],
    place: Demonstrations,
    what: str,
) -> dict[str, Recording]:
    """The demonstrations of a place that succeeded, by scenario; those that are not there yet are recorded."""
    archive = Archive(folder)
    archive.recover()
    known = {sheet.header.scenario.key for sheet in archive.episodes() if sheet.status == "complete"}
    missing = [scenario for scenario in chosen if scenario.key not in known]
    if missing:
        run_jobs(what, place.run, orders(missing, 0, "nominal", "bench"), processes=config.processes)
    wanted = {scenario.key for scenario in chosen}
    sheets = [sheet for sheet in archive.episodes() if sheet.success and sheet.header.scenario.key in wanted]
    return {sheet.header.scenario.key: recording_of(archive.open(sheet.id)) for sheet in sheets}


@dataclass(frozen=True)
class _Judged:
    """How bad one variant of the episodes looks: NaN where the fault could not be put in, or nobody judged it."""

    badness: NDArray[np.float64]  # (seeds, episodes)
    flagged: NDArray[np.float64]  # (seeds, episodes) 1 where the verdict is not "good"


def fault_rows(name: str, good: Sequence[Recording], harder: Mapping[int, Recording] | None, seeds: int) -> list[Row]:
    """How well each fault is told from good episodes; each seed draws references and faults anew.

    `harder` are the same episodes held too hard, by their places in `good`; None where that was not simulated, and what
    was felt is scaled instead.
    """
    if len(good) <= FEWEST:
        return [Row(f"{name}: good episodes", len(good), "episodes", note=f"more than {FEWEST} are needed")]
    variants = {"": placebo, **INJECTIONS}
    shape = (seeds, len(good))
    judged = {fault: _Judged(np.full(shape, np.nan), np.full(shape, np.nan)) for fault in variants}
    took_s: list[float] = []
    measured = [Reference.of(str(place), measure(recording)) for place, recording in enumerate(good)]
    with progress_bar(f"faults, {name}", seeds * len(good)) as advance:
        for seed in range(seeds):
            rng = np.random.default_rng(seed)
            for places, references in _folds(measured, rng):
                for place in places:
                    for fault, inject in variants.items():
                        if inject is grip and harder is not None:
                            recording = as_long_as(harder[place], good[place]) if place in harder else None
                        else:
                            recording = inject(good[place], rng)
                        if recording is None:
                            continue
                        begin_s = time.process_time()
                        seen = measure(recording)
                        quality = judge_measured(recording, seen, references)
                        took_s.append(time.process_time() - begin_s)
                        worst = max(references.deviations(seen).values(), default=0.0)
                        judged[fault].badness[seed, place] = _REJECTED if quality.gates else worst
                        judged[fault].flagged[seed, place] = quality.verdict != "good"
                    advance("")
    rows = [_row(f"{name}: AUROC, {fault}", judged[""], judged[fault]) for fault in INJECTIONS]
    how = "force as it was felt, scaled" if harder is None else "simulated again, read along the same time"
    rows = [replace(row, note=f"{row.note}; {how}") if row.name.endswith(_GRIP) else row for row in rows]
    took = Row(
        f"{name}: time of a verdict",
        float(np.quantile(took_s, 0.95)),
        "s of one core",
        goal=TIME_GOAL_S,
        note=f"95 of 100 of {len(took_s)}; median {np.median(took_s):.3f}, longest {max(took_s):.3f}",
    )
    return [*rows, took]


def _folds(measured: Sequence[Reference], rng: np.random.Generator) -> list[tuple[list[int], References]]:
    """Which episodes are judged by which references."""
    count = len(measured)
    order = rng.permutation(count).tolist()
    parts = [order[: count // 2], order[count // 2 :]] if count >= _HALVED_FROM else [[place] for place in order]
    return [
        (part, References("", "", "", tuple(measured[place] for place in order if place not in part))) for part in parts
    ]


def _row(name: str, clean: _Judged, faulty: _Judged) -> Row:
    rng = np.random.default_rng(0)
    count = clean.badness.shape[1]
    drawn = [rng.integers(count, size=count) for _ in range(_RESAMPLED)]
    known = ~np.isnan(faulty.badness)
    if not known.any():
        return Row(name, 0.0, "", note="this fault cannot be put into any of these episodes")
    resampled = [_auroc(clean.badness[:, places], faulty.badness[:, places]) for places in drawn]
    low, high = np.nanquantile(resampled, [0.025, 0.975])
    # A fault that some episodes cannot carry is compared with those that can.
    value = _auroc(np.where(known, clean.badness, np.nan), faulty.badness)
    note = (
        f"{int(known[0].sum())} of {count} episodes, {len(known)} seeds, 95 % interval {low:.3f}-{high:.3f}; flagged "
        f"{100 * np.nanmean(faulty.flagged):.0f} % with the fault, {100 * np.nanmean(clean.flagged):.0f} % without"
    )
    return Row(name, value, "", goal=GOAL, wanted="at least", note=note)


def _auroc(clean: NDArray[np.float64], faulty: NDArray[np.float64]) -> float:
    """Mean over seeds of how often a faulty episode looks worse than a clean one; ties count half."""
    by_seed = []
    for without, with_ in zip(clean, faulty, strict=True):
        one, other = without[~np.isnan(without)], with_[~np.isnan(with_)]
        if len(one) and len(other):
            apart = other[:, None] - one[None, :]
            by_seed.append(float((apart > 0).mean() + 0.5 * (apart == 0).mean()))
    return float(np.mean(by_seed)) if by_seed else float("nan")
