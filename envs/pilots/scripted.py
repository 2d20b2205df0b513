"""A scripted expert as a pilot of the simulated body."""

from __future__ import annotations

from collections.abc import Mapping
from pkgutil import resolve_name
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from envs.body import JointTarget
from envs.errors import PilotError
from envs.humanoid import HumanoidEnv
from envs.scenario import Scenario
from envs.sim_body import SimBody
from envs.stage import Judgement

_EXPERTS = {"pick_fruit": "envs.pilots.pick_fruit_expert:PickFruitExpert"}


class Expert(Protocol):
    """Knows one task by heart and reads the simulator."""

    def reset(self, position_rad: NDArray[np.float64]) -> None: ...

    def command(self, judgement: Judgement) -> JointTarget: ...


class ScriptedPilot:
    """Flies an environment's simulated body by its task's expert, as a trainer would.

    Raises:
        PilotError: there is no expert for the task.
    """

    name = "expert"

    def __init__(self, env: HumanoidEnv) -> None:
        if env.task.name not in _EXPERTS:
            raise PilotError(f"there is no expert for {env.task.name!r}; there is one for {', '.join(_EXPERTS)}")
        self._env = env
        self._expert: Expert | None = None
        self._is_fresh = True

    def reset(self, scenario: Scenario, rng: np.random.Generator) -> None:
        if self._expert is None:
            self._expert = make_expert(self._env)
        self._is_fresh = True

    def command(self, observation: Mapping[str, NDArray[Any]], info: Mapping[str, Any]) -> JointTarget | None:
        if self._expert is None:
            raise PilotError("the scripted pilot was asked for a command before its first reset")
        if self._is_fresh:
            self._expert.reset(info["sent_rad"])
            self._is_fresh = False
        return self._expert.command(info["judgement"])


def make_expert(env: HumanoidEnv) -> Expert:
    """The expert of an environment's task, looking into its simulated body.

    Raises:
        PilotError: the environment is not connected to a simulated body.
    """
    body = env.body
    if not isinstance(body, SimBody):
        raise PilotError("the scripted expert reads the simulator; for a body on cables it lives in the twin")
    expert: Expert = resolve_name(_EXPERTS[env.task.name])(env.robot, body.simulation, body.rules)
    return expert
