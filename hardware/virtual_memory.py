"""The control table of a virtual servo as bytes, and what is looked up in it with every instruction."""

from __future__ import annotations

from hardware import control_table as table
from hardware.control_table import OperatingMode, Register
from hardware.dynamixel import HARDWARE_ALERT, StatusError

_TABLE_BYTES = 1024
# Looked at with every instruction, so without a detour through `get`.
_ID_AT, _BAUD_AT, _RETURN_DELAY_AT = table.SERVO_ID.address, table.BAUD_CODE.address, table.RETURN_DELAY.address
_TORQUE_AT, _LEVEL_AT, _WATCHDOG_AT = (
    table.TORQUE_ENABLE.address,
    table.STATUS_RETURN_LEVEL.address,
    table.BUS_WATCHDOG.address,
)
_ERROR_AT, _MOVING_AT = table.HARDWARE_ERROR_STATUS.address, table.MOVING.address


class ServoRegisters:
    """All registers of one servo; every one is 0 at first."""

    def __init__(self) -> None:
        self._memory = bytearray(_TABLE_BYTES)

    @property
    def servo_id(self) -> int:
        return self._memory[_ID_AT]

    @property
    def baud(self) -> int:
        return table.BAUD_RATES[self._memory[_BAUD_AT]]

    @property
    def return_delay_s(self) -> float:
        return self._memory[_RETURN_DELAY_AT] * table.RETURN_DELAY_UNIT_S

    @property
    def mode(self) -> OperatingMode:
        return OperatingMode(self.get(table.OPERATING_MODE))

    @property
    def torque_on(self) -> bool:
        return bool(self._memory[_TORQUE_AT])

    @property
    def watchdog_tripped(self) -> bool:
        return self._memory[_WATCHDOG_AT] == table.WATCHDOG_TRIPPED

    @property
    def error_byte(self) -> int:
        """What rides on every status packet."""
        return HARDWARE_ALERT if self._memory[_ERROR_AT] else 0

    @property
    def return_level(self) -> int:
        """What it answers: 0 pings, 1 reads as well, 2 everything."""
        return self._memory[_LEVEL_AT]

    @property
    def is_moving(self) -> bool:
        return bool(self._memory[_MOVING_AT])

    def get(self, register: Register) -> int:
        """The value of one register."""
        return register.decode(self._memory[register.address : register.address + register.size])

    def read(self, address: int, size: int) -> bytes | StatusError:
        """A stretch of the control table, or why not."""
        if address + size > _TABLE_BYTES:
            return StatusError.ACCESS
        return bytes(self._memory[address : address + size])

    def _put(self, register: Register, value: int) -> None:
        self._memory[register.address : register.address + register.size] = register.encode(value)
