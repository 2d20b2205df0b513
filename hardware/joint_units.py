"""Between servo ticks and SI units for all joints at once; `ServoUnits` says the same of one."""

from __future__ import annotations

from collections.abc import Sequence
from math import pi

import numpy as np
from numpy.typing import NDArray

from assets.robot import JointSpec, ServoSpec
from hardware.control_table import servo_model
from hardware.servo_units import ServoUnits

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


class JointUnits:
    """The conversions of several servos, all arrays (servos,) in their order.

    Raises:
        ServoError: a model is not known.
    """

    def __init__(self, joints: Sequence[JointSpec], servos: Sequence[ServoSpec]) -> None:
        sign = np.array([servo.sign for servo in servos], dtype=np.float64)
        self._center_ticks = np.array([servo.center_ticks for servo in servos], dtype=np.float64)
        models = [servo_model(servo.model) for servo in servos]
        rad_per_tick = np.array([2 * pi / model.table.ticks_per_turn for model in models])
        velocity_unit_rad_s = np.array([model.table.velocity_unit_rad_s for model in models])
        self._rad_per_tick = sign * rad_per_tick
        self._velocity_unit = sign * velocity_unit_rad_s
        self._nm_per_tick = sign * [model.torque_per_tick_nm for model in models]
        self._count = np.array([rad_per_tick, velocity_unit_rad_s, np.abs(self._nm_per_tick)])
        #: How much torque an ampere makes, (servos,).
        self.nm_per_ampere: FloatArray = np.array([model.stall_torque_nm / model.stall_current_a for model in models])
        limits = [
            ServoUnits(servo).limit_ticks(joint.lower, joint.upper) for joint, servo in zip(joints, servos, strict=True)
        ]
        self._lowest, self._highest = np.array(limits, dtype=np.float64).reshape(-1, 2).T

    def position_rad(self, ticks: IntArray) -> FloatArray:
        position_rad: FloatArray = (ticks - self._center_ticks) * self._rad_per_tick
        return position_rad

    def velocity_rad_s(self, ticks: IntArray) -> FloatArray:
        velocity_rad_s: FloatArray = ticks * self._velocity_unit
        return velocity_rad_s

    def effort_nm(self, current_ticks: IntArray) -> FloatArray:
        """Torque estimated from current (or load); see `ServoModel.torque_per_tick_nm`."""
        return current_ticks * self._nm_per_tick

    def counted(self, felt: FloatArray) -> FloatArray:
        """What servos report of position, velocity and effort, (3, servos) rad, rad/s and Nm: whole counts of each."""
        return np.asarray(self._count * np.rint(felt / self._count))

    def goal_ticks(self, position_rad: FloatArray) -> IntArray:
        """The nearest ticks that the servos accept: one beyond its limits is dropped without a word."""
        ticks = self._center_ticks + np.rint(position_rad / self._rad_per_tick)
        goal_ticks: IntArray = np.minimum(np.maximum(ticks, self._lowest), self._highest).astype(np.int64)
        return goal_ticks
