"""Which writes a virtual servo takes, and what it answers to the others."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from hardware import control_table as table
from hardware.control_table import OperatingMode, Register, ServoModel
from hardware.dynamixel import StatusError
from hardware.virtual_settings import GOALS, WRITABLE

Write = Sequence[tuple[Register, int]]

_CURRENT_MODES = (OperatingMode.CURRENT, OperatingMode.CURRENT_POSITION)
_LARGEST_TURN_TICKS = 256 * table.TICKS_PER_TURN - 1
_LIMIT_OF = {
    table.GOAL_PWM: table.PWM_LIMIT,
    table.GOAL_CURRENT: table.CURRENT_LIMIT,
    table.GOAL_VELOCITY: table.VELOCITY_LIMIT,
}


class Writable(Protocol):
    """What decides whether a servo takes a write."""

    model: ServoModel

    @property
    def torque_on(self) -> bool: ...

    @property
    def watchdog_tripped(self) -> bool: ...

    def get(self, register: Register) -> int: ...


def checked_write(servo: Writable, address: int, data: bytes) -> Write | StatusError:
    """The whole registers in `data`, which lies from `address` on; or why the servo takes none of them."""
    values: list[tuple[Register, int]] = []
    while data:
        item = _ITEMS.get(address)
        if item is None or (address < table.EEPROM_END and servo.torque_on):
            return StatusError.ACCESS
        if len(data) < item.register.size:
            return StatusError.DATA_LENGTH
        value = item.register.decode(data)
        if value not in item.values or (servo.watchdog_tripped and (item.is_goal or (item.is_watchdog and value))):
            return StatusError.DATA_RANGE
        error = item.rule(servo, item.register, value) if item.rule else StatusError.NONE
        if error:
            return error
        values.append((item.register, value))
        address, data = address + item.register.size, data[item.register.size :]
    return values


def _is_mode_of(servo: Writable, register: Register, value: int) -> StatusError:
    known = value in tuple(OperatingMode)
    possible = servo.model.current_unit_a is not None or value not in _CURRENT_MODES
    return StatusError.NONE if known and possible else StatusError.DATA_RANGE


def _may_have_torque(servo: Writable, register: Register, value: int) -> StatusError:
    is_shut_down = value and servo.get(table.HARDWARE_ERROR_STATUS) & servo.get(table.SHUTDOWN)
    return StatusError.RESULT_FAIL if is_shut_down else StatusError.NONE


def _suits_model(servo: Writable, register: Register, value: int) -> StatusError:
    return StatusError.DATA_RANGE if value > (servo.model.current_limit_ticks or 0) else StatusError.NONE


def _is_below_limit(servo: Writable, register: Register, value: int) -> StatusError:
    return StatusError.NONE if abs(value) <= servo.get(_LIMIT_OF[register]) else StatusError.DATA_LIMIT


def _is_reachable(servo: Writable, register: Register, value: int) -> StatusError:
    if servo.get(table.OPERATING_MODE) == OperatingMode.POSITION:
        is_inside = servo.get(table.MIN_POSITION_LIMIT) <= value <= servo.get(table.MAX_POSITION_LIMIT)
    else:
        is_inside = abs(value) <= _LARGEST_TURN_TICKS
    return StatusError.NONE if is_inside else StatusError.DATA_LIMIT


_RULES: Mapping[Register, Callable[[Writable, Register, int], StatusError]] = {
    table.OPERATING_MODE: _is_mode_of,
    table.TORQUE_ENABLE: _may_have_torque,
    table.CURRENT_LIMIT: _suits_model,
    table.GOAL_PWM: _is_below_limit,
    table.GOAL_CURRENT: _is_below_limit,
    table.GOAL_VELOCITY: _is_below_limit,
    table.GOAL_POSITION: _is_reachable,
}


@dataclass(frozen=True, slots=True)
class _Item:
    """All that decides about one register, found by its address: hashing a register takes too long."""

    register: Register
    values: range
    rule: Callable[[Writable, Register, int], StatusError] | None
    is_goal: bool
    is_watchdog: bool


_ITEMS: Mapping[int, _Item] = {
    register.address: _Item(register, values, _RULES.get(register), register in GOALS, register == table.BUS_WATCHDOG)
    for register, values in WRITABLE.items()
}
