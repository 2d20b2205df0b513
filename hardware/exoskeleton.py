"""An exoskeleton made of limp servos on a bus of its own, read as joint positions of the robot."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from math import pi

import numpy as np
from numpy.typing import NDArray

from assets.calibration import Calibration
from assets.exoskeleton import SERVO_BAUD, ExoskeletonJoint, require_calibration_of
from assets.robot import RobotSpec
from hardware import control_table as table
from hardware.bus import DynamixelBus
from hardware.control_table import TICKS_PER_TURN
from hardware.errors import BusError, PortError, ServoError
from hardware.exoskeleton_reading import TRAVEL_MARGIN, ExoskeletonReading, refuse_stale, robot_places
from hardware.port import Port, open_port
from hardware.smoothing import OneEuroFilter

FloatArray = NDArray[np.float64]
_CENTER_TICKS = TICKS_PER_TURN // 2
_TURN_RAD = 2 * pi
_GUARD_EVERY = 25  # readings between two looks at the torque
# Bits that switch torque on unasked: at power-up, and with the first goal that is written.
_TAKES_HOLD = ((table.STARTUP_CONFIGURATION, 0b1), (table.DRIVE_MODE, 0b1000))


class ServoExoskeleton:
    """A worn exoskeleton of servos. Not for two threads at once.

    Args:
        spec: the robot that is taught.
        joints: which servo reads which joint.
        port: a device path or an open port.
        smoothing: filters the joints; None passes them as they are.
        max_age_s: how long a joint may keep its last value.
        baud: bits a second of a path opened here.
        reply_margin_s: how long to wait for an answer beyond its wire time.
        calibration: its centres are joint position 0, and ticks outside its travels are not followed.

    Raises:
        SensorError: a joint is unknown to the robot, or a joint or id occurs twice.
        CalibrationError: the calibration is not of this exoskeleton.
        PortError: the port cannot be opened.
    """

    def __init__(
        self,
        spec: RobotSpec,
        joints: Sequence[ExoskeletonJoint],
        port: str | Port,
        smoothing: OneEuroFilter | None = None,
        max_age_s: float = 0.1,
        baud: int = SERVO_BAUD,
        reply_margin_s: float = 0.03,
        calibration: Calibration | None = None,
    ) -> None:
        self.joint_names = tuple(joint.joint for joint in joints)
        self._ids = tuple(joint.servo_id for joint in joints)
        self.robot_index = robot_places(spec, self.joint_names, self._ids)
        if calibration is not None:
            require_calibration_of(spec, self.joint_names, calibration)
        self._calibration = calibration
        self._joints = tuple(joints)
        self._smoothing = smoothing
        self._max_age_s = max_age_s
        self._middle_rad = (spec.lower + spec.upper)[self.robot_index] / 2
        self._position_rad: FloatArray | None = None
        self._stamp_s = np.full(len(joints), -np.inf)
        self._readings = 0
        self._owns_port = isinstance(port, str)
        self._open_bus = partial(_open_bus, port, baud, reply_margin_s)
        self._bus = self._open_bus()
        self._is_untouched = True  # by `connect` or `close` since it was opened

    @property
    def calibration_digest(self) -> str | None:
        return None if self._calibration is None else self._calibration.digest

    def connect(self) -> ExoskeletonReading:
        """Find every servo, make sure that it is limp and stays so, and read where the trainer stands.

        May be called again: a port that was given as a path is then opened anew, as one that was replugged must be.

        Raises:
            PortError: the port cannot be opened, or its cable is gone.
            BusError: a servo does not answer.
            ServoError: a servo refuses to let go, or is not homed as it was when it was calibrated.
        """
        if not self._is_untouched and self._owns_port:
            with suppress(PortError):  # whatever a dead port says at its end
                self._bus.close()
            self._bus = self._open_bus()
        self._is_untouched = False
        for joint in self._joints:
            self._let_go(joint)
            self._refuse_other_homing(joint)
        self._bus.return_delay_s = 0.0  # `_let_go` has seen to it
        self._position_rad = None
        self._stamp_s[:] = -np.inf
        self._readings = 0
        if self._smoothing is not None:
            self._smoothing.reset()
        return self.read()

    def read(self) -> ExoskeletonReading:
        """Where the trainer holds the joints now.

        Raises:
            BusError: a servo has not given a position since connecting.
            ServoError: a servo has taken hold since connecting.
            StaleDeviceError: a joint's last good answer is older than `max_age_s`.
            PortError: the cable is gone.
        """
        if self._readings % _GUARD_EVERY == _GUARD_EVERY - 1:
            self._refuse_torque()
        self._readings += 1
        reply = self._bus.sync_read(self._ids, table.PRESENT_POSITION.address, table.PRESENT_POSITION.size)
        previous = self._middle_rad if self._position_rad is None else self._position_rad
        position = previous.copy()
        missing: dict[str, str] = {}
        for index, joint in enumerate(self._joints):
            block = reply.blocks.get(joint.servo_id)
            if block is None:
                missing[joint.joint] = reply.problems[joint.servo_id]
                continue
            ticks = table.PRESENT_POSITION.decode(block.data)
            found = self._joint_rad(joint, ticks, float(previous[index]))
            if isinstance(found, str):
                missing[joint.joint] = found
                continue
            position[index] = found
            self._stamp_s[index] = block.stamp_s
        if self._position_rad is None and missing:
            told = ", ".join(f"{name} ({why})" for name, why in missing.items())
            raise BusError(f"exoskeleton: no position from {told}; check power, cable, ids and calibration")
        self._position_rad = position
        refuse_stale(self.joint_names, self._bus.now_s() - self._stamp_s, self._max_age_s, missing)
        stamp_s = float(self._stamp_s.min())
        smooth = position if self._smoothing is None else self._smoothing(position, float(self._stamp_s.max()))
        return ExoskeletonReading(smooth.copy(), position.copy(), stamp_s, missing)

    def close(self) -> None:
        """Release the port. May be called more than once."""
        self._is_untouched = False
        self._bus.close()

    def _joint_rad(self, joint: ExoskeletonJoint, ticks: int, near_rad: float) -> float | str:
        """The robot's joint at so many ticks; why not, where they lie outside the calibrated travel."""
        center = _CENTER_TICKS
        if self._calibration is not None:
            travel = self._calibration.by_joint[joint.joint]
            center, middle = travel.center, (travel.lowest + travel.highest) / 2
            ticks += TICKS_PER_TURN * round((middle - ticks) / TICKS_PER_TURN)
            if abs(ticks - middle) > (0.5 + TRAVEL_MARGIN) * (travel.highest - travel.lowest):
                return f"tick {ticks} lies outside its calibrated travel, {travel.lowest} to {travel.highest}"
        turned = joint.sign * joint.scale * (ticks - center) / TICKS_PER_TURN * _TURN_RAD + joint.offset_rad
        if self._calibration is not None:
            return turned
        # A single-turn encoder jumps by a whole turn where a joint crosses its seam.
        turn_rad = joint.scale * _TURN_RAD
        return turned - turn_rad * round((turned - near_rad) / turn_rad)

    def _let_go(self, joint: ExoskeletonJoint) -> None:
        bus, servo_id = self._bus, joint.servo_id
        bus.write(servo_id, table.TORQUE_ENABLE, 0)
        for register, bit in _TAKES_HOLD:  # EEPROM wears, so only what differs is written
            if (value := bus.read(servo_id, register)) & bit:
                bus.write(servo_id, register, value & ~bit)
        guarded = (*_TAKES_HOLD, (table.TORQUE_ENABLE, 0b1))
        if kept := [register.name for register, bit in guarded if bus.read(servo_id, register) & bit]:
            raise ServoError(
                f"exoskeleton servo {servo_id} ({joint.joint}) could push against the trainer: it keeps "
                f"{', '.join(kept)} on. Take the exoskeleton off, cut its power, and replace that servo"
            )
        if bus.read(servo_id, table.RETURN_DELAY):
            bus.write(servo_id, table.RETURN_DELAY, 0)

    def _refuse_other_homing(self, joint: ExoskeletonJoint) -> None:
        if self._calibration is None:
            return
        wanted = self._calibration.by_joint[joint.joint].homing_offset
        if (found := self._bus.read(joint.servo_id, table.HOMING_OFFSET)) != wanted:
            raise ServoError(
                f"exoskeleton servo {joint.servo_id} ({joint.joint}) has the homing offset {found}, and had {wanted} "
                "when it was calibrated; calibrate the exoskeleton again"
            )

    def _refuse_torque(self) -> None:
        reply = self._bus.sync_read(self._ids, table.TORQUE_ENABLE.address, table.TORQUE_ENABLE.size)
        if stiff := [
            joint.joint
            for joint in self._joints
            if (block := reply.blocks.get(joint.servo_id)) and table.TORQUE_ENABLE.decode(block.data)
        ]:
            raise ServoError(
                f"exoskeleton: torque has come on at {', '.join(stiff)}; cut its power, and see who else is on its bus"
            )


def _open_bus(port: str | Port, baud: int, reply_margin_s: float) -> DynamixelBus:
    return DynamixelBus(open_port(port, baud), "exoskeleton", reply_margin_s)
