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


@dataclass(frozen=True, eq=False)
class Moment:
    """All that the physics of a step begins with, but for what is sent."""

    physics: NDArray[np.float64]
    equality: NDArray[np.float64]
    rules: dict[str, Any]

    @staticmethod
    def of(body: SimBody) -> Moment:
        """What a body's next step begins with."""
        simulation = body.simulation
        return Moment(simulation.physics_state(), simulation.equality_state(), body.rules.memory())


@dataclass(frozen=True, eq=False)
class Flight:
    """What an expert commanded, step by step."""

    task: str
    scenario: Scenario
    wishes_rad: NDArray[np.float64]  # (steps, joints)
    sent_rad: NDArray[np.float64]  # (steps, joints)
    moments: tuple[Moment, ...]  # one a step

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
        moments: list[Moment] = []
        is_over = False
        while not is_over and len(wishes) != limit:
            target = pilot.command(observation, info)
            wishes.append(info["sent_rad"] if target is None else target.position_rad)
            moments.append(Moment.of(_body(env)))
            observation, _, terminated, truncated, info = env.step(wishes[-1])
            sent.append(info["sent_rad"])
            is_over = terminated or truncated
    finally:
        env.close()
    return Flight(task, scenario, np.array(wishes), np.array(sent), tuple(moments))


def _body(env: HumanoidEnv) -> SimBody:
    if not isinstance(env.body, SimBody):
        raise TypeError(f"{env.body} is no simulated body")
    return env.body
