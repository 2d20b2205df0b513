"""One chain of servos on one port: ask, wait no longer than needed, and let a bad servo cost only itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

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
)
from hardware.errors import BusError, ServoError
from hardware.packet_stream import DamagedPacket, PacketStream
from hardware.port import Port
from hardware.replies import Block, BlockReply, PingReply, ServoReading, StateReply, refusal

_LONGEST_RETURN_DELAY_S = 254 * table.RETURN_DELAY_UNIT_S
_READ_LIMIT = 4096
_PING_DATA_BYTES = 3  # model number, firmware


@dataclass(frozen=True, slots=True)
class _Pending:
    servo_ids: tuple[int, ...]
    size: int
    deadline_s: float


class DynamixelBus:
    """The only master of one servo bus. Not for two threads at once.

    Args:
        port: where the servos are; the bus closes it.
        name: what the robot table calls this bus.
        reply_margin_s: how long to wait beyond wire time and return delay: USB, and a busy computer.
        attempts: how often a read, write or ping of one servo is tried; sync reads are not repeated.
    """

    def __init__(self, port: Port, name: str, reply_margin_s: float = 0.03, attempts: int = 3) -> None:
        self._port = port
        self._name = name
        self._reply_margin_s = reply_margin_s
        self._attempts = attempts
        self._stream = PacketStream()
        self._pending: _Pending | None = None

    @property
    def name(self) -> str:
        return self._name

    @property
    def damaged_packets(self) -> int:
        """How many damaged packets were seen since the bus was opened."""
        return self._stream.damaged_packets

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

    def scan(self) -> tuple[PingReply, ...]:
        """Ask everybody on the bus, at this baud rate, who they are. Takes 0.1 s at 1 Mbps.

        In order of id; an id that two servos share comes twice, if their answers do not collide.
        """
        self._send(InstructionPacket(BROADCAST_ID, Instruction.PING))
        slots = MAX_SERVO_ID + 1
        deadline_s = self._deadline_s(slots * (STATUS_OVERHEAD_BYTES + _PING_DATA_BYTES), replies=1)
        found = [
            PingReply.from_status(packet)
            for packet, _ in self._receive_until(deadline_s)
            if isinstance(packet, StatusPacket) and len(packet.parameters) == _PING_DATA_BYTES
        ]
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
        parameters = address.to_bytes(2, "little") + size.to_bytes(2, "little")
        packet = InstructionPacket(servo_id, Instruction.READ, parameters)
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
        parameters = register.address.to_bytes(2, "little") + register.size.to_bytes(2, "little")
        parameters += b"".join(bytes([servo_id]) + register.encode(value) for servo_id, value in values.items())
        self._send(InstructionPacket(BROADCAST_ID, Instruction.SYNC_WRITE, parameters))

    def sync_read(self, servo_ids: Sequence[int], address: int, size: int) -> BlockReply:
        """The same stretch of the control table from many servos."""
        self.request_blocks(servo_ids, address, size)
        return self.collect_blocks()

    def request_blocks(self, servo_ids: Sequence[int], address: int, size: int) -> None:
        """The asking half of `sync_read`, so that several buses can be asked before the first is waited for."""
        parameters = address.to_bytes(2, "little") + size.to_bytes(2, "little") + bytes(servo_ids)
        self._send(InstructionPacket(BROADCAST_ID, Instruction.SYNC_READ, parameters))
        reply_bytes = len(servo_ids) * (STATUS_OVERHEAD_BYTES + size)
        self._pending = _Pending(tuple(servo_ids), size, self._deadline_s(reply_bytes, len(servo_ids)))

    def collect_blocks(self) -> BlockReply:
        """The waiting half of `sync_read`.

        Raises:
            BusError: nothing was asked.
        """
        pending, self._pending = self._pending, None
        if pending is None:
            raise BusError(f"bus {self._name}: nothing was asked; call request_blocks first")
        blocks: dict[int, Block] = {}
        problems: dict[int, str] = {}
        awaited = set(pending.servo_ids)
        silent = set(awaited)
        if not awaited:
            return BlockReply(blocks, problems)
        for packet, stamp_s in self._receive_until(pending.deadline_s):
            if isinstance(packet, DamagedPacket):
                if packet.claimed_id in silent:
                    problems[packet.claimed_id] = f"damaged answer: {packet.reason}"
                    silent.remove(packet.claimed_id)
            elif isinstance(packet, StatusPacket) and packet.servo_id in awaited:
                if len(packet.parameters) == pending.size:
                    blocks[packet.servo_id] = Block(packet.parameters, packet.error, stamp_s)
                    problems.pop(packet.servo_id, None)
                elif packet.servo_id not in blocks:
                    problems[packet.servo_id] = f"answered without the data: {refusal(packet)}"
                silent.discard(packet.servo_id)
            if not silent:
                break
        problems.update(dict.fromkeys(silent, "no answer"))
        return BlockReply(blocks, problems)

    def request_states(self, servo_ids: Sequence[int]) -> None:
        """The asking half of `read_states`."""
        self.request_blocks(servo_ids, table.STATE_ADDRESS, table.STATE_BYTES)

    def collect_states(self) -> StateReply:
        """The waiting half of `read_states`."""
        reply = self.collect_blocks()
        readings = {servo_id: ServoReading.from_block(servo_id, block) for servo_id, block in reply.blocks.items()}
        return StateReply(readings, reply.problems)

    def read_states(self, servo_ids: Sequence[int]) -> StateReply:
        """Position, velocity and current of many servos in one sync read of ten bytes each."""
        self.request_states(servo_ids)
        return self.collect_states()

    def _send(self, packet: InstructionPacket) -> None:
        self._pending = None
        self._stream.clear()
        self._port.flush_input()
        self._port.write(packet.encode())

    def _ask(self, packet: InstructionPacket, data_bytes: int, doing: str) -> StatusPacket:
        reply_bytes = STATUS_OVERHEAD_BYTES + data_bytes
        problem = "no answer"
        for _ in range(self._attempts):
            self._send(packet)
            problem = "no answer"
            for reply, _ in self._receive_until(self._deadline_s(reply_bytes, replies=1)):
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

    def _deadline_s(self, reply_bytes: int, replies: int) -> float:
        wire_s = reply_bytes * self._port.byte_time_s
        return self._port.now_s() + wire_s + replies * _LONGEST_RETURN_DELAY_S + self._reply_margin_s

    def _receive_until(self, deadline_s: float) -> Iterator[tuple[Packet | DamagedPacket, float]]:
        while data := self._port.read(_READ_LIMIT, deadline_s):
            stamp_s = self._port.now_s()
            for packet in self._stream.feed(data):
                yield packet, stamp_s
