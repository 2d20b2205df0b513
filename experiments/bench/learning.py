"""Demonstrations, policies and rollouts that a benchmark of learning keeps in a folder, and uses again."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from envs.episodes.archive import Archive
from envs.episodes.catalogue import Catalogue
from envs.episodes.durable import write_json
from envs.episodes.records import Purpose
from envs.episodes.session import EpisodeOrder
from envs.registry import BodyKind
from envs.scenario import Distribution, Pool
from envs.tasks.known import load_task
from experiments.bench.rows import Row
from experiments.collect import Collect, demonstrate
from experiments.command import UsageError
from experiments.evaluate import Evaluate, roll_out_all
from experiments.orders import orders, scenarios
from experiments.rollout_files import keep_rollouts, load_rollouts
from experiments.step_starts import begun_with
from experiments.train import EXECUTE_S, Sense, Train, train_policy, training_config
from policies.cases.paired import pair, paired_interval
from policies.cases.rollout import Rollout
from policies.checkpoint import SIDECAR, load_policy

SIM: BodyKind = "sim"
_OPERATOR = "bench"
_SETTINGS = "settings.json"


@dataclass(frozen=True)
class LearningBench:
    """What all trainings of one benchmark share. Whatever is in `folder` already is not made again.

    Policies are tried on DISCOVER scenarios, on which nothing trains here.

    Raises:
        EnvError: there is no such task.
        UsageError: what is in the folder was made with other settings.
    """

    folder: Path
    task: str
    distribution: Distribution
    processes: int
    sizes: tuple[float, ...]  # whatever else the results depend on, but for how many seeds there are

    def __post_init__(self) -> None:
        load_task(self.task)
        file = self.folder / _SETTINGS
        ours = {"task": self.task, "distribution": self.distribution, "sizes": list(self.sizes)}
        self.folder.mkdir(parents=True, exist_ok=True)
        if not file.is_file() or all(held.name == _SETTINGS for held in self.folder.iterdir()):
            write_json(file, ours)
        elif (theirs := json.loads(file.read_text(encoding="utf-8"))) != ours:
            raise UsageError(
                f"{self.folder} holds results of {theirs}, and {ours} were asked for; give another --folder, or the "
                "same settings to go on"
            )

    def demonstrations(self, body: BodyKind, count: int) -> Path:
        """The dataset of so many of the expert's demonstrations."""
        archive, dataset = self.folder / f"archive-{body}", self.folder / f"dataset-{body}"
        from policies.dataset.lerobot import build_dataset

        space = load_task(self.task).space
        chosen = scenarios(space, Pool.TRAIN, count, 0, distribution=self.distribution)
        collect = Collect(archive, task=self.task, body=body, processes=self.processes)
        recorded = Archive(archive)
        recorded.recover()
        with Catalogue(recorded) as catalogue:
            catalogue.sync()
            held = {entry.scenario_key for entry in catalogue.query(status="complete")}
        missing = [scenario for scenario in chosen if scenario.key not in held]
        purpose: Purpose = "nominal" if self.distribution == "nominal" else "uniform"
        if missing:
            demonstrate(collect, orders(missing, 0, purpose, _OPERATOR), what=f"demonstrations, {body}")
        build_dataset(recorded, dataset)
        return dataset

    def policy(
        self,
        name: str,
        datasets: Sequence[Path],
        steps: int,
        seed: int,
        *,
        real_weight: float = 1.0,
        without: tuple[Sense, ...] = (),
        execute_s: float = EXECUTE_S,
        episodes: Sequence[str] | None = None,
    ) -> Path:
        """The checkpoint of a training; its folder is named after `name` and the seed.

        With `episodes`, by id, it learns from these only.
        """
        out = self._policy_folder(name, seed)
        if not self.has_policy(name, seed):
            from policies.dataset.reader import open_dataset

            wanted = Train(
                tuple(datasets),
                out,
                steps=steps,
                seed=seed,
                device="cpu",
                real_weight=real_weight,
                without=without,
                execute_s=execute_s,
            )
            what = f"training, {name}, seed {seed}"
            opened = [open_dataset(root) for root in datasets]
            if episodes is not None:
                opened = [one.select([e.index for e in one.episodes if e.identity in episodes]) for one in opened]
            train_policy(opened, training_config(wanted), out, what=what)
        return out

    def has_policy(self, name: str, seed: int) -> bool:
        """Whether that training is done."""
        return (self._policy_folder(name, seed) / SIDECAR).is_file()

    def _policy_folder(self, name: str, seed: int) -> Path:
        return self.folder / f"policy-{name}-{seed}"

    def trials(self, count: int, seed: int, begin: str = "") -> list[EpisodeOrder]:
        """What is tried under a seed, the same for every policy and body.

        With `begin` the expert does all before that instruction step; where it fails at that there is no trial.

        Raises:
            UsageError: the expert reaches that step nowhere.
        """
        return list(_trials(self.task, self.distribution, self.processes, count, seed, begin))

    def rollouts(self, policy: Path, body: BodyKind, count: int, seed: int, begin: str = "") -> list[Rollout]:
        """Rollouts of a policy on the trials of a seed."""
        since = f"-from-{begin}" if begin else ""
        file = self.folder / f"rollouts-{policy.name}-on-{body}{since}.json"
        if file.is_file() and (held := load_rollouts(file).rollouts):
            return list(held)
        archive, identity = self.folder / f"tried-{body}", load_policy(policy).identity
        evaluate = Evaluate(policy, archive, body=body, processes=self.processes)

        def keep(rollouts: list[Rollout], is_whole: bool) -> None:
            keep_rollouts(file, identity, self.task, archive, rollouts, is_whole)

        wanted = [replace(order, policy=identity) for order in self.trials(count, seed, begin)]
        return roll_out_all(evaluate, self.task, wanted, None, keep, what=f"{policy.name} on {body}{since}")


@cache
def _trials(
    task: str, distribution: Distribution, processes: int, count: int, seed: int, begin: str
) -> tuple[EpisodeOrder, ...]:
    """Kept, for the expert takes as long to get to where they begin as a policy takes from there on."""
    chosen = scenarios(load_task(task).space, Pool.DISCOVER, count, seed, distribution=distribution)
    wanted = orders(chosen, seed, "rollout", "policy")
    return tuple(begun_with(begin, task, wanted, processes) if begin else wanted)


def lost_row(name: str, before: Sequence[Rollout], after: Sequence[Rollout], remark: str = "") -> Row:
    """What the second lost of the first's successes, pair by pair, with Tango's interval."""
    both = pair(before, after)
    low, high = paired_interval(both.broken, both.fixed, both.n)
    note = f"lost {both.broken}, gained {both.fixed} of {both.n}, 95 % interval {100 * low:.0f} to {100 * high:.0f}"
    return Row(name, -100.0 * both.difference, "points", note=note + remark)
