"""A person at a gamepad as a pilot: moves one hand as a twist in the robot's base frame, and its fingers."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from assets.robot import RobotSpec
from envs.body import JointTarget
from envs.errors import PilotError
from envs.pilots.clutch import Clutch
from envs.scenario import Scenario
from hardware.gamepad import GamepadReading

FloatArray = NDArray[np.float64]
Side = Literal["left", "right"]

SPEED_M_S = 0.15
TURN_RAD_S = 0.8
GRIP_RAD_S = 1.5
_LONGEST_PERIOD_S = 0.1
_LEASH_M = 0.03  # how far the wish may be ahead of the hand: beyond reach it must not wind up


class GamepadSource(Protocol):
    """Where readings come from: `hardware.gamepad.Gamepad`."""

    def read(self) -> GamepadReading: ...


class GamepadPilot:
    """Moves one hand while the left shoulder button is held; let go, or unplugged, the robot holds.

    Left stick: away and to the right. Right stick: up and down, and turn about the vertical. Cross: tilt away and to
    the right. Right trigger closes the hand, left trigger opens it. In the robot's base frame: x ahead, y to its left,
    z up. No joint is wished faster than its table allows.

    Args:
        robot: the robot that is taught; it needs an MJCF with the site `<side>_grasp`.
        gamepad: what the person holds.
        side: which hand.
        now: the monotonic clock.
    """

    name = "gamepad"

    def __init__(
        self,
        robot: RobotSpec,
        gamepad: GamepadSource,
        side: Side = "right",
        *,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        from envs.pilots.kinematics import HandKinematics

        self._robot = robot
        self._gamepad = gamepad
        self._now = now
        self._kinematics = HandKinematics(robot, side)
        self._arm = robot.group(f"{side}_arm")
        self._fingers, self._closing = _fingers(robot, side)
        self._reading: GamepadReading | None = None
        self._clutch = Clutch(self)
        self._target_rad: FloatArray | None = None  # (joints,)
        self._before_s = 0.0

    @property
    def is_on(self) -> bool:
        """Whether the dead-man button is held."""
        return self._reading is not None and self._reading.is_dead_man_held

    def reset(self, scenario: Scenario, rng: np.random.Generator) -> None:
        self._clutch.disengage()
        self.let_go()

    def let_go(self) -> None:
        """Begin anew with the next command, from where the robot is then."""
        self._target_rad = None

    def command(self, observation: Mapping[str, NDArray[Any]], info: Mapping[str, Any]) -> JointTarget | None:
        """Where the joints shall go; None, to hold, while the button is not held.

        Raises:
            PilotError: no joint motion moves the hand so.
        """
        self._reading = self._gamepad.read()
        now_s = self._now()
        period_s, self._before_s = min(max(now_s - self._before_s, 0.0), _LONGEST_PERIOD_S), now_s
        if not self._clutch.is_engaged():
            self.let_go()
            return None
        if self._target_rad is None:
            self._target_rad = info["sent_rad"].copy()
            self._take_hold(self._target_rad)
            return JointTarget(self._target_rad.copy())
        self._target_rad = self._moved(self._target_rad, self._reading, period_s)
        return JointTarget(self._target_rad.copy())

    def _take_hold(self, position_rad: FloatArray) -> None:
        self._kinematics.reset(position_rad)
        self._place_m = self._kinematics.hand_position()
        self._rotation = self._kinematics.hand_rotation()

    def _moved(self, from_rad: FloatArray, reading: GamepadReading, period_s: float) -> FloatArray:  # (joints,)
        wish_rad = from_rad.copy()
        wish_rad[self._fingers] += self._closing * reading.close * GRIP_RAD_S * period_s
        velocity_m_s, rate_rad_s = twist(reading)
        if velocity_m_s.any() or rate_rad_s.any():  # at rest the optimiser would let the elbow drift
            self._place_m = self._place_m + velocity_m_s * period_s
            self._rotation = type(self._rotation).exp(rate_rad_s * period_s) @ self._rotation
            solved_rad = self._kinematics.solve(self._place_m, self._rotation, 1.0 / self._robot.control_hz)
            wish_rad[self._arm] = solved_rad[self._arm]
            ahead_m = self._place_m - self._kinematics.hand_position()
            far_m = float(np.linalg.norm(ahead_m))
            self._place_m -= ahead_m * max(0.0, 1.0 - _LEASH_M / max(far_m, _LEASH_M))
        step_rad = np.clip(wish_rad - from_rad, -self._robot.max_rate * period_s, self._robot.max_rate * period_s)
        moved_rad = np.clip(from_rad + step_rad, self._robot.lower, self._robot.upper)
        if not np.allclose(moved_rad[self._arm], wish_rad[self._arm]):
            self._kinematics.reset(moved_rad)
        return moved_rad


def twist(reading: GamepadReading) -> tuple[FloatArray, FloatArray]:
    """What the sticks ask of the hand: velocity (3,) in m/s and rate (3,) in rad/s, in the robot's base frame."""
    (left_x, left_y), (right_x, right_y), (hat_x, hat_y) = reading.left, reading.right, reading.hat
    velocity_m_s = SPEED_M_S * np.array([left_y, -left_x, right_y])
    rate_rad_s = TURN_RAD_S * np.array([float(hat_x), float(hat_y), -right_x])
    return velocity_m_s, rate_rad_s


def _fingers(robot: RobotSpec, side: Side) -> tuple[NDArray[np.intp], FloatArray]:
    """The joints that close a hand, and which way: from home to the further of its limits.

    A joint whose home is in the middle only turns the thumb, and stays.
    """
    hand = robot.group(f"{side}_hand")
    if not hand.size:
        raise PilotError(
            f"robot {robot.name!r} has no joints of the group '{side}_hand'; its groups are {robot.groups}"
        )
    way = np.sign(np.round(robot.upper + robot.lower - 2.0 * robot.home, 9))[hand]
    return hand[way != 0], way[way != 0]
