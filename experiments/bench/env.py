"""What the environment costs on top of physics and pictures, how fast each task is, whether it repeats itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from envs.tasks.known import TASK_NAMES
from experiments.bench import env_costs, env_tasks, env_workers
from experiments.bench.rows import BenchOptions, Row
from experiments.task_option import TaskName, TaskNames
from experiments.workers import available_processes

Part = Literal["cost", "images", "tasks", "workers"]


@dataclass(frozen=True)
class Env(BenchOptions):
    """The environment beside bare loops of MuJoCo, along the expert's own commands.

    Four parts: `cost` is `env.step` without images over as many bare physics steps from the same states, `images` the
    same with pictures, `tasks` the speed of every task over the wall clock and whether a seed repeats itself, `workers`
    rollouts on two cores over one.

    Examples:
      retake bench env --quick
      retake bench env --parts cost images --task wash_dishes
      retake bench env --parts tasks --tasks fold_towel --json
    """

    parts: tuple[Part, ...] = ("cost", "images", "tasks", "workers")
    """Which to measure."""
    task: TaskName = "pick_fruit"
    """Whose scene for `cost`, `images` and `workers`."""
    tasks: TaskNames = TASK_NAMES
    """Which tasks for `tasks`."""
    episodes: int = 8
    """Of `workers`, on one core and on two in each round; --quick takes at most 2."""


def measure(config: Env) -> list[Row]:
    rows: list[Row] = []
    if "cost" in config.parts:
        rows += env_costs.over_physics(config.task, config.quick)
    if "images" in config.parts:
        rows += env_costs.over_pictures(config.task, config.quick)
    if "tasks" in config.parts:
        for task in config.tasks:
            rows += env_tasks.measure(task, config.quick)
    if "workers" in config.parts:
        episodes = min(config.episodes, 2) if config.quick else config.episodes
        rows += env_workers.measure(config.task, episodes, available_processes(), config.quick)
    return rows
