"""Watches the servos while they work, and says when to slow down and when to stop, before a servo does so by itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from assets.robot import RobotSpec, ServoSpec
from hardware import control_table as table
from hardware.control_table import servo_model
from hardware.servo_expectation import HOT_BELOW_LIMIT_C, WARM_BELOW_LIMIT_C
from hardware.servo_limits import ServoLimits
from hardware.servo_memory import error_names
from hardware.vitals import Vitals

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

WARM_SHARE = 0.5  # of its torque that a warm servo is still asked for
UNSEEN_S, UNWATCHED_S = 1.0, 3.0  # without vital signs: worth a note; a reason to stop
_SPENT_SHARE = 0.95  # of the torque that a servo has
_SPENT_MODES = ("position",)  # a joint that grips is at the end of its current on purpose


@dataclass(frozen=True, slots=True)
class Notice:
    """One thing about a servo or a bus. "note" is worth recording, "stop" is a reason to stop."""

    severity: Literal["note", "stop"]
    source: str
    message: str


class Supervisor:
    """Judges vital signs, tracking and effort of all joints.

    `effort_share` is how much of its torque each joint may be asked for, (joints,): less where its servo is warm.

    Args:
        spec: the robot.
        servos: of its joints, in their order.
    """

    def __init__(self, spec: RobotSpec, servos: tuple[ServoSpec, ...]) -> None:
        self._spec = spec
        self._servos = servos
        models = [servo_model(servo.model) for servo in servos]
        self._limit_c = np.array([model.temperature_limit_c for model in models], dtype=np.float64)
        self._lowest_v = np.array([model.lowest_voltage_v for model in models])
        self._highest_v = np.array([model.highest_voltage_v for model in models])
        self._full: FloatArray = np.ones(len(servos))
        self.effort_share: FloatArray = self._full
        self._stall_nm = np.array([model.stall_torque_nm for model in models])
        self._follows = np.array([servo.operating_mode in _SPENT_MODES for servo in servos])
        self._astray_since_s = np.full(len(servos), np.inf)
        self._spent_since_s = np.full(len(servos), np.inf)

    def keep_within(self, limits: ServoLimits) -> None:
        """The servos switch themselves off at limits of their own, which may be narrower than their models'."""
        self._limit_c = np.minimum(self._limit_c, limits.temperature_c)
        self._lowest_v = np.maximum(self._lowest_v, limits.lowest_v)
        self._highest_v = np.minimum(self._highest_v, limits.highest_v)

    def forget(self) -> None:
        """The joints are held anew where they stand."""
        self._astray_since_s[:] = np.inf
        self._spent_since_s[:] = np.inf
        self.effort_share = self._full

    def examine_vitals(self, vitals: Vitals) -> tuple[Notice, ...]:
        """What the newest vital signs say."""
        is_warm = vitals.temperature_c >= self._limit_c - WARM_BELOW_LIMIT_C
        is_hot = vitals.temperature_c >= self._limit_c - HOT_BELOW_LIMIT_C
        is_outside = (vitals.voltage_v < self._lowest_v) | (vitals.voltage_v > self._highest_v)
        has_error = vitals.hardware_error > 0
        is_off = vitals.torque_on == 0
        has_tripped = vitals.watchdog == table.WATCHDOG_TRIPPED
        has_lost_watchdog = vitals.watchdog == 0
        self.effort_share = self._full
        if not (is_warm | is_outside | has_error | is_off | has_tripped | has_lost_watchdog).any():
            return ()
        if is_warm.any():
            self.effort_share = np.where(is_warm, WARM_SHARE, 1.0)
        notices = []
        for index in np.flatnonzero(is_warm).tolist():
            limit_c, now_c = self._limit_c[index], vitals.temperature_c[index]
            hot = bool(is_hot[index])
            done = "let it cool" if hot else "it is asked for less until it has cooled"
            message = f"{now_c:.0f} °C, its limit is {limit_c:.0f} °C; {done}"
            notices.append(self._notice("stop" if hot else "note", index, message))
        for index in np.flatnonzero(is_outside).tolist():
            allowed = f"{self._lowest_v[index]:g} to {self._highest_v[index]:g} V"
            message = f"its supply has {vitals.voltage_v[index]:.1f} V, allowed is {allowed}; check the power supply"
            notices.append(self._notice("stop", index, message))
        for index in np.flatnonzero(has_error).tolist():
            names = ", ".join(error_names(int(vitals.hardware_error[index])))
            message = f"hardware error: {names}; remove the cause, then `retake robot reboot`"
            notices.append(self._notice("stop", index, message))
        for index in np.flatnonzero(is_off).tolist():
            notices.append(self._notice("stop", index, "its torque is off although nobody switched it off"))
        for index in np.flatnonzero(has_tripped).tolist():
            notices.append(self._notice("stop", index, "it heard nothing for too long and stopped"))
        for index in np.flatnonzero(has_lost_watchdog).tolist():
            notices.append(self._notice("stop", index, "its bus watchdog is off: it has restarted"))
        return tuple(notices)

    def examine_silence(self, silent_s: FloatArray | None) -> tuple[Notice, ...]:
        """Servos that have left a group of vital signs unanswered for so long, (joints,); None if none has.

        Their state comes all the same, and nobody would see them warm up.
        """
        if silent_s is None:
            return ()
        return tuple(
            self._notice(
                "stop" if silent_s[index] >= UNWATCHED_S else "note",
                index,
                f"has not told some of its vital signs for {silent_s[index]:.1f} s; check its cable",
            )
            for index in np.flatnonzero(silent_s >= UNSEEN_S).tolist()
        )

    def examine_motion(
        self, goal_rad: FloatArray, position_rad: FloatArray, effort_nm: FloatArray, now_s: float
    ) -> tuple[Notice, ...]:
        """Whether joints follow their goals, and whether that takes all that they have; all (joints,)."""
        safety = self._spec.safety
        is_astray = self._follows & (np.abs(goal_rad - position_rad) > safety.tracking_error_rad)
        is_spent = self._follows & (np.abs(effort_nm) > _SPENT_SHARE * self._stall_nm)
        self._astray_since_s = np.where(is_astray, np.minimum(self._astray_since_s, now_s), np.inf)
        self._spent_since_s = np.where(is_spent, np.minimum(self._spent_since_s, now_s), np.inf)
        notices = []
        for index in np.flatnonzero(now_s - self._astray_since_s >= safety.tracking_time_s).tolist():
            away_rad = abs(goal_rad[index] - position_rad[index])
            message = f"stays {away_rad:.2f} rad away from its goal; is it held, or its servo too weak?"
            notices.append(self._notice("stop", index, message))
        for index in np.flatnonzero(now_s - self._spent_since_s >= safety.tracking_time_s).tolist():
            message = f"pushes with {abs(effort_nm[index]):.1f} Nm, all that it has, and would overload; is it held?"
            notices.append(self._notice("stop", index, message))
        return tuple(notices)

    def _notice(self, severity: Literal["note", "stop"], index: int, message: str) -> Notice:
        servo = self._servos[index]
        return Notice(severity, f"servo {servo.joint}", f"{servo.joint} (id {servo.servo_id}): {message}")
