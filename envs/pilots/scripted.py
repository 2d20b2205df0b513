"""A scripted expert as a pilot of the simulated body."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from envs.body import JointTarget
from envs.errors import PilotError
from envs.humanoid import HumanoidEnv
from envs.pilots.experts import Expert, HoldsByForce, load_expert
from envs.scenario import Scenario
from envs.sim_body import SimBody


class ScriptedPilot:
    """Flies an environment's simulated body by its task's expert, as a trainer would.

    The first `reset` raises PilotError where there is no expert for the task, or none that can hold as hard as asked.

    Args:
        env: what it flies.
        hold: how hard it holds, as a multiple of what is enough.
    """

    name = "expert"

    def __init__(self, env: HumanoidEnv, hold: float = 1.0) -> None:
        self._env = env
        self._hold = hold
        self._expert: Expert | None = None
        self._rng: np.random.Generator | None = None  # set where the next command is an episode's first

    def reset(self, scenario: Scenario, rng: np.random.Generator) -> None:
        if self._expert is None:
            self._expert = make_expert(self._env)
            if isinstance(self._expert, HoldsByForce):
                self._expert.hold = self._hold
            elif self._hold != 1.0:
                raise PilotError(f"the expert of {self._env.task.name} does not hold by force; leave hold at 1")
        self._rng = rng

    def command(self, observation: Mapping[str, NDArray[Any]], info: Mapping[str, Any]) -> JointTarget | None:
        if self._expert is None:
            raise PilotError("the scripted pilot was asked for a command before its first reset")
        if self._rng is not None:
            self._expert.reset(info["sent_rad"], self._rng)
            self._rng = None
        return self._expert.command(info["judgement"])


def make_expert(env: HumanoidEnv) -> Expert:
    """The expert of an environment's task, looking into its simulated body.

    Raises:
        PilotError: the environment is not connected to a simulated body.
    """
    body = env.body
    if not isinstance(body, SimBody):
        raise PilotError("the scripted expert reads the simulator; for a body on cables it lives in the twin")
    return load_expert(env.task.name, env.robot, body.simulation, body.rules)
