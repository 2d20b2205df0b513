"""Between a servo's ticks and the joint's SI units, both ways."""

from __future__ import annotations

from math import pi

from assets.robot import ServoSpec
from hardware.control_table import servo_model


class ServoUnits:
    """The conversions of one servo: `position_rad = sign * (ticks - center_ticks) * 2 pi / ticks_per_turn`.

    Raises:
        ServoError: the model is not known.
    """

    def __init__(self, servo: ServoSpec) -> None:
        self._sign = servo.sign
        self._center_ticks = servo.center_ticks
        self._model = servo_model(servo.model)
        self._rad_per_tick = 2 * pi / self._model.table.ticks_per_turn
        self._rad_s_per_tick = self._model.table.velocity_unit_rad_s

    def position_rad(self, ticks: int) -> float:
        return self._sign * (ticks - self._center_ticks) * self._rad_per_tick

    def position_ticks(self, position_rad: float) -> int:
        return self._center_ticks + self._sign * round(position_rad / self._rad_per_tick)

    def velocity_rad_s(self, ticks: int) -> float:
        return self._sign * ticks * self._rad_s_per_tick

    def velocity_ticks(self, velocity_rad_s: float) -> int:
        return self._sign * round(velocity_rad_s / self._rad_s_per_tick)

    def effort_nm(self, current_ticks: int) -> float:
        """Torque estimated from current (or load); see `ServoModel.torque_per_tick_nm`."""
        return self._sign * current_ticks * self._model.torque_per_tick_nm

    def effort_ticks(self, effort_nm: float) -> int:
        return self._sign * round(effort_nm / self._model.torque_per_tick_nm)

    def limit_ticks(self, lower_rad: float, upper_rad: float) -> tuple[int, int]:
        """The joint's limits as the servo's minimum and maximum position, within one turn."""
        ends = (self.position_ticks(lower_rad), self.position_ticks(upper_rad))
        return max(0, min(ends)), min(self._model.table.ticks_per_turn - 1, max(ends))
