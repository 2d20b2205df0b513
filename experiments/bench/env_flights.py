"""The expert's commands in one scenario, recorded once, so that every environment can be led along the same way."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from envs.humanoid import HumanoidEnv
from envs.registry import make_env
from envs.scenario import Scenario
from envs.sim_body import SimBody
from envs.tasks.known import load_task
from experiments.flights import flown, simulated_body

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
        wishes: list[NDArray[np.float64]] = []
        sent: list[NDArray[np.float64]] = []
        moments: list[Moment] = []
        for info in islice(flown(env, scenario, SEED), None if limit is None else limit + 1):
            if moments:
                wishes.append(info["wish_rad"])
                sent.append(info["sent_rad"])
            moments.append(Moment.of(simulated_body(env)))
    finally:
        env.close()
    return Flight(task, scenario, np.array(wishes), np.array(sent), tuple(moments[:-1]))
