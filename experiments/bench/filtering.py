"""Whether a policy learns more from demonstrations that the verdict chose than from as many chosen at random."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.stats import t as student

from envs.episodes.archive import Archive
from envs.episodes.catalogue import Catalogue, CatalogueEntry
from envs.scenario import Pool
from envs.tasks.known import load_task
from experiments.bench.disturbed_pilot import DisturbedDemonstrations
from experiments.bench.learning import SIM, LearningBench, lost_row
from experiments.bench.rows import BenchOptions, Row
from experiments.bench.success import success_row
from experiments.command import UsageError, at_least
from experiments.orders import orders, scenarios
from experiments.quality import Judge, Learn, judge_recorded, learn
from experiments.stations import Demonstrations
from experiments.task_option import TaskName
from experiments.workers import available_processes, run_jobs
from policies.cases.rates import Rate
from policies.cases.rollout import Rollout

EXPERT, DISTURBED = "expert", "disturbed"
_VERDICTS = ("good", "unjudged", "coach", "reject")  # the best first


@dataclass(frozen=True)
class Filter(BenchOptions):
    """Train on the half of mixed demonstrations that the verdict holds to be best, and on a random half; try both.

    Half of the demonstrations are the expert's; the other half are those of a disturbed expert, who trembles, pauses or
    whose commands come at a third of the rate; all are simulated so. Only those that succeed may train. The verdict
    compares with --references further demonstrations of the expert, which do not train. The two policies of a seed have
    equal steps, start from the same network and are tried on the same scenarios; the random half is drawn anew with
    each seed. Whatever is in --folder already is used again, so a run that was broken off goes on.

    Example: retake bench filter --folder runs/filter --seeds 5
    """

    folder: Path = Path("runs/filter")
    """Where recordings, policies and rollouts are kept."""
    task: TaskName = "pick_fruit"
    """What is done."""
    demonstrations: int = 120
    """Of both kinds together."""
    references: int = 40
    """Demonstrations of the expert that the verdict compares with."""
    steps: int = 2_000
    """Batches that each policy learns from."""
    trials: int = 60
    """Scenarios that each policy is tried on."""
    seeds: int = 5
    """Trainings of each kind; each seed tries other scenarios."""
    processes: int = available_processes()
    """How many episodes are simulated at once."""

    @property
    def sizes(self) -> tuple[int, int, int, int, int]:
        """Demonstrations, references, steps, trials and seeds."""
        if self.quick:
            return 4, 4, 4, 1, 1  # too few references for a verdict on style: this shows that it runs, no more
        return self.demonstrations, self.references, self.steps, self.trials, self.seeds


def measure(config: Filter) -> list[Row]:
    at_least(1, references=config.references, steps=config.steps, trials=config.trials, seeds=config.seeds)
    at_least(4, demonstrations=config.demonstrations)
    count, references, steps, trials, seeds = config.sizes
    sizes = (count, references, steps, trials)
    bench = LearningBench(config.folder, config.task, "nominal", config.processes, sizes)
    entries = _judged_demonstrations(config, count, references)
    dataset = _dataset(config, entries)
    size = len(entries) // 2
    if not size:
        raise UsageError(f"{len(entries)} of {count} demonstrations succeeded; record more with --demonstrations")
    chosen = [entry.id for entry in sorted(entries, key=_badness)[:size]]
    tried: dict[str, list[list[Rollout]]] = {"filtered": [], "random": []}
    for seed in range(seeds):
        drawn = np.random.default_rng(seed).permutation(len(entries))[:size]
        halves = {"filtered": chosen, "random": [entries[int(place)].id for place in drawn]}
        for name, episodes in halves.items():
            policy = bench.policy(name, [dataset], steps, seed, episodes=episodes)
            tried[name].append(bench.rollouts(policy, SIM, trials, seed))
    return [_chosen_row(entries, chosen), *summary(tried["filtered"], tried["random"])]


def summary(filtered: Sequence[Sequence[Rollout]], random: Sequence[Sequence[Rollout]]) -> list[Row]:
    """Each half's success, and the difference, pair by pair and seed by seed. Both are by seed."""
    of_filtered, of_random = ([rollout for seed in kind for rollout in seed] for kind in (filtered, random))
    differences = [_points(one) - _points(other) for one, other in zip(filtered, random, strict=True)]
    mean, note = float(np.mean(differences)), f"by seed {', '.join(f'{points:.0f}' for points in differences)}"
    if len(differences) > 1:
        half = student.ppf(0.975, len(differences) - 1) * np.std(differences, ddof=1) / np.sqrt(len(differences))
        note = f"{len(differences)} seeds, 95 % interval {mean - half:.0f} to {mean + half:.0f} (Student's t); {note}"
    return [
        success_row("success, trained on the filtered half", of_filtered),
        success_row("success, trained on a random half", of_random),
        Row("gained by the filter, by seed", mean, "points", note=note),
        lost_row("lost by leaving the filter out, by scenario", of_filtered, of_random),
    ]


def _points(rollouts: Sequence[Rollout]) -> float:
    return 100.0 * Rate.of(rollout.success for rollout in rollouts).value


def _judged_demonstrations(config: Filter, count: int, references: int) -> list[CatalogueEntry]:
    """The demonstrations that may train, each with its verdict."""
    usual, mixed = config.folder / "archive-references", config.folder / "archive-mixed"
    chosen = scenarios(load_task(config.task).space, Pool.TRAIN, references + count, 0, distribution="nominal")
    kinds = (
        (usual, EXPERT, chosen[:references]),
        (mixed, EXPERT, chosen[references : references + count // 2]),
        (mixed, DISTURBED, chosen[references + count // 2 :]),
    )
    for archive, operator, wanted in kinds:
        recorded = Archive(archive)
        recorded.recover()
        held = {sheet.header.scenario.key for sheet in recorded.episodes() if sheet.status == "complete"}
        missing = orders([one for one in wanted if one.key not in held], 0, "nominal", operator)
        disturbed = DisturbedDemonstrations(config.task, archive)
        run = disturbed.run if operator == DISTURBED else Demonstrations(config.task, archive).run
        if missing:
            run_jobs(f"demonstrations, {operator}", run, missing, processes=config.processes)
    learn(Learn(usual, task=config.task))
    judge_recorded(Judge(mixed, task=config.task, references=usual, quiet=True))
    with Catalogue(Archive(mixed)) as catalogue:
        return catalogue.query(task=config.task, accepted=True)


def _dataset(config: Filter, entries: Sequence[CatalogueEntry]) -> Path:
    from policies.dataset.lerobot import build_dataset

    dataset = config.folder / "dataset-mixed"
    build_dataset(Archive(config.folder / "archive-mixed"), dataset, [entry.id for entry in entries])
    return dataset


def _badness(entry: CatalogueEntry) -> tuple[int, float]:
    return _VERDICTS.index(entry.quality_verdict), -(entry.quality_score or 0.0)


def _chosen_row(entries: Sequence[CatalogueEntry], chosen: Sequence[str]) -> Row:
    kept = Rate.of(entry.operator == EXPERT for entry in entries if entry.id in chosen)
    whole = Rate.of(entry.operator == EXPERT for entry in entries)
    note = f"{kept.count} of {kept.n}; of all that succeeded, {whole.count} of {whole.n}"
    return Row("share of undisturbed demonstrations in the filtered half", kept.value, "share", note=note)
