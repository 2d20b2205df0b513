"""A hand that moves every joint from stop to stop while it is calibrated, and presses Enter at last."""

from __future__ import annotations

import os
from collections.abc import Callable

import numpy as np

from assets.robot import RobotSpec


class SweepingHand:
    """Moves all joints from stop to stop and home again, a little after each answer, and presses Enter.

    Args:
        robot: whose joints are moved.
        hold: puts the joints somewhere, in rad, in the joint table's order.
        before: how many answers come before the sweep, while every servo is let go.
        answers: how many come with each reading of the sweep.
    """

    STEPS = 12

    def __init__(self, robot: RobotSpec, hold: Callable[[np.ndarray], None], before: int = 0, answers: int = 1) -> None:
        self._hold, self._before, self._answers, self._count = hold, before, answers, 0
        self._path = [robot.home, robot.lower, robot.lower, robot.upper, robot.upper, robot.home, robot.home]
        self._keys, terminal = os.openpty()
        self.terminal = os.fdopen(terminal, "r")

    def __call__(self) -> None:
        self._count += 1
        leg, part = divmod((self._count - self._before) / self._answers / self.STEPS, 1.0)
        if leg < 0:
            return
        if leg >= len(self._path) - 1:
            os.write(self._keys, b"\n")
            return
        begin, end = self._path[int(leg)], self._path[int(leg) + 1]
        self._hold(begin + part * (end - begin))
