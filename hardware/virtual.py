"""A servo bus made of bytes: what a master writes goes in, what the servos answer comes out.

It has no thread and no clock of its own, so it runs in-process on simulated time as well as behind a pseudo-terminal.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from math import inf
from typing import Literal

from hardware.dynamixel import (
    BROADCAST_ID,
    STATUS_OVERHEAD_BYTES,
    Instruction,
    InstructionPacket,
)
from hardware.packet_stream import PacketStream
from hardware.virtual_answers import Answer, Chunk
from hardware.virtual_fast_read import fast_answers
from hardware.virtual_faults import FaultScript
from hardware.virtual_frames import status_frames
from hardware.virtual_hearing import Hearing
from hardware.virtual_instructions import (
    bulk_read_requests,
    bulk_writes,
    carry_out_by_broadcast,
    sync_read_requests,
    sync_writes,
)
from hardware.virtual_servo import VirtualServo

Chain = Literal["stop", "continue"]

_PING_BYTES = STATUS_OVERHEAD_BYTES + 3
_READS: Mapping[int, Callable[[bytes], list[tuple[int, int, int]]]] = {
    Instruction.SYNC_READ: sync_read_requests,
    Instruction.FAST_SYNC_READ: sync_read_requests,
    Instruction.BULK_READ: bulk_read_requests,
    Instruction.FAST_BULK_READ: bulk_read_requests,
}
_FAST_READS = (Instruction.FAST_SYNC_READ, Instruction.FAST_BULK_READ)
_WRITES: Mapping[int, Callable[[bytes], list[tuple[int, int, bytes]]]] = {
    Instruction.SYNC_WRITE: sync_writes,
    Instruction.BULK_WRITE: bulk_writes,
}
_NOTICEABLE_S = 0.001
_UNKNOWN_RETURN_DELAY_S = 500e-6


class VirtualBus:
    """Virtual servos on one wire. Two servos may share an id, and then both answer, one after the other.

    The wire carries one thing at a time: an instruction that comes while servos still answer waits for its turn.

    Args:
        servos: in the order of the cable.
        chain: what the servos behind a silent one do in a sync or bulk read: fall silent with it, or answer when its
            time has passed. The manual does not say; both are found.
        faults: what goes wrong; may be exchanged at any time.
        fast_reads_from: the firmware from which on a servo takes part in fast reads, None for no servo at all.
    """

    def __init__(
        self,
        servos: Iterable[VirtualServo],
        *,
        chain: Chain = "stop",
        faults: FaultScript | None = None,
        fast_reads_from: int | None = 46,
    ) -> None:
        self.servos = list(servos)
        self.chain = chain
        self.faults = faults
        self.fast_reads_from = fast_reads_from
        self._stream = PacketStream()
        self._free_s = 0.0
        self._noticed_s = -inf

    def servo(self, servo_id: int) -> VirtualServo:
        """The first servo with that id.

        Raises:
            KeyError: there is none.
        """
        for servo in self.servos:
            if servo.servo_id == servo_id:
                return servo
        raise KeyError(servo_id)

    def advance(self, now_s: float) -> None:
        """Let time pass: watchdogs trip here, and faults of servos begin and end. `answer` does the same by itself.

        Servos notice no less than a millisecond, as their own programs do.
        """
        if 0.0 <= now_s - self._noticed_s < _NOTICEABLE_S:
            return
        self._notice(now_s)

    def feed(self, data: bytes, now_s: float) -> bytes:
        """What the servos answer to `data` on a wire that takes no time. Half a packet waits for its other half."""
        return b"".join(chunk.data for chunk in self.answer(data, now_s, 0.0))

    def answer(self, data: bytes, now_s: float, byte_time_s: float) -> list[Chunk]:
        """What the servos answer to `data`, written at `now_s`, and when each answer has arrived.

        Servos of another baud rate than `10 / byte_time_s` hear nothing; with 0, everybody hears.
        """
        stamp_s = max(now_s, self._free_s) + len(data) * byte_time_s
        chunks: list[Chunk] = []
        for packet in self._stream.feed(data):
            if not isinstance(packet, InstructionPacket):
                continue  # a damaged instruction, or another servo's answer: no servo reacts
            for answer in self._react(packet, now_s, byte_time_s):
                stamp_s += answer.delay_s + (answer.silence_bytes + len(answer.frame)) * byte_time_s
                if answer.frame:
                    chunks.append(Chunk(stamp_s, answer.frame))
        self._free_s = stamp_s
        return chunks

    def _notice(self, now_s: float) -> None:
        self._noticed_s = now_s
        for servo in self.servos:
            servo.advance(now_s)
        if self.faults is not None:
            self.faults.advance(self.servos, now_s)

    def _react(self, packet: InstructionPacket, now_s: float, byte_time_s: float) -> list[Answer]:
        self._notice(now_s)
        if self.faults is None:
            return self._answers(packet, Hearing(self.servos, None, now_s, byte_time_s))
        befalls = self.faults.strike(self.servos, packet.instruction in _READS, now_s)
        on_hearing = befalls if befalls.on_hearing else None
        answers = self._answers(packet, Hearing(self.servos, on_hearing, now_s, byte_time_s))
        return self.faults.deliver(befalls, answers, packet)

    def _answers(self, packet: InstructionPacket, hearing: Hearing) -> list[Answer]:
        instruction, parameters = packet.instruction, packet.parameters
        if instruction in _READS:
            requests = _READS[instruction](parameters)
            if instruction in _FAST_READS:
                return fast_answers(requests, hearing, self.fast_reads_from)
            return self._chained(requests, hearing)
        if instruction in _WRITES:
            for servo_id, address, data in _WRITES[instruction](parameters):
                for servo in hearing.with_id(servo_id):
                    servo.write(address, data)
            return []
        if packet.servo_id != BROADCAST_ID:
            return [
                Answer(servo.servo_id, status.encode(), servo.return_delay_s)
                for servo, status in hearing.ask(packet.servo_id, instruction, parameters)
            ]
        if instruction == Instruction.PING:
            return _slotted(hearing)
        for servo_id in hearing.servo_ids:
            for servo in hearing.with_id(servo_id):
                carry_out_by_broadcast(servo, instruction, parameters)
        return []

    def _chained(self, requests: list[tuple[int, int, int]], hearing: Hearing) -> list[Answer]:
        """One status each, in the order of the request; a servo waits its return delay after the one before it."""
        places: list[tuple[int, float, int]] = []  # id, and the silence before its answer
        statuses: list[tuple[int, int, bytes]] = []
        gap_s, gap_bytes = 0.0, 0
        for servo_id, address, size in requests:
            read = hearing.read(servo_id, address, size)
            if not read:
                if self.chain == "stop":
                    break
                gap_s += self._return_delay_s(servo_id)
                gap_bytes += STATUS_OVERHEAD_BYTES + size
            for servo, error, data in read:
                places.append((servo_id, servo.return_delay_s + gap_s, gap_bytes))
                statuses.append((servo_id, error, data))
                gap_s, gap_bytes = 0.0, 0
        frames = status_frames(statuses)
        return [Answer(place[0], frame, place[1], place[2]) for place, frame in zip(places, frames, strict=True)]

    def _return_delay_s(self, servo_id: int) -> float:
        delays_s = (servo.return_delay_s for servo in self.servos if servo.servo_id == servo_id)
        return next(delays_s, _UNKNOWN_RETURN_DELAY_S)


def _slotted(hearing: Hearing) -> list[Answer]:
    """Everybody answers a ping to all, each at a time of its own: its id times the length of an answer."""
    answers: list[Answer] = []
    slots, delay_s = 0, 0.0  # spent so far
    for servo_id in hearing.servo_ids:
        for servo, status in hearing.ask(servo_id, Instruction.PING, b""):
            silence_bytes = max(0, servo_id - slots) * _PING_BYTES
            wait_s = max(0.0, servo.return_delay_s - delay_s)
            answers.append(Answer(servo_id, status.encode(), wait_s, silence_bytes))
            slots, delay_s = max(slots, servo_id) + 1, delay_s + wait_s
    return answers
