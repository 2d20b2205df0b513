"""A clutch: the robot moves as the leader moves while it is engaged, wherever the leader was when it was engaged."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from assets.robot import RobotSpec
from envs.pilots.lead import LeapGuard

FloatArray = NDArray[np.float64]


class Switch(Protocol):
    """What a hand or a foot holds down: a pedal, a button, a key that toggles."""

    @property
    def is_on(self) -> bool: ...


class Clutch:
    """Engages at a press, never because something was pressed all along.

    Args:
        switch: held to engage, let go to release.
    """

    def __init__(self, switch: Switch) -> None:
        self._switch = switch
        self._is_engaged = False
        self._was_off = False  # since it was last disengaged

    def disengage(self) -> None:
        """Let go, until the switch is released and pressed again."""
        self._is_engaged = self._was_off = False

    def is_engaged(self) -> bool:
        """Whether the leader leads now; ask once in every control period."""
        if not self._switch.is_on:
            self._is_engaged, self._was_off = False, True
        elif self._was_off:
            self._is_engaged = True
        return self._is_engaged


class MotionLead:
    """The robot makes the leader's motion: `robot0 + (leader - leader0)`, both as they were when it began.

    Clipped to the joint limits by whoever commands. A leader who leaps begins anew, so that the robot stays.

    Args:
        robot: the robot that follows.
        worn: indices of the worn joints.
    """

    def __init__(self, robot: RobotSpec, worn: NDArray[np.intp]) -> None:
        self._guard = LeapGuard(robot.max_rate[worn])
        self._offset_rad: FloatArray | None = None  # (worn joints,) robot0 minus leader0

    def let_go(self) -> None:
        self._offset_rad = None
        self._guard.forget()

    def follow(self, worn_rad: FloatArray, sent_rad: FloatArray, now_s: float) -> FloatArray | None:
        if self._guard.has_leapt(worn_rad, now_s):
            self.let_go()
            return None
        if self._offset_rad is None:
            self._offset_rad = sent_rad - worn_rad
        return worn_rad + self._offset_rad
