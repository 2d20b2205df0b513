"""An exoskeleton made of limp servos on a bus of its own, read as joint positions of the robot."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from math import pi

import numpy as np
from numpy.typing import NDArray

from assets.robot import RobotSpec
from hardware import control_table as table
from hardware.bus import DynamixelBus
from hardware.control_table import TICKS_PER_TURN
from hardware.errors import BusError, PortError, ServoError, StaleDeviceError
from hardware.port import Port, open_port
from hardware.smoothing import OneEuroFilter

FloatArray = NDArray[np.float64]
_CENTER_TICKS = TICKS_PER_TURN // 2
_TURN_RAD = 2 * pi


@dataclass(frozen=True)
class ExoskeletonJoint:
    """One sensing servo: `position_rad = sign * (ticks - 2048) * 2 pi / 4096 + offset_rad`, in the robot's joint."""

    servo_id: int
    joint: str
    sign: int = 1
    offset_rad: float = 0.0


@dataclass(frozen=True)
class ExoskeletonReading:
    """Where the trainer holds the robot's joints, in the order of `ServoExoskeleton.joint_names`."""

    position_rad: FloatArray  # (worn joints,) smoothed
    raw_position_rad: FloatArray  # (worn joints,)
    stamp_s: float  # of the oldest of them
    missing: Mapping[str, str]  # joint -> why it kept its last value


def isomorphic_joints(spec: RobotSpec) -> tuple[ExoskeletonJoint, ...]:
    """An exoskeleton of the robot's own build: ids 1, 2, ... in the joint table's order, equal zero and direction."""
    return tuple(ExoskeletonJoint(index + 1, joint.name) for index, joint in enumerate(spec.joints))


class ServoExoskeleton:
    """A worn exoskeleton. Not for two threads at once.

    Args:
        spec: the robot that is taught.
        joints: which servo reads which joint.
        port: a device path or an open port.
        smoothing: filters the joints; None passes them as they are.
        max_age_s: how long a joint may keep its last value.
        baud: bits a second of a path opened here.
        reply_margin_s: how long to wait for an answer beyond its wire time.

    Raises:
        ServoError: a joint is unknown to the robot, or a joint or id occurs twice.
        PortError: the port cannot be opened.
    """

    def __init__(
        self,
        spec: RobotSpec,
        joints: Sequence[ExoskeletonJoint],
        port: str | Port,
        smoothing: OneEuroFilter | None = None,
        max_age_s: float = 0.1,
        baud: int = 1_000_000,
        reply_margin_s: float = 0.03,
    ) -> None:
        _verify(spec, joints)
        self.joint_names = tuple(joint.joint for joint in joints)
        self.robot_index = np.array([spec.joint_index[name] for name in self.joint_names], dtype=np.intp)
        self._joints = tuple(joints)
        self._ids = tuple(joint.servo_id for joint in joints)
        self._smoothing = smoothing
        self._max_age_s = max_age_s
        self._middle_rad = (spec.lower + spec.upper)[self.robot_index] / 2
        self._position_rad: FloatArray | None = None
        self._stamp_s = np.full(len(joints), -np.inf)
        self._owns_port = isinstance(port, str)
        self._open_bus = partial(_open_bus, port, baud, reply_margin_s)
        self._bus = self._open_bus()
        self._is_untouched = True  # by `connect` or `close` since it was opened

    def connect(self) -> ExoskeletonReading:
        """Find every servo, make sure that it is limp, and read where the trainer stands.

        May be called again: a port that was given as a path is then opened anew, as one that was replugged must be.

        Raises:
            PortError: the port cannot be opened, or its cable is gone.
            BusError: a servo does not answer.
            ServoError: a servo refuses to let go.
        """
        if not self._is_untouched and self._owns_port:
            with suppress(PortError):  # whatever a dead port says at its end
                self._bus.close()
            self._bus = self._open_bus()
        self._is_untouched = False
        for servo_id in self._ids:
            self._bus.write(servo_id, table.TORQUE_ENABLE, 0)
            if self._bus.read(servo_id, table.RETURN_DELAY):
                self._bus.write(servo_id, table.RETURN_DELAY, 0)
        self._position_rad = None
        if self._smoothing is not None:
            self._smoothing.reset()
        return self.read()

    def read(self) -> ExoskeletonReading:
        """Where the trainer holds the joints now.

        Raises:
            BusError: a servo has not answered since connecting.
            StaleDeviceError: a joint's last answer is older than `max_age_s`.
            PortError: the cable is gone.
        """
        reply = self._bus.read_states(self._ids)
        missing = {
            joint.joint: reply.problems[joint.servo_id] for joint in self._joints if joint.servo_id in reply.problems
        }
        if self._position_rad is None and missing:
            raise BusError(f"exoskeleton: no position from {missing}; check power, cable and ids")
        previous = self._middle_rad if self._position_rad is None else self._position_rad
        position = previous.copy()
        for index, joint in enumerate(self._joints):
            if (reading := reply.readings.get(joint.servo_id)) is not None:
                turned = joint.sign * (reading.position_ticks - _CENTER_TICKS) / TICKS_PER_TURN * _TURN_RAD
                position[index] = _nearest_turn(turned + joint.offset_rad, previous[index])
                self._stamp_s[index] = reading.stamp_s
        self._position_rad = position
        self._require_fresh()
        stamp_s = float(self._stamp_s.min())
        smooth = position if self._smoothing is None else self._smoothing(position, float(self._stamp_s.max()))
        return ExoskeletonReading(smooth.copy(), position.copy(), stamp_s, missing)

    def close(self) -> None:
        """Release the port. May be called more than once."""
        self._is_untouched = False
        self._bus.close()

    def _require_fresh(self) -> None:
        ages_s = self._bus.now_s() - self._stamp_s
        if old := [name for name, age_s in zip(self.joint_names, ages_s, strict=True) if age_s > self._max_age_s]:
            raise StaleDeviceError(
                f"exoskeleton: {', '.join(old)} gave nothing for {ages_s.max():.3f} s, at most {self._max_age_s} s are "
                f"allowed; check cable and power"
            )


def _open_bus(port: str | Port, baud: int, reply_margin_s: float) -> DynamixelBus:
    return DynamixelBus(open_port(port, baud), "exoskeleton", reply_margin_s)


def _nearest_turn(angle_rad: float, near_rad: float) -> float:
    # A single-turn encoder jumps by a whole turn where a joint crosses its seam.
    return angle_rad - _TURN_RAD * round((angle_rad - near_rad) / _TURN_RAD)


def _verify(spec: RobotSpec, joints: Sequence[ExoskeletonJoint]) -> None:
    names = [joint.joint for joint in joints]
    ids = [joint.servo_id for joint in joints]
    if unknown := sorted(set(names) - set(spec.joint_names)):
        raise ServoError(f"robot {spec.name} has no joints {unknown}; it has {', '.join(spec.joint_names)}")
    if not joints or len(set(names)) < len(names) or len(set(ids)) < len(ids):
        raise ServoError(f"an exoskeleton needs each joint and each id once, got joints {names} with ids {ids}")
