"""What the environment costs on top of the physics, and what images cost on top of that."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from envs.clock import substeps
from envs.engine import mujoco
from envs.humanoid import HumanoidEnv
from envs.registry import make_env
from envs.simulation import Simulation
from envs.tasks.known import load_rules
from experiments.bench.rows import BenchOptions, Row, interleaved

PLAN_EVERY = 8  # control steps: how often a chunked policy looks
OVERHEAD_GOAL = 2.0


@dataclass(frozen=True)
class Env(BenchOptions):
    """Time of one control step: bare physics, the environment without images, and with them.

    Example: retake bench env --quick
    """

    task: str = "pick_fruit"
    """Whose scene."""


def measure(config: Env) -> list[Row]:
    rounds, steps = (6, 48) if config.quick else (20, 96)
    envs = [
        make_env(config.task, images=False),
        make_env(config.task, camera_every=PLAN_EVERY),
        make_env(config.task, camera_every=1),
    ]
    bare = Simulation(envs[0].robot, envs[0].task.scene)
    rules = load_rules(config.task)(bare)  # type: ignore[call-arg]  # a Protocol does not constrain __init__

    def begin() -> None:
        for env in envs:
            _, info = env.reset(seed=0)
        rules.stage(bare, info["scenario"])

    try:
        ways = [lambda: _physics(bare, envs[0], steps), *(lambda env=env: _hold(env, steps) for env in envs)]
        taken = interleaved(ways, rounds, before_each=begin)
    finally:
        for env in envs:
            env.close()
    bare_ms, plain_ms, planned_ms, every_ms = 1e3 * np.median(taken, axis=1) / steps
    overhead, saved = float(np.median(taken[1] / taken[0])), float(np.median(taken[3] / taken[2]))
    with_planning = f"images every {PLAN_EVERY} steps"
    return [
        Row("env.step without images", plain_ms, "ms", peer=bare_ms, note="peer: mj_step alone, as many substeps"),
        Row("env.step over bare physics", overhead, "x", goal=OVERHEAD_GOAL, peer=1.0, note="median of paired rounds"),
        Row(f"env.step, {with_planning}", planned_ms, "ms", peer=every_ms, note="peer: images every step"),
        Row("images every step over images when planning", saved, "x", goal=1.0, wanted="at least"),
        Row(f"control rate, {with_planning}", 1e3 / planned_ms, "1/s", peer=1e3 / every_ms),
    ]


def _physics(simulation: Simulation, env: HumanoidEnv, steps: int) -> None:
    for _ in range(steps * substeps(env.robot.control_hz, simulation.timestep_s)):
        mujoco.mj_step(simulation.model, simulation.data)


def _hold(env: HumanoidEnv, steps: int) -> None:
    for _ in range(steps):
        env.step(env.robot.home)
