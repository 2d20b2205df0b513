"""What one training step and one plan of the default policy cost on this machine."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import numpy as np

from envs.episodes.archive import Archive
from envs.episodes.session import EpisodeOrder, run_episode
from envs.humanoid import HumanoidEnv
from envs.pilots.scripted import ScriptedPilot
from envs.registry import make_env
from envs.scenario import Pool
from experiments.bench.rows import BenchOptions, Row
from experiments.orders import orders, scenarios
from experiments.task_option import TaskName
from experiments.workers import progress_bar

if TYPE_CHECKING:
    from policies.checkpoint import TrainedPolicy

BATCH = 64
TRAINING_GOAL_MS = 60.0  # 4,000 steps in 4 minutes
PLAN_GOAL_MS = 40.0  # one control period at 25 Hz
_NO_PEER = "LeRobot is no dependency of Retake"


@dataclass(frozen=True)
class Policy(BenchOptions):
    """Time of one training step (batch 64, all cameras at the learning size) and of one plan (batch 1), on the CPU.

    Records a few episodes of the expert into a temporary folder and trains on them, as `retake train` does.

    Example: retake bench policy --threads 2
    """

    task: TaskName = "pick_fruit"
    """Whose episodes."""
    threads: int = 1
    """Threads of torch for training; a plan always takes one, as in evaluation."""


def measure(config: Policy) -> list[Row]:
    import torch

    torch.set_num_threads(config.threads)
    episodes, steps, plans = (2, 40, 40) if config.quick else (6, 200, 200)
    env = make_env(config.task)
    try:
        with TemporaryDirectory() as folder:
            archive = Archive(Path(folder) / "archive")
            wanted = scenarios(env.task.space, Pool.TRAIN, episodes, 0, distribution="nominal")
            _record(env, orders(wanted, 0, "nominal", "bench"), archive)
            step_ms, cpu_ms, policy = _train(archive, Path(folder), steps)
        torch.set_num_threads(1)
        plan_ms = _plan(env, policy, plans)
    finally:
        env.close()
    cameras, size = len(env.robot.cameras), policy.network.config.image_size
    images = f"{cameras} cameras at {size} px"
    parameters = sum(parameter.numel() for parameter in policy.network.parameters())
    return [
        Row(f"training step, batch {BATCH}, {images}", step_ms, "ms", goal=TRAINING_GOAL_MS, note=_NO_PEER),
        Row("processor time of a training step", cpu_ms, "ms", note="what an idle machine would take"),
        Row("plan at batch 1, senses included", plan_ms, "ms", goal=PLAN_GOAL_MS, note=_NO_PEER),
        Row("parameters", parameters / 1e6, "M", note="of the network with all its heads"),
    ]


def _record(env: HumanoidEnv, wanted: list[EpisodeOrder], archive: Archive) -> None:
    pilot = ScriptedPilot(env)
    with progress_bar("demonstrations to train on", len(wanted)) as advance:
        for order in wanted:
            run_episode(env, pilot, order, archive, station="bench")
            advance("")


def _train(archive: Archive, folder: Path, steps: int) -> tuple[float, float, TrainedPolicy]:
    from policies.dataset.lerobot import build_dataset
    from policies.dataset.reader import open_dataset
    from policies.training import TrainingConfig, train

    dataset = folder / "dataset"
    build_dataset(archive, dataset)
    stamps: list[tuple[float, float]] = []
    with progress_bar("training steps", steps) as advance:

        def note(step: int, total: int, loss: float) -> None:
            stamps.append((time.perf_counter(), time.process_time()))
            advance(f"loss {loss:.3f}")

        config = TrainingConfig(steps=steps, batch=BATCH, device="cpu")
        report = train([open_dataset(dataset)], config, cache=folder / "cache", progress=note)
    wall_ms, cpu_ms = 1e3 * np.median(np.diff(stamps, axis=0), axis=0)
    return float(wall_ms), float(cpu_ms), report.policy


def _plan(env: HumanoidEnv, trained: TrainedPolicy, plans: int) -> float:
    from policies.cloning import ClonedPolicy
    from policies.dataset.features import GOAL, SenseFeatures

    policy, features = ClonedPolicy(trained), SenseFeatures(env.robot)
    observation, info = env.reset(seed=0)
    taken = []
    for _ in range(plans):
        begin = time.perf_counter()
        policy.plan(features.of_observation(observation) | {GOAL: info["sent_rad"]})
        taken.append(time.perf_counter() - begin)
    return 1e3 * float(np.median(taken))
