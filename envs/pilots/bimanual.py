"""Both hands at once, with a waist that leans so far that they reach."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from assets.robot import RobotSpec
from envs.pilots.kinematics import HandKinematics, facing

FloatArray = NDArray[np.float64]

SIDES = ("left", "right")
POINTING = np.array([0.7, 0.0, -0.7])  # fingers, half forward and half down
# Where finger tips meet, from the grasp site and in the hand's frame: the thumb turned towards the middle finger.
PINCH_IN_HAND = np.array([-0.0165, 0.0, -0.026])
UPRIGHT_UP_TO_M = 0.2  # hands in front of the robot's axis by less need no lean
LEAN_RAD_M = 1.5
MOST_LEAN_RAD = 0.55
LEAN_RAD_S = 0.7


class TwoHands:
    """Inverse kinematics of two pinching hands. Places are where finger tips meet, in the world."""

    def __init__(self, robot: RobotSpec) -> None:
        self._robot = robot
        self._arms = {side: HandKinematics(robot, side) for side in SIDES}
        self._waist = robot.joint_index["waist_pitch"]
        groups = [robot.group(name) for name in ("waist", "left_arm", "right_arm")]
        self._helped = np.concatenate(groups)
        self._rotation = facing(POINTING)
        self._dt_s = 1.0 / robot.control_hz
        self.reset(robot.home)

    def reset(self, position_rad: FloatArray) -> None:
        """Think from these joint positions on, (joints,)."""
        self._position_rad = position_rad.copy()
        for arm in self._arms.values():
            arm.reset(position_rad)

    def place(self, side: str) -> FloatArray:  # (3,)
        """Where the finger tips of a hand would meet now."""
        arm = self._arms[side]
        return np.asarray(arm.hand_position() + arm.hand_rotation().as_matrix() @ PINCH_IN_HAND)

    def command(self, places: Mapping[str, FloatArray]) -> FloatArray:  # (joints,)
        """Joint targets, one control period on, that bring both hands to places, (3,) each.

        Raises:
            PilotError: an arm cannot go there.
        """
        wanted = self._position_rad.copy()
        furthest_m = max(float(place[0]) for place in places.values())
        lean_rad = min(max(LEAN_RAD_M * (furthest_m - UPRIGHT_UP_TO_M), 0.0), MOST_LEAN_RAD)
        most_rad = LEAN_RAD_S * self._dt_s
        wanted[self._waist] += np.clip(lean_rad - wanted[self._waist], -most_rad, most_rad)
        for side, arm in self._arms.items():
            arm.stand(wanted)
            site_m = places[side] - arm.hand_rotation().as_matrix() @ PINCH_IN_HAND
            solved = arm.solve(site_m, self._rotation, self._dt_s)
            group = self._robot.group(f"{side}_arm")
            wanted[group] = solved[group]
        rate_rad_s = (wanted - self._position_rad) / self._dt_s
        self._position_rad = wanted
        return self._arms["left"].command(wanted, rate_rad_s, self._helped)
