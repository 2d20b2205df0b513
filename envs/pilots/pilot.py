"""Whoever says where the joints should go: a person at an exoskeleton or gamepad, a script, a policy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from envs.body import JointTarget
from envs.scenario import Scenario


class Pilot(Protocol):
    """Gives one command a control step. A cloned policy is a pilot too."""

    def reset(self, scenario: Scenario, rng: np.random.Generator) -> None:
        """A new episode begins.

        Raises:
            PilotError: the pilot is not ready for it.
        """
        ...

    def command(self, observation: Mapping[str, NDArray[Any]], info: Mapping[str, Any]) -> JointTarget | None:
        """Where the joints should go, by the observation and `info` of the newest step; None to hold.

        Raises:
            PilotError: the pilot cannot give a command.
        """
        ...
