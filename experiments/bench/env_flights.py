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
from envs.sim_body import SimBody
from envs.tasks.known import load_task

SEED = 0


@dataclass(frozen=True)
class Flight:
    """What an expert commanded, step by step."""

    task: str
    scenario: Scenario
    wishes_rad: NDArray[np.float64]  # (steps, joints)
    sent_rad: NDArray[np.float64]  # (steps, joints)
    switched: tuple[NDArray[np.float64] | None, ...]  # one a step: all equalities, where rules had changed any before

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
        sent: list[NDArray[np.float64]] = []
        equalities = [_equalities(env)]
        is_over = False
        while not is_over and len(wishes) != limit:
            target = pilot.command(observation, info)
            wishes.append(info["sent_rad"] if target is None else target.position_rad)
            observation, _, terminated, truncated, info = env.step(wishes[-1])
            sent.append(info["sent_rad"])
            equalities.append(_equalities(env))
            is_over = terminated or truncated
    finally:
        env.close()
    pairs = zip(equalities[:1] + equalities[:-2], equalities[:-1], strict=True)
    switched = tuple(None if np.array_equal(before, now) else now for before, now in pairs)
    return Flight(task, scenario, np.array(wishes), np.array(sent), switched)


def _equalities(env: HumanoidEnv) -> NDArray[np.float64]:
    if not isinstance(env.body, SimBody):
        raise TypeError(f"{env.body} is no simulated body")
    return env.body.simulation.equality_state()
