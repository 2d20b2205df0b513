"""A servo bus made of bytes: what a master writes goes in, what the servos answer comes out.

It has no thread and no clock of its own, so it runs in-process on simulated time as well as behind a pseudo-terminal.
"""

from __future__ import annotations

from collections.abc import Iterable

from hardware.control_table import FIRMWARE_VERSION, MODEL_NUMBER, STATUS_RETURN_LEVEL
from hardware.dynamixel import (
    BROADCAST_ID,
    Instruction,
    InstructionPacket,
    StatusError,
    StatusPacket,
)
from hardware.packet_stream import PacketStream
from hardware.virtual_servo import VirtualServo

_READ_LEVEL, _WRITE_LEVEL = 1, 2  # status return level from which on a read or a write is answered


class VirtualBus:
    """Virtual servos on one wire. Two servos may share an id, and then both answer, as on a real wire."""

    def __init__(self, servos: Iterable[VirtualServo]) -> None:
        self.servos = list(servos)
        self._stream = PacketStream()
        self._last_instruction_s: float | None = None

    def servo(self, servo_id: int) -> VirtualServo:
        """The first servo with that id.

        Raises:
            KeyError: there is none.
        """
        for servo in self._with_id(servo_id):
            return servo
        raise KeyError(servo_id)

    def advance(self, now_s: float) -> None:
        """Let time pass: watchdogs trip here. `feed` does the same by itself."""
        silence_s = 0.0 if self._last_instruction_s is None else now_s - self._last_instruction_s
        for servo in self.servos:
            servo.advance(now_s, silence_s)

    def feed(self, data: bytes, now_s: float) -> bytes:
        """What the servos answer to `data`, arriving at `now_s`. Half a packet waits for its other half."""
        answers = b""
        for packet in self._stream.feed(data):
            if not isinstance(packet, InstructionPacket):
                continue  # a damaged instruction, or another servo's answer: no servo reacts
            self.advance(now_s)
            self._last_instruction_s = now_s
            answers += b"".join(answer.encode() for answer in self._execute(packet))
        return answers

    def _execute(self, packet: InstructionPacket) -> list[StatusPacket]:
        parameters = packet.parameters
        if packet.instruction == Instruction.SYNC_READ:
            return self._sync_read(parameters)
        if packet.instruction == Instruction.SYNC_WRITE:
            self._sync_write(parameters)
            return []
        if packet.servo_id == BROADCAST_ID:
            everybody = sorted(self.servos, key=lambda servo: servo.servo_id)
            answers = [answer for servo in everybody for answer in _answer(servo, packet.instruction, parameters)]
            return answers if packet.instruction == Instruction.PING else []
        return [
            answer
            for servo in self._with_id(packet.servo_id)
            for answer in _answer(servo, packet.instruction, parameters)
        ]

    def _sync_read(self, parameters: bytes) -> list[StatusPacket]:
        return [
            answer
            for servo_id in parameters[4:]
            for servo in self._with_id(servo_id)
            for answer in _answer(servo, Instruction.READ, parameters[:4])
        ]

    def _sync_write(self, parameters: bytes) -> None:
        address, size = _pair(parameters)
        for start in range(4, len(parameters), 1 + size):
            entry = parameters[start : start + 1 + size]
            for servo in self._with_id(entry[0]):
                servo.write(address, entry[1:])

    def _with_id(self, servo_id: int) -> list[VirtualServo]:
        return [servo for servo in self.servos if servo.servo_id == servo_id]


def _answer(servo: VirtualServo, instruction: int, parameters: bytes) -> list[StatusPacket]:
    """Carry one instruction out; the status packet, if the servo gives one."""
    servo_id, level = servo.servo_id, servo.get(STATUS_RETURN_LEVEL)
    data = b""
    error = StatusError.NONE
    is_answered = level >= _WRITE_LEVEL
    match instruction:
        case Instruction.PING:
            data = MODEL_NUMBER.encode(servo.model.number) + FIRMWARE_VERSION.encode(servo.get(FIRMWARE_VERSION))
            is_answered = True
        case Instruction.READ:
            is_answered = level >= _READ_LEVEL
            if len(parameters) != 4:
                error = StatusError.DATA_LENGTH
            else:
                found = servo.read(*_pair(parameters))
                data, error = (b"", found) if isinstance(found, StatusError) else (found, error)
        case Instruction.WRITE:
            error = servo.write(int.from_bytes(parameters[:2], "little"), parameters[2:])
        case Instruction.REBOOT:
            servo.reboot()
        case _:
            error = StatusError.INSTRUCTION
    if servo.is_silent or not is_answered:
        return []
    return [StatusPacket(servo_id, error | servo.error_byte, data)]


def _pair(parameters: bytes) -> tuple[int, int]:
    return int.from_bytes(parameters[:2], "little"), int.from_bytes(parameters[2:4], "little")
