"""How a plate lies in the hand that pinches its rim."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from envs.pilots.legs import UP, Pose, towards
from envs.simulation import Simulation
from envs.tasks.wash_dishes_rules import WashDishesRules

FloatArray = NDArray[np.float64]

REACH_BEYOND_M = 0.0385  # how far the finger tips reach beyond the grasp site
PINCH_DEPTH_M = 0.025  # how far they reach below the plate's rim
# Pinched 14 mm below its rim a plate slips, however calmly it is carried; what is near to that comes to it on the way.
SHALLOW_M = 0.019
OUT_OF_REACH_M = -0.005
LOST_N = 0.2  # who feels less holds nothing
STANDS_N = 3.0  # more than what brushes by, less than what a sponge below it may be pressed with


class PlatePinch:
    """The right hand and the plate, as the simulator knows them."""

    def __init__(self, simulation: Simulation, rules: WashDishesRules) -> None:
        self._simulation = simulation
        self._rules = rules
        self._grasp = simulation.model.site("right_grasp").id

    def depth_m(self) -> float:
        """How much nearer to the plate's middle than its rim the finger tips are."""
        data = self._simulation.data
        pointing = -data.site_xmat[self._grasp].reshape(3, 3)[:, 2]
        tips = data.site_xpos[self._grasp] + REACH_BEYOND_M * pointing
        return self._radius_m() - float(np.linalg.norm(tips - data.body("plate").xpos))

    def is_held(self) -> bool:
        """Whether it is pinched; a plate that only leans on the hand is not."""
        return min(self._rules.grip_n("plate")) > LOST_N

    def is_shallow(self) -> bool:
        return self.depth_m() < SHALLOW_M

    def is_deep(self) -> bool:
        return self.depth_m() > PINCH_DEPTH_M

    def is_lost(self) -> bool:
        return self.depth_m() < OUT_OF_REACH_M

    def stands(self) -> bool:
        """Whether it is pressed on something below it."""
        return self._rules.support_n + self._rules.press_n > STANDS_N

    def at_rim(self) -> Pose:
        """Where the hand pinches it, fingers down, the thumb where the plate faces."""
        data = self._simulation.data
        normal = data.body("plate").xmat.reshape(3, 3)[:, 2]
        slope = UP - (UP @ normal) * normal
        slope /= np.linalg.norm(slope)
        rim = data.body("plate").xpos + self._radius_m() * slope
        between = rim - 0.5 * PINCH_DEPTH_M * slope
        place = np.array([between[0], between[1], rim[2] + REACH_BEYOND_M - PINCH_DEPTH_M])
        return place, towards(-UP, np.array([normal[0], normal[1], 0.0]))

    def _radius_m(self) -> float:
        return float(self._simulation.model.geom("plate").size[0])
