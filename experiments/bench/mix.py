"""What a policy trained in simulation loses across the reality gap, and which mix of bodies it should train on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from envs.registry import BodyKind
from envs.scenario import Distribution
from experiments.bench.learning import SIM, LearningBench, lost_row
from experiments.bench.rows import BenchOptions, Row
from experiments.bench.success import success_row
from experiments.command import at_least
from experiments.task_option import TaskName
from experiments.train import Train, training_config
from experiments.workers import available_processes
from policies.cases.rollout import Rollout

TWIN: BodyKind = "fast-twin"  # the twin's world without its real time
REAL_GAP = "5 to 30 points are usual"


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
    task: TaskName = "pick_fruit"
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
    for weight in config.real_weights:  # refused here, and not behind the demonstrations
        training_config(Train((), config.folder, real_weight=weight))
    demonstrations, steps, trials, seeds = config.sizes
    sizes = (demonstrations, steps, trials)
    bench = LearningBench(config.folder, config.task, config.distribution, config.processes, sizes)
    at_home: list[Rollout] = []
    on_twin: dict[str, list[Rollout]] = {blend.name: [] for blend in config.blends}
    datasets = {body: bench.demonstrations(body, demonstrations) for body in (SIM, TWIN)}
    for seed in range(seeds):
        for blend in config.blends:
            chosen = [datasets[body] for body in blend.bodies]
            policy = bench.policy(blend.name, chosen, steps, seed, real_weight=blend.real_weight)
            on_twin[blend.name] += bench.rollouts(policy, TWIN, trials, seed)
            if blend.bodies == (SIM,):
                at_home += bench.rollouts(policy, SIM, trials, seed)
    return summary(at_home, on_twin)


def summary(at_home: Sequence[Rollout], on_twin: dict[str, list[Rollout]]) -> list[Row]:
    """The gap, then each mix's success on the twin. `at_home` are the rollouts of "sim-only" in simulation."""
    return [
        success_row("success in simulation, trained in simulation only", at_home),
        lost_row("lost across the reality gap", at_home, on_twin[Blend((SIM,)).name], f"; {REAL_GAP}"),
        *(success_row(f"success on the twin, {name}", rollouts) for name, rollouts in on_twin.items()),
    ]
