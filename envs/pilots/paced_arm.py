"""An arm that walks legs: along smooth paths, no faster than its joints can follow."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from assets.robot import RobotSpec
from envs.pilots.kinematics import HandKinematics
from envs.pilots.legs import Leg, Pose
from envs.pilots.paths import ReachPath, minimum_jerk

FloatArray = NDArray[np.float64]

TURN_EARLY = 1.35  # the hand has turned before it has arrived
RATE_SHARE, CHANGE_SHARE = 0.8, 0.4  # of what the joints may do; the rest is for making up for lag


class PacedArm:
    """Inverse kinematics, path and pace of one arm.

    Where a path asks more of a joint than it can give, that joint comes as far as it can, and time on the path goes
    slower until it has caught up: safety never has to cut a wish, and the hand stays on its path.
    """

    def __init__(self, robot: RobotSpec, side: str) -> None:
        self.kinematics = HandKinematics(robot, side)
        self._robot = robot
        self._arm = robot.group(f"{side}_arm")
        self._dt_s = 1.0 / robot.control_hz
        self.reset(robot.home, np.zeros(3))

    def reset(self, position_rad: FloatArray, detour_m: FloatArray) -> None:
        """Think from these joint positions, (joints,), on; travel by this detour, (3,), half-way."""
        self.kinematics.reset(position_rad)
        self._detour = detour_m
        self._target = position_rad.copy()
        self._rate = np.zeros_like(position_rad)
        self._progress = 1.0  # of time on the path, a second
        self._hand = self.kinematics.hand_position()
        self.velocity_m_s = np.zeros(3)
        self.elapsed_s = 0.0

    def stay(self) -> Pose:
        """Where the hand is meant to be."""
        return self.kinematics.hand_position(), self.kinematics.hand_rotation()

    def from_here(self, away_m: FloatArray, step_m: FloatArray | float = 0.0) -> Callable[[], Pose]:
        """A goal at this distance, (3,), from where its leg begins; each control period moves it on by a step, (3,)."""
        begun: list[Pose] = []
        asked = 0

        def goal() -> Pose:
            nonlocal asked
            if not begun:
                begun.append(self.stay())
            asked += 1
            place, rotation = begun[0]
            return place + away_m + asked * step_m, rotation

        return goal

    def begin(self, leg: Leg) -> None:
        """Walk this leg from where the hand is.

        Raises:
            PilotError: the optimiser finds no solution.
        """
        self.elapsed_s = 0.0
        start, self._turned_from = self.stay()
        end, rotation = leg.goal()
        if leg.is_travel:
            self.kinematics.prefer(end, rotation, self._dt_s)
        via = (start + end) / 2 if leg.arrives_m is None else end + leg.arrives_m
        far = float(leg.is_travel)
        self._path = ReachPath(start, via, leg.duration_s, far * self._detour, far * self.velocity_m_s)

    def command(self, leg: Leg) -> FloatArray:  # (joints,)
        """The joint targets of the next control period on the leg that was begun.

        Raises:
            PilotError: the arm cannot go where it should.
        """
        self.elapsed_s += self._progress * self._dt_s
        place, rotation = leg.goal()
        hand = self._path.at(self.elapsed_s, place)
        turned = minimum_jerk(TURN_EARLY * self.elapsed_s / leg.duration_s)
        self.velocity_m_s, self._hand = (hand - self._hand) / self._dt_s, hand
        before = self._target
        solved = self.kinematics.solve(hand, self._turned_from.interpolate(rotation, turned), self._dt_s)
        self._target = self._in_time(solved)
        self._rate = (self._target - before) / self._dt_s
        return self.kinematics.command(self._target, self._rate)

    def _in_time(self, solved_rad: FloatArray) -> FloatArray:  # (joints,)
        wished = (solved_rad - self._target) / self._dt_s
        change = CHANGE_SHARE * self._robot.max_acceleration * self._dt_s
        change = np.where(np.abs(wished) < np.abs(self._rate), 2.0 * change, change)
        fastest = RATE_SHARE * self._robot.max_rate
        rate = np.clip(np.clip(wished, self._rate - change, self._rate + change), -fastest, fastest)
        is_late = np.abs(rate) < np.abs(wished) - 1e-9
        if not is_late[self._arm].any():
            self._progress = min(1.0, self._progress + 0.1)
            return solved_rad
        share = float((np.abs(rate[self._arm]) / np.maximum(np.abs(wished[self._arm]), 1e-9))[is_late[self._arm]].min())
        self._progress += float(np.clip(share - self._progress, -0.2, 0.1))
        reached = self._target.copy()
        reached[self._arm] += rate[self._arm] * self._dt_s
        self.kinematics.reset(reached)
        return reached
