"""Who on a virtual bus hears an instruction, who understands it, and whose answer can be heard."""

from __future__ import annotations

from collections.abc import Iterable

from hardware.dynamixel import StatusError, StatusPacket
from hardware.virtual_faults import Interference
from hardware.virtual_instructions import carry_out
from hardware.virtual_servo import VirtualServo


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
        for servo in servos:
            servo_id = servo.servo_id
            if servo.hears(now_s, byte_time_s) and (interference is None or interference.hears(servo_id)):
                servo.hear(now_s)
                self._by_id.setdefault(servo_id, []).append(servo)

    @property
    def servo_ids(self) -> list[int]:
        """Who hears, in order."""
        return sorted(self._by_id)

    def with_id(self, servo_id: int) -> list[VirtualServo]:
        """Those with that id who understand."""
        if self._interference is not None and self._interference.mishears(servo_id):
            return []
        return self._by_id.get(servo_id, [])

    def ask(self, servo_id: int, instruction: int, parameters: bytes) -> list[tuple[VirtualServo, StatusPacket]]:
        """Have the instruction carried out by those with that id; the answers that can be heard."""
        answers = []
        for servo in self._by_id.get(servo_id, ()):
            if self._interference is not None and self._interference.mishears(servo_id):
                status: StatusPacket | None = StatusPacket(servo_id, StatusError.CRC | servo.error_byte)
            else:
                status = carry_out(servo, instruction, parameters)
            is_heard = not servo.is_silent and (self._interference is None or self._interference.speaks(servo_id))
            if status is not None and is_heard:
                answers.append((servo, status))
        return answers
