"""The stages of one round of the loop: collect, build, train, try, find, ask, collect again, retrain, prove."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Literal

import numpy as np

from envs.episodes.archive import Archive
from envs.episodes.records import Purpose
from envs.episodes.session import EpisodeOrder, EpisodeResult
from envs.scenario import Distribution, Pool
from envs.tasks.known import load_task
from envs.tasks.task import Task
from experiments.cases import Findings, find, report_findings
from experiments.collect import Collect, answer_requests, demonstrate
from experiments.command import at_least
from experiments.evaluate import Evaluate, roll_out_all
from experiments.expert_trials import expert_failures
from experiments.figures import Collected
from experiments.orders import orders, scenarios
from experiments.rollout_files import keep_rollouts
from experiments.train import train_policy, weights_of_new
from experiments.workers import available_processes, console
from policies.cases.doubt import DoubtBand
from policies.cases.request_queue import RequestQueue
from policies.cases.rollout import Rollout
from policies.checkpoint import load_policy
from policies.dataset.lerobot import build_dataset
from policies.dataset.reader import LeRobotDataset, open_dataset
from policies.training import TrainingConfig, TrainingReport

_OPTIONAL = ("wide", "serial", "deploy")


@dataclass(frozen=True)
class RoundSizes:
    """How much of everything a round takes. The defaults fit a quarter of an hour on two CPU cores."""

    nominal: int = 40
    """Demonstrations by the expert in simulation, in usual scenes (the middle half of every factor)."""
    wide: int = 120
    """The same over the whole deployment distribution."""
    serial: int = 8
    """Demonstrations by exoskeleton through the real body, on the twin."""
    training_steps: int = 2_500
    """Batches that each network learns from."""
    calibrate: int = 40
    """Rollouts that say how much doubt is usual."""
    discover: int = 150
    """Rollouts that look for weaknesses."""
    requested: int = 40
    """Demonstrations of usual length that may be asked for."""
    verify: int = 100
    """Paired scenarios that prove an improvement."""
    regress: int = 100
    """Paired scenarios that nothing got worse on."""
    deploy: int = 10
    """Rollouts of the final policy through the real body."""

    def check(self) -> None:
        """Refuse sizes that make no round; `wide`, `serial` and `deploy` may be left out with 0.

        Raises:
            UsageError: a number is too small.
        """
        for name, size in asdict(self).items():
            at_least(0 if name in _OPTIONAL else 1, **{f"sizes.{name}": size})


@dataclass
class Round:
    """One round in one folder. Each stage reads what the ones before it left there."""

    folder: Path
    task_name: str = "pick_fruit"
    seed: int = 0
    sizes: RoundSizes = field(default_factory=RoundSizes)
    processes: int = field(default_factory=available_processes)
    seconds: dict[str, float] = field(default_factory=dict)

    @cached_property
    def task(self) -> Task:
        return load_task(self.task_name)

    @property
    def archive(self) -> Path:
        return self.folder / "archive"

    @property
    def dataset(self) -> Path:
        return self.folder / "dataset"

    def rng(self, stage: int) -> np.random.Generator:
        """The generator of one stage; stages do not disturb each other's draws."""
        return np.random.default_rng([self.seed, stage])

    def stage_seed(self, stage: int) -> int:
        return int(self.rng(stage).integers(2**31))

    @contextmanager
    def stage(self, name: str, why: str) -> Iterator[None]:
        """Announce a stage and take its time."""
        console.print(f"\n[bold]{len(self.seconds) + 1}. {name}[/]  [dim]{why}[/]", soft_wrap=True)
        start = time.monotonic()
        yield
        self.seconds[name] = self.seconds.get(name, 0.0) + time.monotonic() - start

    def collect_nominal(self) -> tuple[Collected, ...]:
        """Demonstrations that nobody asked for: in simulation, then by exoskeleton through the real body.

        The sizes count those that are kept; at most twice as many are tried.
        """
        rows = []
        sources: tuple[tuple[Literal["sim", "serial"], Purpose, int, int], ...] = (
            ("sim", "nominal", self.sizes.nominal, 1),
            ("sim", "uniform", self.sizes.wide, 3),
            ("serial", "nominal", self.sizes.serial, 2),
        )
        for body, purpose, count, stage in sources:
            if not count:
                continue
            seed = self.stage_seed(stage)
            config = self._collect(seed, serial=body == "serial")
            distribution: Distribution = "nominal" if purpose == "nominal" else "deployment"
            chosen = scenarios(self.task.space, Pool.TRAIN, 2 * count, seed, distribution=distribution)
            wanted = orders(chosen, seed, purpose, config.demonstrator)
            results = until_kept(count, wanted, partial(demonstrate, config, what=f"{body}, {purpose}"))
            rows.append(collected(body, purpose, results))
        return tuple(rows)

    def build(self) -> LeRobotDataset:
        """Everything accepted so far as a LeRobot v3 dataset; episodes that are in it already stay as they are."""
        report = build_dataset(Archive(self.archive), self.dataset)
        console.print(f"  {report.episodes} episodes, {report.frames} frames in {self.dataset}")
        return open_dataset(self.dataset)

    def train(self, name: str, dataset: LeRobotDataset, weights: Mapping[str, float] | None = None) -> TrainingReport:
        """Clone a policy into the folder `name`."""
        import torch

        torch.set_num_threads(self.processes)
        config = TrainingConfig(steps=self.sizes.training_steps, seed=self.seed)
        return train_policy([dataset], config, self.folder / name, episode_weights=weights)

    def try_policy(
        self,
        name: str,
        pool: Pool,
        count: int,
        stage: int,
        *,
        band: DoubtBand | None = None,
        distribution: Distribution = "deployment",
        serial: bool = False,
    ) -> list[Rollout]:
        """Rollouts of the policy `name`; the same pool, count and stage mean the same scenarios and noise."""
        seed = self.stage_seed(stage)
        config = Evaluate(
            policy=self.folder / name,
            archive=self.archive,
            body="serial" if serial else "sim",
            processes=self.processes,
        )
        chosen = scenarios(self.task.space, pool, count, seed, distribution=distribution)
        where = "real body" if serial else f"{pool}, {name}"
        identity = load_policy(config.policy).identity
        wanted = orders(chosen, seed, "rollout", "policy", policy=identity)
        file = self.rollout_file(name, pool, serial=serial)
        keep = partial(keep_rollouts, file, identity, self.task_name, self.archive)
        return roll_out_all(config, self.task_name, wanted, band, keep, what=where)

    def rollout_file(self, name: str, pool: Pool, *, serial: bool = False) -> Path:
        return self.folder / f"rollouts-{name}-{pool}{'-serial' if serial else ''}.json"

    def find(self, rollouts: Sequence[Rollout]) -> Findings:
        """The weakness, and the requests that come of it, in a queue of their own."""
        found = find(
            self.task_name,
            rollouts,
            self.sizes.requested,
            "round",
            self.rng(6),
            expert_failures=lambda modes: expert_failures(self.task, modes, self.rng(13), processes=self.processes),
        )
        report_findings(found)
        self.queue("requests").add(found.plan.requests, self.archive)
        return found

    def queue(self, name: str) -> RequestQueue:
        return RequestQueue(self.folder / f"{name}.json")

    def answer(self, queue: RequestQueue) -> tuple[Collected, ...]:
        """Collect what a queue asks for, by the code that a trainer would use."""
        results = answer_requests(self._collect(self.stage_seed(7)), queue)
        by_purpose = Counter(result.order.purpose for result in results)
        return tuple(
            collected("sim", purpose, [result for result in results if result.order.purpose == purpose])
            for purpose in by_purpose
        )

    def retrain(self, name: str, dataset: LeRobotDataset, new: frozenset[str]) -> TrainingReport:
        """Train afresh on old and new demonstrations, the new ones weighted up.

        Args:
            new: the episodes of this round, by id; what else is new in the dataset is left out.
        """
        kept = [e.index for e in dataset.episodes if e.identity in new or not e.columns["retake/request"]]
        chosen = dataset.select(kept)
        return self.train(name, chosen, weights_of_new(chosen, new))

    def _collect(self, seed: int, *, serial: bool = False) -> Collect:
        config = Collect(self.archive, task=self.task_name, seed=seed, processes=self.processes)
        return replace(config, body="serial") if serial else config


def collected(body: str, purpose: str, results: Sequence[EpisodeResult]) -> Collected:
    """Count the demonstrations of one purpose."""
    kept = [result for result in results if result.success]
    return Collected(body, purpose, len(results), len(kept), sum(_recorded_steps(result) for result in kept))


def _recorded_steps(result: EpisodeResult) -> int:
    """A restarted episode counts its steps on from the snapshot, and records those after it."""
    start = result.order.start
    return result.steps - (0 if start is None else start.step)


def until_kept(
    count: int,
    wanted: Sequence[EpisodeOrder],
    collect: Callable[[Sequence[EpisodeOrder]], list[EpisodeResult]],
) -> list[EpisodeResult]:
    """Collect orders until so many are kept, or there are no more; an operator who ends early is not asked again."""
    results: list[EpisodeResult] = []
    while missing := count - sum(result.success for result in results):
        batch = wanted[len(results) : len(results) + missing]
        came = collect(batch) if batch else []
        results += came
        if not batch or len(came) < len(batch):
            break
    return results
