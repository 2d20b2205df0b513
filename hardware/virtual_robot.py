"""A whole robot, or an exoskeleton, of virtual servos, spoken to in joints and SI units.

This is where a simulation takes hold: each tick it reads `goals`, moves what it simulates, and reports with `sense`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import pi

import numpy as np
from numpy.typing import NDArray

from assets.exoskeleton import ExoskeletonJoint
from assets.robot import RobotSpec
from hardware.control_table import TICKS_PER_TURN, servo_model
from hardware.servo_units import ServoUnits
from hardware.virtual import Chain, VirtualBus
from hardware.virtual_servo import VirtualServo
from hardware.wiring import servos_in_joint_order

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class VirtualGoals:
    """What the servos are trying to do, in the order of `RobotSpec.joints`."""

    position_rad: FloatArray  # (joints,) without meaning where limp
    is_limp: NDArray[np.bool_]  # (joints,)
    effort_limit_nm: FloatArray  # (joints,) stall torque, or what goal PWM and goal current leave of it


class VirtualRobot:
    """Factory-fresh servos for every joint of `spec`, standing at home.

    Args:
        spec: the robot.
        chain: what the servos behind a silent one do; see `VirtualBus`.

    Raises:
        ServoError: a joint has no servo or several, or its servo model is not known.
    """

    def __init__(self, spec: RobotSpec, chain: Chain = "continue") -> None:
        self._servo_specs = servos_in_joint_order(spec)
        self._units = tuple(ServoUnits(servo) for servo in self._servo_specs)
        self._servos = tuple(VirtualServo(servo.servo_id, servo_model(servo.model)) for servo in self._servo_specs)
        on_bus: dict[str, list[VirtualServo]] = {}
        for own, servo in zip(self._servos, self._servo_specs, strict=True):
            on_bus.setdefault(servo.bus, []).append(own)
        self.buses = {name: VirtualBus(servos, chain=chain) for name, servos in on_bus.items()}
        zero = np.zeros(len(spec.joints))
        self.sense(spec.home, zero, zero)

    @property
    def goals(self) -> VirtualGoals:
        """What the servos are trying to do now."""
        targets = [servo.target for servo in self._servos]
        position_rad = [
            units.position_rad(target.position_ticks) if target else 0.0
            for units, target in zip(self._units, targets, strict=True)
        ]
        limits_nm = []
        for servo, target in zip(self._servos, targets, strict=True):
            limit_nm = servo.model.stall_torque_nm * (target.pwm_share if target else 1.0)
            if target and target.current_limit_ticks is not None:
                limit_nm = min(limit_nm, target.current_limit_ticks * servo.model.torque_per_tick_nm)
            limits_nm.append(limit_nm)
        is_limp = np.array([target is None for target in targets])
        return VirtualGoals(np.array(position_rad), is_limp, np.array(limits_nm))

    def sense(self, position_rad: FloatArray, velocity_rad_s: FloatArray, effort_nm: FloatArray) -> None:
        """Set what the servos measure, each (joints,)."""
        for servo, units, position, velocity, effort in zip(
            self._servos, self._units, position_rad, velocity_rad_s, effort_nm, strict=True
        ):
            servo.sense(units.position_ticks(position), units.velocity_ticks(velocity), units.effort_ticks(effort))

    def advance(self, now_s: float) -> None:
        """Let time pass, so that watchdogs trip on buses that have fallen silent."""
        for bus in self.buses.values():
            bus.advance(now_s)


class VirtualExoskeleton:
    """Limp servos that a virtual trainer wears.

    Args:
        joints: the same map as the exoskeleton that will read them.
        model: the servo model they claim to be.
        chain: what the servos behind a silent one do; see `VirtualBus`.
    """

    def __init__(
        self, joints: Sequence[ExoskeletonJoint], model: str = "XL330-M288", chain: Chain = "continue"
    ) -> None:
        self._joints = tuple(joints)
        self._servos = tuple(VirtualServo(joint.servo_id, servo_model(model)) for joint in joints)
        self.bus = VirtualBus(self._servos, chain=chain)

    def hold(self, position_rad: FloatArray) -> None:
        """Move the worn joints to (worn joints,) rad, in the map's order; encoders count within one turn."""
        for servo, joint, position in zip(self._servos, self._joints, position_rad, strict=True):
            turned = joint.sign * (position - joint.offset_rad) / joint.scale
            servo.sense((TICKS_PER_TURN // 2 + round(turned * TICKS_PER_TURN / (2 * pi))) % TICKS_PER_TURN)
