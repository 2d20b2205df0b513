"""Trials that begin in the midst of a task: where the expert has done all instruction steps before one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from envs.episodes.session import EpisodeOrder
from envs.errors import PilotError, UnstableError
from envs.humanoid import HumanoidEnv
from envs.registry import make_env
from envs.tasks.known import load_task
from experiments.command import UsageError
from experiments.flights import flown
from experiments.port_options import DEFAULT_ROBOT
from experiments.workers import run_jobs


def place_of_step(step: str, task: str) -> int:
    """Which instruction step of a task it is, counted from 0.

    Raises:
        UsageError: the task has no such step.
    """
    names = [instruction.name for instruction in load_task(task).instructions]
    if step not in names:
        raise UsageError(f"{task} has no step {step!r}; its steps are {', '.join(names)}")
    return names.index(step)


def begun_with(
    step: str, task: str, wanted: Sequence[EpisodeOrder], processes: int, robot: str = DEFAULT_ROBOT
) -> list[EpisodeOrder]:
    """The same orders, each from a snapshot of the moment in which a step begins.

    Where the expert fails before it, or does it in one control period with the step before, there is none. The first
    step begins with the episode: such orders stay as they are.

    Raises:
        UsageError: the task has no such step, or the expert reaches it nowhere.
    """
    if place_of_step(step, task) == 0:
        return list(wanted)
    work = _ExpertUntil(task, place_of_step(step, task), robot).run
    found = run_jobs(f"up to {step}, {task}", work, wanted, processes=processes)
    begun = [order for order in found if order is not None]
    if not begun:
        raise UsageError(
            f"the expert did not reach {step} in any of {len(wanted)} trials of {task}, so none can begin there; try "
            "more scenarios, or begin with an earlier step"
        )
    return begun


@dataclass(frozen=True)
class _ExpertUntil:
    """The expert at work in simulation, without images, until an instruction step is the first that is not done."""

    task: str
    step: int
    robot: str

    def run(self, order: EpisodeOrder) -> EpisodeOrder | None:
        env = _env(self.task, self.robot)
        manner = np.random.default_rng([order.seed, 1])
        try:
            for info in flown(env, order.scenario, order.seed, manner):
                judgement = info["judgement"]
                if judgement.success or judgement.failure is not None or info["stop"] is not None:
                    return None
                if judgement.current == self.step:
                    return replace(order, start=env.snapshot())
                if judgement.current > self.step:
                    return None
        except (PilotError, UnstableError):
            return None
        return None


@lru_cache(maxsize=1)
def _env(task: str, robot: str) -> HumanoidEnv:
    return make_env(task, robot=robot, images=False)
