"""One chain of servos on one port: ask, wait no longer than needed, and let a bad servo cost only itself."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from hardware import control_table as table
from hardware.control_table import Register
from hardware.dynamixel import (
    BROADCAST_ID,
    MAX_SERVO_ID,
    STATUS_OVERHEAD_BYTES,
    Instruction,
    InstructionPacket,
    Packet,
    StatusError,
    StatusPacket,
    stretch,
)
from hardware.errors import BusError, ServoError
from hardware.packet_stream import DamagedPacket, PacketStream
from hardware.port import Port
from hardware.reading import BlockReader, finish_reads
from hardware.replies import Block, BlockReply, PingReply, refusal
from hardware.sync_read import SyncReader, WireCounters, raw_block

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

_LONGEST_RETURN_DELAY_S = 254 * table.RETURN_DELAY_UNIT_S
_ALONE_MARGIN_S = 0.03
_READ_LIMIT = 4096
_LATE_READS = 8
_PING_DATA_BYTES = 3  # model number, firmware
_QUIET_S = 0.01  # in which an adapter has delivered whatever was on the wire


class DynamixelBus:
    """The only master of one servo bus. Not for two threads at once.

    Args:
        port: where the servos are; the bus closes it.
        name: what the robot table calls this bus.
        reply_margin_s: how long to wait beyond wire time and return delay: USB, and a busy computer. One servo that is
            asked alone gets 30 ms at least: nothing moves by that answer, and a servo may be writing its EEPROM.
        attempts: how often a read, write or ping of one servo is tried; sync reads are not repeated.
    """

    def __init__(self, port: Port, name: str, reply_margin_s: float = 0.03, attempts: int = 3) -> None:
        self._port = port
        self._name = name
        self._reply_margin_s = reply_margin_s
        self._attempts = attempts
        self._stream = PacketStream()
        self._readers: dict[tuple[tuple[int, ...], int, int], SyncReader] = {}
        self._reader: BlockReader | None = None
        self._asked: SyncReader | None = None
        self._deadline_at_s = 0.0
        self._wire_free_s = 0.0  # when what was written has left
        self.counters = WireCounters()
        self.late: Counter[int] = Counter()  # answers that came after their question was over, by id
        self.return_delay_s = _LONGEST_RETURN_DELAY_S
        self._answer_bytes = 0
        self._known_ends: IntArray = np.zeros(1, dtype=np.int64)
        self._lags_s: FloatArray = np.zeros(1)
        self.sent_s = self.arrived_s = 0.0  # of the last question and the last byte of its answer

    @property
    def name(self) -> str:
        return self._name

    @property
    def port(self) -> Port:
        return self._port

    @property
    def damaged_packets(self) -> int:
        """How many damaged packets were seen since the bus was opened."""
        return self.counters.damaged + self._stream.damaged_packets

    def now_s(self) -> float:
        """The clock that readings are stamped with."""
        return self._port.now_s()

    def close(self) -> None:
        self._port.close()

    def ping(self, servo_id: int) -> PingReply:
        """Ask one servo who it is.

        Raises:
            BusError: nobody answers to this id.
        """
        status = self._ask(InstructionPacket(servo_id, Instruction.PING), _PING_DATA_BYTES, "ping")
        return PingReply.from_status(status)

    def scan(self, expected: Collection[int] = ()) -> tuple[PingReply, ...]:
        """Ask everybody on the bus, at this baud rate, who they are. Takes 0.1 s at 1 Mbps.

        In order of id; an id that two servos share comes twice, if their answers do not collide. Where ids are
        `expected`, it ends as soon as they all have answered and a second answer would have come: that is sooner, and
        may miss strangers with higher ids.
        """
        self._send(InstructionPacket(BROADCAST_ID, Instruction.PING).encode())
        slots = MAX_SERVO_ID + 1
        slot_bytes = STATUS_OVERHEAD_BYTES + _PING_DATA_BYTES
        deadline_s = self._patient_deadline_s(slots * slot_bytes)
        quiet_s = 2 * slot_bytes * self._port.byte_time_s + _LONGEST_RETURN_DELAY_S + _QUIET_S
        found: list[PingReply] = []
        awaited = set(expected)
        while self._port.now_s() <= deadline_s and self._port.wait(deadline_s):
            packets = self._stream.feed(self._port.read(_READ_LIMIT))
            statuses = [packet for packet in packets if isinstance(packet, StatusPacket)]
            found += [PingReply.from_status(each) for each in statuses if len(each.parameters) == _PING_DATA_BYTES]
            awaited -= {status.servo_id for status in statuses}
            if expected and not awaited:
                deadline_s = min(deadline_s, self._port.now_s() + quiet_s)
        return tuple(sorted(found, key=lambda reply: reply.servo_id))

    def read(self, servo_id: int, register: Register) -> int:
        """One register of one servo.

        Raises:
            BusError: no whole answer in any attempt.
            ServoError: the servo refuses.
        """
        return register.decode(self.read_block(servo_id, register.address, register.size, register.name))

    def read_block(self, servo_id: int, address: int, size: int, what: str = "block") -> bytes:
        """`size` bytes of one servo's control table from `address`; raises as `read` does."""
        packet = InstructionPacket(servo_id, Instruction.READ, stretch(address, size))
        return self._ask(packet, size, f"read {what}").parameters

    def write(self, servo_id: int, register: Register, value: int) -> None:
        """Set one register of one servo, and wait for its consent; raises as `read` does."""
        parameters = register.address.to_bytes(2, "little") + register.encode(value)
        packet = InstructionPacket(servo_id, Instruction.WRITE, parameters)
        self._ask(packet, 0, f"write {value} to {register.name}")

    def reboot(self, servo_id: int) -> None:
        """Restart one servo: torque goes off, RAM returns to its defaults; raises as `read` does."""
        self._ask(InstructionPacket(servo_id, Instruction.REBOOT), 0, "reboot")

    def sync_write(self, register: Register, values: Mapping[int, int]) -> None:
        """Set one register of many servos in one packet. Nobody answers: a value that is refused is lost silently."""
        if not values:
            return
        parameters = stretch(register.address, register.size)
        parameters += b"".join(bytes([servo_id]) + register.encode(value) for servo_id, value in values.items())
        self.send(InstructionPacket(BROADCAST_ID, Instruction.SYNC_WRITE, parameters).encode())

    def sync_read(self, servo_ids: Sequence[int], address: int, size: int) -> BlockReply:
        """The same stretch of the control table from many servos."""
        self.request_blocks(servo_ids, address, size)
        return self.collect_blocks()

    def request_blocks(self, servo_ids: Sequence[int], address: int, size: int) -> None:
        """The asking half of `sync_read`, so that several buses can be asked before the first is waited for."""
        key = (tuple(servo_ids), address, size)
        if key not in self._readers:
            self._readers[key] = SyncReader(key[0], address, raw_block(size), self.counters)
        self._asked = self._readers[key]
        self.ask(self._asked)

    def collect_blocks(self) -> BlockReply:
        """The waiting half of `sync_read`.

        Raises:
            BusError: nothing was asked.
        """
        reader, self._asked = self._asked, None
        if reader is None:
            raise BusError(f"bus {self._name}: nothing was asked; call request_blocks first")
        finish_reads((self,))
        stamps_s = self.stamps_s(reader.ends)
        blocks = {
            reader.servo_ids[place]: Block(
                reader.values[place].tobytes(), int(reader.errors[place]), float(stamps_s[place])
            )
            for place in np.flatnonzero(reader.answered).tolist()
        }
        return BlockReply(blocks, {reader.servo_ids[place]: why for place, why in reader.problems.items()})

    def send(self, packet: bytes) -> None:
        """Put a packet on the wire that nobody answers."""
        port = self._port
        port.write(packet)
        now_s, free_s = port.now_s(), self._wire_free_s
        self._wire_free_s = (free_s if free_s > now_s else now_s) + len(packet) * port.byte_time_s

    def ask(self, reader: BlockReader) -> None:
        """Put a question on the wire; `finish_reads` waits for the answers."""
        port = self._port
        if data := port.read(_READ_LIMIT):
            self._note_late(data)
        reader.begin()
        self._reader = reader
        self.sent_s = port.now_s()
        port.write(reader.request)
        byte_time_s = port.byte_time_s
        free_s = self._wire_free_s
        self._wire_free_s = (free_s if free_s > self.sent_s else self.sent_s) + len(reader.request) * byte_time_s
        wire_s = reader.reply_bytes * byte_time_s + reader.reply_delays * self.return_delay_s
        self._deadline_at_s = self._wire_free_s + wire_s + self._reply_margin_s

    @property
    def is_waiting(self) -> bool:
        """Whether answers are still to come."""
        return self._reader is not None

    @property
    def deadline_s(self) -> float:
        """Until when the answers are waited for."""
        return self._deadline_at_s

    def stamps_s(self, ends: IntArray) -> FloatArray:
        """When the byte before each place of the last answers was on the wire, reckoned back from the last of all."""
        if ends is not self._known_ends:  # as a rule, answers have the same places each time
            self._known_ends, self._lags_s = ends, (ends[-1] - ends) * self._port.byte_time_s
        behind_s = (self._answer_bytes - int(ends[-1])) * self._port.byte_time_s
        stamps_s: FloatArray = self.arrived_s - behind_s - self._lags_s
        # A port without a wire answers sooner than a wire can.
        return stamps_s if stamps_s[0] >= self.sent_s else np.maximum(stamps_s, self.sent_s)

    def advance(self, is_over: bool = False) -> float:
        """Take what has arrived; until when nothing new need be looked at, where answers are still to come.

        `is_over` says that no more will come in time.
        """
        reader = self._reader
        if reader is None:
            return self._port.now_s()
        data = self._port.read(_READ_LIMIT)
        now_s = self._port.now_s()
        if data:
            self.arrived_s = now_s
            reader.feed(data)
        if not reader.is_complete and (is_over or now_s >= self._deadline_at_s):
            reader.finish()
        elif not reader.is_complete:
            still_s = reader.missing_bytes * self._port.byte_time_s if reader.received_bytes else 0.0
            return min(now_s + still_s, self._deadline_at_s)
        self._answer_bytes = reader.received_bytes
        self._reader = None
        return now_s

    def _send(self, packet: bytes) -> None:
        self._reader = self._asked = None
        self._stream.clear()
        self._note_late(self._port.read(_READ_LIMIT))
        self.send(packet)

    def _note_late(self, data: bytes) -> None:
        """Drop what came after its question was over, and remember whose it was."""
        for _ in range(_LATE_READS):  # a far end that never falls silent must not keep us from speaking
            if not data:
                return
            packets = PacketStream().feed(data)
            self.late.update(packet.servo_id for packet in packets if isinstance(packet, StatusPacket))
            data = self._port.read(_READ_LIMIT)

    def _ask(self, packet: InstructionPacket, data_bytes: int, doing: str) -> StatusPacket:
        reply_bytes = STATUS_OVERHEAD_BYTES + data_bytes
        problem = "no answer"
        for _ in range(self._attempts):
            self._send(packet.encode())
            problem = "no answer"
            for reply in self._receive_until(self._patient_deadline_s(reply_bytes)):
                if isinstance(reply, DamagedPacket):
                    problem = f"damaged answer: {reply.reason}"
                    break
                if isinstance(reply, StatusPacket) and reply.servo_id == packet.servo_id:
                    if reply.failure == StatusError.CRC:
                        problem = refusal(reply)
                        break
                    if reply.failure:
                        raise ServoError(
                            f"bus {self._name}: servo {packet.servo_id} refuses to {doing}: {refusal(reply)}"
                        )
                    if len(reply.parameters) != data_bytes:
                        problem = f"{len(reply.parameters)} bytes instead of {data_bytes}; two servos may share the id"
                        break
                    return reply
        raise BusError(
            f"bus {self._name} on {self._port.name}: cannot {doing} of servo {packet.servo_id} after {self._attempts} "
            f"attempts: {problem}. Check power, cable, id and baud rate."
        )

    def _patient_deadline_s(self, reply_bytes: int) -> float:
        """Until when to wait for an answer by which nothing moves."""
        wire_s = reply_bytes * self._port.byte_time_s + self.return_delay_s
        return max(self._wire_free_s, self._port.now_s()) + wire_s + max(self._reply_margin_s, _ALONE_MARGIN_S)

    def _receive_until(self, deadline_s: float) -> Iterator[Packet | DamagedPacket]:
        while self._port.now_s() <= deadline_s and self._port.wait(deadline_s):
            yield from self._stream.feed(self._port.read(_READ_LIMIT))
