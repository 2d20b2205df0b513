"""The expert's commands in one scenario, recorded once, so that every environment can be led along the same way."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from envs.humanoid import HumanoidEnv
from envs.pilots.scripted import ScriptedPilot
from envs.registry import make_env
from envs.scenario import Scenario
from envs.tasks.known import load_task

SEED = 0


@dataclass(frozen=True)
class Flight:
    """What an expert commanded, step by step."""

    task: str
    scenario: Scenario
    wishes_rad: NDArray[np.float64]  # (steps, joints)

    def __len__(self) -> int:
        return len(self.wishes_rad)

    def begin(self, env: HumanoidEnv) -> dict[str, Any]:
        """Reset an environment to where the flight begins; the observation."""
        return env.reset(seed=SEED, options={"scenario": self.scenario})[0]


def record_flight(task: str, limit: int | None = None) -> Flight:
    """The expert's commands in the middle of every factor's nominal range, up to the episode's end or so many steps."""
    space = load_task(task).space
    scenario = space.at(np.full(len(space.factors), 0.5), "nominal")
    env = make_env(task, images=False)
    try:
        pilot = ScriptedPilot(env)
        observation, info = env.reset(seed=SEED, options={"scenario": scenario})
        pilot.reset(scenario, np.random.default_rng(SEED))
        wishes: list[NDArray[np.float64]] = []
        is_over = False
        while not is_over and len(wishes) != limit:
            target = pilot.command(observation, info)
            wishes.append(info["sent_rad"] if target is None else target.position_rad)
            observation, _, terminated, truncated, info = env.step(wishes[-1])
            is_over = terminated or truncated
    finally:
        env.close()
    return Flight(task, scenario, np.array(wishes))
