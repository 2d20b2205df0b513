"""What a policy trained in simulation loses across the reality gap, and which mix of bodies it should train on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from envs.episodes.archive import Archive
from envs.episodes.catalogue import Catalogue
from envs.episodes.records import Purpose
from envs.registry import BodyKind
from envs.scenario import Distribution, Pool
from envs.tasks.known import load_task
from experiments.bench.rows import BenchOptions, Row
from experiments.collect import Collect, demonstrate
from experiments.command import at_least
from experiments.evaluate import Evaluate, roll_out_all
from experiments.orders import orders, scenarios
from experiments.rollout_files import keep_rollouts, load_rollouts
from experiments.train import Train, train_policy, training_config
from experiments.workers import available_processes
from policies.cases.paired import pair, paired_interval
from policies.cases.rates import Rate
from policies.cases.rollout import Rollout
from policies.checkpoint import SIDECAR, load_policy

SIM: BodyKind = "sim"
TWIN: BodyKind = "fast-twin"  # the twin's world without its real time
REAL_GAP = "5 to 30 points are usual"
_OPERATOR = "bench"


@dataclass(frozen=True)
class Blend:
    """What a policy trains on. `real_weight` matters where there are both bodies."""

    bodies: tuple[BodyKind, ...]
    real_weight: float = 1.0

    @property
    def name(self) -> str:
        if len(self.bodies) == 1:
            return f"{self.bodies[0]}-only"
        return f"both-{self.real_weight:g}"


@dataclass(frozen=True)
class Mix(BenchOptions):
    """Train on demonstrations from simulation only, from the twin only, and from both, at equal steps; try on the twin.

    The twin is that of `reality_gap.toml` at the pace of simulation, "fast-twin". The policy from simulation only is
    tried in simulation as well, on the same scenarios: the difference is the reality gap. Whatever is in --folder
    already is used again, so a run that was broken off goes on.

    Example: retake bench mix --folder runs/mix --seeds 3
    """

    folder: Path = Path("runs/mix")
    """Where recordings, policies and rollouts are kept."""
    task: str = "pick_fruit"
    """What is done."""
    demonstrations: int = 120
    """By the expert, of each body."""
    steps: int = 2_500
    """Batches that each policy learns from."""
    trials: int = 60
    """Scenarios that each policy is tried on."""
    seeds: int = 3
    """Trainings of each mix, counted from seed 0; each seed tries other scenarios."""
    real_weights: tuple[float, ...] = (1.0,)
    """Each makes a mix of both bodies: how many times as often a step of the twin is drawn as one of simulation."""
    distribution: Distribution = "nominal"
    """How scenarios are drawn, of demonstrations and of trials."""
    processes: int = available_processes()
    """How many episodes are simulated at once."""

    @cached_property
    def sizes(self) -> tuple[int, int, int, int]:
        """Demonstrations, steps, trials and seeds."""
        return (2, 10, 1, 1) if self.quick else (self.demonstrations, self.steps, self.trials, self.seeds)

    @property
    def blends(self) -> tuple[Blend, ...]:
        both = tuple(Blend((SIM, TWIN), weight) for weight in self.real_weights)
        return (Blend((SIM,)), Blend((TWIN,)), *both)


def measure(config: Mix) -> list[Row]:
    at_least(1, demonstrations=config.demonstrations, steps=config.steps, trials=config.trials, seeds=config.seeds)
    at_home: list[Rollout] = []
    on_twin: dict[str, list[Rollout]] = {blend.name: [] for blend in config.blends}
    for seed in range(config.sizes[3]):
        for blend in config.blends:
            for body in blend.bodies:
                _demonstrate(config, body)
            policy = _train(config, blend, seed)
            on_twin[blend.name] += _try(config, policy, TWIN, seed)
            if blend.bodies == (SIM,):
                at_home += _try(config, policy, SIM, seed)
    return summary(at_home, on_twin)


def summary(at_home: Sequence[Rollout], on_twin: dict[str, list[Rollout]]) -> list[Row]:
    """The gap, then each mix's success on the twin. `at_home` are the rollouts of "sim-only" in simulation."""
    abroad = on_twin[Blend((SIM,)).name]
    crossed = pair(at_home, abroad)
    low, high = paired_interval(crossed.broken, crossed.fixed, crossed.n)
    rows = [
        _row("success in simulation, trained in simulation only", at_home),
        Row(
            "lost across the reality gap",
            -100.0 * crossed.difference,
            "points",
            note=f"lost {crossed.broken}, gained {crossed.fixed} of {crossed.n}, 95 % interval {100 * low:.0f} to "
            f"{100 * high:.0f}; {REAL_GAP}",
        ),
    ]
    return rows + [_row(f"success on the twin, {name}", rollouts) for name, rollouts in on_twin.items()]


def _row(name: str, rollouts: Sequence[Rollout]) -> Row:
    rate = Rate.of(rollout.success for rollout in rollouts)
    low, high = rate.interval
    note = f"{rate.count} of {rate.n}, interval {low:.3f}-{high:.3f}"
    return Row(name, rate.value, "share", note=note)


def _demonstrate(config: Mix, body: BodyKind) -> None:
    archive, dataset = config.folder / f"archive-{body}", config.folder / f"dataset-{body}"
    from policies.dataset.lerobot import build_dataset

    space = load_task(config.task).space
    chosen = scenarios(space, Pool.TRAIN, config.sizes[0], 0, distribution=config.distribution)
    collect = Collect(archive, task=config.task, body=body, processes=config.processes)
    recorded = Archive(archive)
    recorded.recover()
    with Catalogue(recorded) as catalogue:
        catalogue.sync()
        held = {entry.scenario_key for entry in catalogue.query()}
    missing = [scenario for scenario in chosen if scenario.key not in held]
    if not missing and dataset.is_dir():
        return
    purpose: Purpose = "nominal" if config.distribution == "nominal" else "uniform"
    if missing:
        demonstrate(collect, orders(missing, 0, purpose, _OPERATOR), what=f"demonstrations, {body}")
    build_dataset(recorded, dataset)


def _train(config: Mix, blend: Blend, seed: int) -> Path:
    out = config.folder / f"policy-{blend.name}-{seed}"
    if not (out / SIDECAR).is_file():
        from policies.dataset.reader import open_dataset

        roots = tuple(config.folder / f"dataset-{body}" for body in blend.bodies)
        wanted = Train(roots, out, steps=config.sizes[1], seed=seed, device="cpu", real_weight=blend.real_weight)
        what = f"training, {blend.name}, seed {seed}"
        train_policy([open_dataset(root) for root in roots], training_config(wanted), out, what=what)
    return out


def _try(config: Mix, policy: Path, body: BodyKind, seed: int) -> list[Rollout]:
    """Rollouts on scenarios of the seed: the same for every policy and body."""
    file = config.folder / f"rollouts-{policy.name}-on-{body}.json"
    if file.is_file():
        return list(load_rollouts(file).rollouts)
    space, archive = load_task(config.task).space, config.folder / f"tried-{body}"
    chosen = scenarios(space, Pool.DISCOVER, config.sizes[2], seed, distribution=config.distribution)
    identity = load_policy(policy).identity
    evaluate = Evaluate(policy, archive, task=config.task, body=body, processes=config.processes)

    def keep(rollouts: list[Rollout], is_whole: bool) -> None:
        keep_rollouts(file, identity, config.task, archive, rollouts, is_whole)

    wanted = orders(chosen, seed, "rollout", "policy", policy=identity)
    return roll_out_all(evaluate, wanted, None, keep, what=f"{policy.name} on {body}")
