"""What a servo makes of a goal: whole ticks, lost motion in its gears, and a zero that is a little off."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from assets.reality_gap import Exemplar
from assets.robot import RobotSpec
from assets.table import TICKS_PER_TURN

FloatArray = NDArray[np.float64]

TICK_RAD = 2.0 * np.pi / TICKS_PER_TURN
_WHICH_ROBOT = 20_261  # of all that could have been built with these tolerances


def zero_errors_rad(spec: RobotSpec, exemplar: Exemplar) -> FloatArray:  # (joints,)
    """How far each joint's zero is off: uniform up to the exemplar's error, and always the same for one robot."""
    shares = np.random.default_rng(_WHICH_ROBOT).uniform(-1.0, 1.0, len(spec.joints))
    return np.asarray(np.deg2rad(exemplar.joint_zero_deg) * shares)


class ServoDrive:
    """Between the goals that servos are given and where they pull their joints.

    A joint follows its servo only once that has turned by half of the play beyond the middle (a play operator, as in
    Visintin, Differential Models of Hysteresis, 1994). The servo's encoder sits before the play and cannot see it: it
    turns to its goal whether the joint follows or not. Latency is the simulation's: MuJoCo keeps past controls.
    """

    def __init__(self, spec: RobotSpec, exemplar: Exemplar) -> None:
        self._half_play_rad = float(np.deg2rad(exemplar.backlash_deg)) / 2.0
        self._zero_rad = zero_errors_rad(spec, exemplar)
        self._followed_rad = spec.home.copy()
        self._hidden_rad = np.zeros(len(spec.joints))

    def reset(self, position_rad: FloatArray) -> None:
        """Let every gear rest in the middle of its play, the joints at (joints,) rad by their own account."""
        self._followed_rad = position_rad.copy()
        self._hidden_rad = np.zeros(len(position_rad))

    def obey(self, goal_rad: FloatArray) -> FloatArray:  # (joints,) rad, in the frame of the simulated joints
        """Where the servos pull now that they have these goals, (joints,)."""
        goal_rad = goal_rad / TICK_RAD
        np.rint(goal_rad, out=goal_rad)
        goal_rad *= TICK_RAD
        hidden_rad = goal_rad - self._followed_rad
        np.maximum(hidden_rad, -self._half_play_rad, out=hidden_rad)
        self._hidden_rad = np.minimum(hidden_rad, self._half_play_rad, out=hidden_rad)
        self._followed_rad = goal_rad - hidden_rad
        return np.asarray(self._followed_rad - self._zero_rad)

    @property
    def unseen_rad(self) -> FloatArray:  # (joints,)
        """How far the encoders are from the simulated joints: by the play that is taken up, and by their zeros."""
        return np.asarray(self._zero_rad + self._hidden_rad)

    def memory(self) -> list[list[float]]:
        memory: list[list[float]] = [self._followed_rad.tolist(), self._hidden_rad.tolist()]
        return memory

    def restore(self, memory: list[list[float]]) -> None:
        self._followed_rad, self._hidden_rad = np.array(memory)
