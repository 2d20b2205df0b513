"""The seam between whoever wears an exoskeleton and whoever follows it: joint positions of the robot, with stamps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from assets.robot import RobotSpec
from hardware.errors import SensorError, StaleDeviceError

FloatArray = NDArray[np.float64]

TRAVEL_MARGIN = 0.05  # of a calibrated travel: gears and straps give a little beyond what was swept


@dataclass(frozen=True)
class ExoskeletonReading:
    """Where the trainer holds the robot's joints, in the order of `Exoskeleton.joint_names`."""

    position_rad: FloatArray  # (worn joints,) smoothed
    raw_position_rad: FloatArray  # (worn joints,)
    stamp_s: float  # of the oldest of them
    missing: Mapping[str, str]  # joint -> why it kept its last value


class Exoskeleton(Protocol):
    """What a trainer wears, whatever it is made of. Not for two threads at once."""

    @property
    def joint_names(self) -> tuple[str, ...]:
        """The robot's joints that are worn."""
        ...

    @property
    def robot_index(self) -> NDArray[np.intp]:  # (worn joints,)
        """Where they stand in the joint table."""
        ...

    @property
    def calibration_digest(self) -> str | None:
        """Of the calibration that it is read by; None without one."""
        ...

    def connect(self) -> ExoskeletonReading:
        """Find the device and make it safe to wear; may be called again, after a cable was replugged.

        Raises:
            HardwareError: it is not there, or not as it should be.
        """
        ...

    def read(self) -> ExoskeletonReading:
        """Where the trainer holds the joints now.

        Raises:
            StaleDeviceError: a joint has given nothing that can be trusted for too long.
            HardwareError: the device has gone.
        """
        ...

    def close(self) -> None:
        """Release the device. May be called more than once."""
        ...


def robot_places(spec: RobotSpec, names: Sequence[str], channels: Sequence[int]) -> NDArray[np.intp]:
    """Where worn joints stand in the joint table.

    Raises:
        SensorError: a joint is unknown to the robot, or a joint or channel occurs twice.
    """
    if unknown := sorted(set(names) - set(spec.joint_names)):
        raise SensorError(f"robot {spec.name} has no joints {unknown}; it has {', '.join(spec.joint_names)}")
    if not names or len(set(names)) < len(names) or len(set(channels)) < len(channels):
        raise SensorError(f"an exoskeleton needs each joint and each channel once, got {names} with {channels}")
    return np.array([spec.joint_index[name] for name in names], dtype=np.intp)


def refuse_stale(
    names: Sequence[str], ages_s: FloatArray, max_age_s: float, problems: Mapping[str, str]
) -> None:  # ages_s: (worn joints,)
    """Let nobody be led by old readings.

    Raises:
        StaleDeviceError: a joint's last good value is older than `max_age_s`; the message says what came instead.
    """
    old = [
        f"{name} ({problems[name]})" if name in problems else name
        for name, age_s in zip(names, ages_s, strict=True)
        if age_s > max_age_s
    ]
    if old:
        raise StaleDeviceError(
            f"exoskeleton: {', '.join(old)} gave nothing good for {ages_s.max():.3f} s, at most {max_age_s} s are "
            "allowed; check cable and power"
        )
