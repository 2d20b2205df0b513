"""What a calibration has measured: where each joint's travel lies in the raw numbers of its sensor."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, cast, get_args

from assets.errors import CalibrationError
from assets.robot import RobotSpec

Subject = Literal["robot", "exoskeleton"]


@dataclass(frozen=True)
class ChannelCalibration:
    """One joint's sensor. Raw numbers are servo ticks, or the counts of a line stream; `center` is joint position 0.

    `homing_offset` is what the servo's own register held while this was measured; 0 where there is no such register.
    """

    joint: str
    lowest: int
    highest: int
    center: int
    homing_offset: int = 0


@dataclass(frozen=True)
class Calibration:
    """All channels of one robot or exoskeleton, measured in one go. `made` is the date and time, ISO 8601, UTC."""

    subject: Subject
    robot: str
    made: str
    channels: tuple[ChannelCalibration, ...]

    @cached_property
    def digest(self) -> str:
        """Sixteen hex digits over all that was measured; every episode carries it."""
        text = json.dumps(self.to_dict(), sort_keys=True, separators=(",", ":"))
        return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()

    @cached_property
    def by_joint(self) -> dict[str, ChannelCalibration]:
        return {channel.joint: channel for channel in self.channels}

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return asdict(self)

    @staticmethod
    def from_dict(fields: dict[str, Any]) -> Calibration:
        """The inverse of `to_dict`.

        Raises:
            CalibrationError: something is missing, or is not what it should be.
        """
        try:
            if fields["subject"] not in get_args(Subject):
                raise CalibrationError(f"subject is {fields['subject']!r}; allowed are {', '.join(get_args(Subject))}")
            channels = tuple(ChannelCalibration(**channel) for channel in fields["channels"])
            return Calibration(cast(Subject, fields["subject"]), fields["robot"], fields["made"], channels)
        except (KeyError, TypeError) as error:
            raise CalibrationError(
                f"this is no calibration: {error!r}; make one with `retake robot calibrate`"
            ) from error

    def of(self, subject: Subject, robot: str) -> Calibration:
        """This calibration, if it is of that.

        Raises:
            CalibrationError: it is of another robot, or of an exoskeleton and not of a robot.
        """
        if (self.subject, self.robot) != (subject, robot):
            raise CalibrationError(
                f"the calibration is of {self.subject} {self.robot!r}, not of {subject} {robot!r}; give the right one"
            )
        return self

    @staticmethod
    def read(path: Path) -> Calibration:
        """A calibration from its file.

        Raises:
            CalibrationError: there is no such file, or it holds none.
        """
        try:
            return Calibration.from_dict(json.loads(path.read_text()))
        except (OSError, ValueError) as error:
            raise CalibrationError(f"cannot read the calibration {path}: {error}") from error


def calibrated(spec: RobotSpec, calibration: Calibration) -> RobotSpec:
    """The robot with the centres that were measured in place of the table's, and the homing offsets they hold for.

    Raises:
        CalibrationError: it is of another robot or an exoskeleton, or lacks a joint that has a servo.
    """
    calibration.of("robot", spec.name)
    if missing := [servo.joint for servo in spec.servos if servo.joint not in calibration.by_joint]:
        raise CalibrationError(f"the calibration lacks {', '.join(missing)}; calibrate the robot again")
    measured = ((servo, calibration.by_joint[servo.joint]) for servo in spec.servos)
    servos = (replace(servo, center_ticks=own.center, homing_offset=own.homing_offset) for servo, own in measured)
    return replace(spec, servos=tuple(servos))
