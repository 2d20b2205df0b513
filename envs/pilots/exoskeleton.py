"""A person in an exoskeleton as a pilot: begins without a jump, follows without delay, never leads by old readings."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assets.robot import RobotSpec
from envs.body import JointTarget
from envs.errors import PilotError
from envs.pilots.handover import BLEND_S, MAX_GAP_RAD
from envs.pilots.paths import minimum_jerk
from envs.scenario import Scenario
from hardware.errors import HardwareError, StaleDeviceError
from hardware.exoskeleton import ServoExoskeleton, isomorphic_joints
from hardware.smoothing import OneEuroFilter

FloatArray = NDArray[np.float64]

HOLD_AFTER_S = 0.1  # an older reading is not followed any more
GIVE_UP_AFTER_S = 0.5
SAME_RAD = 0.01  # gaps up to here are followed at once
REPLY_S = 0.1  # as long as a reading may be old: a late answer is better than none
# At rest the filter lags by 1 / (2 pi 6 Hz) = 27 ms, and by less in motion.
MIN_CUTOFF_HZ, BETA = 6.0, 4.0


class ExoskeletonPilot:
    """Commands what the trainer shows; joints that are not worn stay where the episode began.

    At the beginning of an episode, and after each gap in the readings, the difference between trainer and robot is
    carried along and taken away over `BLEND_S`: motion passes at once, and nothing jumps.

    Args:
        robot: the robot that is taught.
        exoskeleton: what the trainer wears; its `max_age_s` should be `HOLD_AFTER_S`. Connected at the first reset.
        now: the monotonic clock.
    """

    name = "exoskeleton"

    def __init__(
        self, robot: RobotSpec, exoskeleton: ServoExoskeleton, *, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._robot = robot
        self._exoskeleton = exoskeleton
        self._now = now
        self._is_connected = False
        self._offset_rad: FloatArray | None = None  # (worn joints,) robot minus trainer, as it was at the beginning
        self._base_rad: FloatArray | None = None  # (joints,) where the robot was then
        self._begun_s = 0.0
        self._fresh_s: float | None = None

    def reset(self, scenario: Scenario, rng: np.random.Generator) -> None:
        try:
            if not self._is_connected:
                self._exoskeleton.connect()
                self._is_connected = True
        except HardwareError as error:
            raise PilotError(f"the exoskeleton cannot lead: {error}") from error
        self._offset_rad = self._fresh_s = None

    def command(self, observation: Mapping[str, NDArray[Any]], info: Mapping[str, Any]) -> JointTarget | None:
        """Where the trainer holds the joints; None, to hold, while the readings are old.

        Raises:
            PilotError: the trainer is too far away from the robot to begin, or the readings stay away.
        """
        sent_rad: FloatArray = info["sent_rad"]
        now_s = self._now()
        worn_rad = self._read(now_s)
        if worn_rad is None:
            self._offset_rad = None  # begin anew, as the trainer has moved on meanwhile
            return None
        if self._offset_rad is None or self._base_rad is None:
            self._offset_rad = self._gap(sent_rad, worn_rad)
            self._base_rad, self._begun_s = sent_rad.copy(), now_s
        fade = 1.0 - minimum_jerk((now_s - self._begun_s) / BLEND_S)
        target_rad = self._base_rad.copy()
        target_rad[self._exoskeleton.robot_index] = worn_rad + fade * self._offset_rad
        return JointTarget(np.clip(target_rad, self._robot.lower, self._robot.upper))

    def close(self) -> None:
        """Release the exoskeleton's port, until the next reset. May be called more than once."""
        self._is_connected = False
        self._exoskeleton.close()

    def _read(self, now_s: float) -> FloatArray | None:
        """Positions of the worn joints, or None while they are old."""
        try:
            worn_rad = self._exoskeleton.read().position_rad
        except StaleDeviceError as error:
            if self._fresh_s is None:
                self._fresh_s = now_s
            if now_s - self._fresh_s > GIVE_UP_AFTER_S:
                raise PilotError(f"the exoskeleton has gone: {error}") from error
            return None
        except HardwareError as error:
            self._is_connected = False
            raise PilotError(f"the exoskeleton cannot lead: {error}") from error
        self._fresh_s = now_s
        return worn_rad

    def _gap(self, sent_rad: FloatArray, worn_rad: FloatArray) -> FloatArray:  # (worn joints,)
        """What has to fade: robot minus trainer, zero where that is next to nothing."""
        gap_rad = sent_rad[self._exoskeleton.robot_index] - worn_rad
        far = [
            f"{name} ({gap:+.2f} rad)"
            for name, gap in zip(self._exoskeleton.joint_names, gap_rad, strict=True)
            if abs(gap) > MAX_GAP_RAD
        ]
        if far:
            raise PilotError(
                f"the exoskeleton is more than {MAX_GAP_RAD:g} rad away from the robot at {', '.join(far)}; take the "
                "robot's pose and begin again"
            )
        return np.where(np.abs(gap_rad) > SAME_RAD, gap_rad, 0.0)


def open_exoskeleton(robot: RobotSpec, port: str, reply_s: float = REPLY_S) -> ExoskeletonPilot:
    """A pilot at an exoskeleton of the robot's own build.

    Args:
        robot: the robot that is taught.
        port: the serial device.
        reply_s: how long to wait for a sensing servo's answer beyond its time on the wire.

    Raises:
        PortError: the port cannot be opened.
    """
    exoskeleton = ServoExoskeleton(
        robot,
        isomorphic_joints(robot),
        port,
        OneEuroFilter(MIN_CUTOFF_HZ, BETA),
        max_age_s=HOLD_AFTER_S,
        reply_margin_s=reply_s,
    )
    return ExoskeletonPilot(robot, exoskeleton)
