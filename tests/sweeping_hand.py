"""A hand that moves every joint from stop to stop while it is calibrated, and presses Enter at last."""

from __future__ import annotations

import os
from collections.abc import Callable

import numpy as np
import pytest

from assets.robot import RobotSpec
from experiments import robot as robot_verbs

ATTEMPTS = 4


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
        self._has_ended = False
        self._keys, terminal = os.openpty()
        self.terminal = os.fdopen(terminal, "r")

    def begin_again(self) -> None:
        """From the first answer on, as a person does whom a busy machine has lost sight of."""
        self._count, self._has_ended = 0, False

    def __call__(self) -> None:
        self._count += 1
        leg, part = divmod((self._count - self._before) / self._answers / self.STEPS, 1.0)
        if leg < 0:
            return
        if leg >= len(self._path) - 1:
            if not self._has_ended:
                os.write(self._keys, b"\n")
            self._has_ended = True
            return
        begin, end = self._path[int(leg)], self._path[int(leg) + 1]
        self._hold(begin + part * (end - begin))


def calibrate_by(hand: SweepingHand, words: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    """What `retake robot calibrate` says while the hand moves; run again where the machine was too busy to see it."""
    for _ in range(ATTEMPTS):
        code = robot_verbs.main(["calibrate", "--yes", *words])
        said = capsys.readouterr()
        if code == 0 or "it gave nothing for" not in said.err:
            break
        hand.begin_again()
    assert code == 0, said.err
    return said.out
