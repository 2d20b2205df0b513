"""The scripted experts by task. They read the simulator, so each lives where the simulator lives."""

from __future__ import annotations

from pkgutil import resolve_name
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from assets.robot import RobotSpec
from envs.body import JointTarget
from envs.errors import PilotError
from envs.simulation import Simulation
from envs.stage import Judgement
from envs.tasks.rules import SceneRules

_EXPERTS = {
    "pick_fruit": "envs.pilots.pick_fruit_expert:PickFruitExpert",
    "fold_towel": "envs.pilots.fold_towel_expert:FoldTowelExpert",
    "brew_coffee": "envs.pilots.brew_coffee_expert:BrewCoffeeExpert",
    "wash_dishes": "envs.pilots.wash_dishes_expert:WashDishesExpert",
}


class Expert(Protocol):
    """Knows one task by heart."""

    def reset(self, position_rad: NDArray[np.float64], rng: np.random.Generator | None = None) -> None:
        """Take over from these joint positions, (joints,). With `rng` no two demonstrations move quite alike."""
        ...

    def command(self, judgement: Judgement) -> JointTarget:
        """The next joint target, one a control period.

        Raises:
            PilotError: the arm cannot go where it should.
        """
        ...


@runtime_checkable
class HoldsByForce(Protocol):
    """An expert that closes its fingers until they feel enough."""

    hold: float  # how hard, as a multiple of what is enough


def load_expert(task: str, spec: RobotSpec, simulation: Simulation, rules: SceneRules) -> Expert:
    """The expert of a task, looking into one simulation.

    Raises:
        PilotError: there is none; the message lists those there are.
    """
    if task not in _EXPERTS:
        raise PilotError(f"there is no expert for {task!r}; there is one for {', '.join(_EXPERTS)}")
    expert: Expert = resolve_name(_EXPERTS[task])(spec, simulation, rules)
    return expert
