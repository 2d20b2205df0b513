"""A person in an exoskeleton as a pilot: begins without a jump, follows without delay, never leads by old readings."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assets.calibration import Calibration
from assets.exoskeleton import ExoskeletonLayout, LineLayout, ServoLayout, isomorphic_joints
from assets.robot import RobotSpec
from envs.body import JointTarget
from envs.connections import AT_A_ROBOT
from envs.errors import PilotError
from envs.pilots.clutch import Clutch, MotionLead, Switch
from envs.pilots.lead import Lead, PoseLead
from envs.scenario import Scenario
from hardware.errors import HardwareError, StaleDeviceError
from hardware.exoskeleton import ServoExoskeleton
from hardware.exoskeleton_lines import LineExoskeleton
from hardware.exoskeleton_reading import Exoskeleton
from hardware.smoothing import OneEuroFilter

FloatArray = NDArray[np.float64]

HOLD_AFTER_S = 0.1  # an older reading is not followed any more
GIVE_UP_AFTER_S = 0.5
# Where nothing waits for this computer but processes on it: a late answer is better than none.
REPLY_AMONG_PROCESSES_S = HOLD_AFTER_S
# Calm at rest, where its lag of 1 / (2 pi 2 Hz) = 80 ms shows nobody; above 0.25 rad/s it lags by less than 40 ms.
MIN_CUTOFF_HZ, BETA = 2.0, 8.0


class ExoskeletonPilot:
    """Commands what the trainer shows; joints that are not worn stay where the lead began.

    Without a clutch the robot takes the trainer's pose: see `PoseLead`. With one it makes the trainer's motion while
    the clutch is engaged (see `MotionLead`), and holds while it is not. Either begins anew at each episode and after
    each gap in the readings. Readings that stay away for `GIVE_UP_AFTER_S` disengage the clutch; where there is none,
    they end the command.

    Args:
        robot: the robot that is taught.
        exoskeleton: what the trainer wears; its `max_age_s` should be `HOLD_AFTER_S`. Connected at the first reset.
        clutch: what engages; None leads all the time.
        now: the monotonic clock.
    """

    name = "exoskeleton"

    def __init__(
        self,
        robot: RobotSpec,
        exoskeleton: Exoskeleton,
        *,
        clutch: Switch | None = None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._robot = robot
        self._exoskeleton = exoskeleton
        self._clutch = None if clutch is None else Clutch(clutch)
        worn = exoskeleton.robot_index
        self._lead: Lead = PoseLead(robot, worn) if clutch is None else MotionLead(robot, worn)
        self._now = now
        self._is_connected = False
        self._base_rad: FloatArray | None = None  # (joints,) where the robot was when the lead began
        self._fresh_s: float | None = None

    @property
    def calibration_digests(self) -> dict[str, str]:
        """Of what the exoskeleton is calibrated by; every episode carries it."""
        digest = self._exoskeleton.calibration_digest
        return {} if digest is None else {"exoskeleton": digest}

    def reset(self, scenario: Scenario, rng: np.random.Generator) -> None:
        try:
            if not self._is_connected:
                self._exoskeleton.connect()
                self._is_connected = True
        except HardwareError as error:
            raise PilotError(f"the exoskeleton cannot lead: {error}") from error
        if self._clutch is not None:
            self._clutch.disengage()
        self._fresh_s = None
        self.let_go()

    def let_go(self) -> None:
        """Begin anew with the next command, from where the robot is then."""
        self._lead.let_go()
        self._base_rad = None

    def command(self, observation: Mapping[str, NDArray[Any]], info: Mapping[str, Any]) -> JointTarget | None:
        """Where the trainer leads the joints; None, to hold, while readings are old or the clutch is released.

        Raises:
            PilotError: the trainer is too far away from the robot to begin, or the readings stay away.
        """
        sent_rad: FloatArray = info["sent_rad"]
        now_s = self._now()
        worn_rad = self._read(now_s)
        is_led = self._clutch is None or self._clutch.is_engaged()
        worn = self._exoskeleton.robot_index
        led_rad = self._lead.follow(worn_rad, sent_rad[worn], now_s) if worn_rad is not None and is_led else None
        if led_rad is None:
            self.let_go()  # the trainer moves on meanwhile
            return None
        if self._base_rad is None:
            self._base_rad = sent_rad.copy()
        target_rad = self._base_rad.copy()
        target_rad[worn] = led_rad
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
                self._give_up(error)
            return None
        except HardwareError as error:
            self._is_connected = False
            raise PilotError(f"the exoskeleton cannot lead: {error}") from error
        self._fresh_s = now_s
        return worn_rad

    def _give_up(self, error: StaleDeviceError) -> None:
        if self._clutch is not None:
            self._clutch.disengage()
            return
        self._is_connected = False
        raise PilotError(f"the exoskeleton has gone: {error}") from error


def open_exoskeleton(
    robot: RobotSpec,
    port: str,
    reply_s: float = AT_A_ROBOT.reply_s,
    *,
    layout: ExoskeletonLayout | None = None,
    calibration: Calibration | None = None,
    clutch: Switch | None = None,
) -> ExoskeletonPilot:
    """A pilot at an exoskeleton.

    Args:
        robot: the robot that is taught.
        port: the serial device.
        reply_s: how long to wait for a sensing servo's answer beyond its time on the wire; much less than the robot's
            own servos go on without hearing from this computer.
        layout: which sensor shows which joint; None is an exoskeleton of the robot's own build.
        calibration: what its sensors were measured to show.
        clutch: what engages; None leads all the time.

    Raises:
        CalibrationError: the calibration is not of this exoskeleton.
        HardwareError: the port cannot be opened, or the layout does not fit the robot.
    """
    exoskeleton = connect_exoskeleton(
        robot, port, reply_s, layout or ServoLayout(isomorphic_joints(robot)), calibration
    )
    return ExoskeletonPilot(robot, exoskeleton, clutch=clutch)


def connect_exoskeleton(
    robot: RobotSpec, port: str, reply_s: float, layout: ExoskeletonLayout, calibration: Calibration | None = None
) -> Exoskeleton:
    """The device of a layout, smoothed as a trainer wants it; see `open_exoskeleton`."""
    smoothing = OneEuroFilter(MIN_CUTOFF_HZ, BETA)
    if isinstance(layout, LineLayout):
        return LineExoskeleton(robot, layout, port, smoothing, HOLD_AFTER_S, calibration)
    return ServoExoskeleton(
        robot,
        layout.joints,
        port,
        smoothing,
        max_age_s=HOLD_AFTER_S,
        baud=layout.baud,
        reply_margin_s=reply_s,
        calibration=calibration,
    )
