"""Who on a virtual bus hears an instruction, who understands it, and whose answer can be heard."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache

from hardware import control_table as table
from hardware.dynamixel import StatusError, StatusPacket
from hardware.virtual_faults import Interference
from hardware.virtual_instructions import carry_out, read
from hardware.virtual_servo import VirtualServo

_BITS_A_BYTE, _BAUD_TOLERANCE = 10, 0.03


class Hearing:
    """The servos that hear one instruction.

    Args:
        servos: all on the wire.
        interference: what befalls this instruction, if anything.
        now_s: when it is said.
        byte_time_s: at what pace; 0 reaches servos of every baud rate.
    """

    def __init__(
        self, servos: Iterable[VirtualServo], interference: Interference | None, now_s: float, byte_time_s: float
    ) -> None:
        self._interference = interference
        self._by_id: dict[int, list[VirtualServo]] = {}
        codes = _baud_codes(byte_time_s)
        for servo in servos:
            servo_id = servo.servo_id
            if (interference is None or interference.hears(servo_id)) and servo.hears(now_s, codes):
                self._by_id.setdefault(servo_id, []).append(servo)

    @property
    def servo_ids(self) -> list[int]:
        """Who hears, in order."""
        return sorted(self._by_id)

    def with_id(self, servo_id: int) -> list[VirtualServo]:
        """Those with that id who understand."""
        return [] if self._mishears(servo_id) else self._by_id.get(servo_id, [])

    def ask(self, servo_id: int, instruction: int, parameters: bytes) -> list[tuple[VirtualServo, StatusPacket]]:
        """Have the instruction carried out by those with that id; the answers that can be heard."""
        answers = []
        for servo in self._by_id.get(servo_id, ()):
            if self._mishears(servo_id):
                status: StatusPacket | None = StatusPacket(servo_id, StatusError.CRC | servo.error_byte)
            else:
                status = carry_out(servo, instruction, parameters)
            if status is not None and self._speaks(servo, servo_id):
                answers.append((servo, status))
        return answers

    def read(self, servo_id: int, address: int, size: int) -> list[tuple[VirtualServo, int, bytes]]:
        """Read those with that id: error byte and data of each answer that can be heard."""
        answers = []
        for servo in self._by_id.get(servo_id, ()):
            if self._mishears(servo_id):
                status: tuple[int, bytes] | None = (StatusError.CRC | servo.error_byte, b"")
            else:
                status = read(servo, address, size)
            if status is not None and self._speaks(servo, servo_id):
                answers.append((servo, *status))
        return answers

    def _mishears(self, servo_id: int) -> bool:
        return self._interference is not None and self._interference.mishears(servo_id)

    def _speaks(self, servo: VirtualServo, servo_id: int) -> bool:
        return not servo.is_silent and (self._interference is None or self._interference.speaks(servo_id))


@cache
def _baud_codes(byte_time_s: float) -> frozenset[int]:
    """The baud codes of servos that hear bytes of this length."""
    rates = enumerate(table.BAUD_RATES)
    return frozenset(
        code for code, rate in rates if byte_time_s == 0 or abs(rate * byte_time_s / _BITS_A_BYTE - 1) < _BAUD_TOLERANCE
    )
