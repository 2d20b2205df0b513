"""A bus of five servos with something wrong, read in cycles."""

from __future__ import annotations

from collections.abc import Sequence

from hardware import control_table as table
from hardware.control_table import servo_model
from hardware.dynamixel import Instruction, InstructionPacket, Packet, StatusPacket
from hardware.packet_stream import DamagedPacket, PacketStream
from hardware.virtual import Chain, VirtualBus
from hardware.virtual_answers import Chunk
from hardware.virtual_faults import Fault, FaultScript
from hardware.virtual_servo import VirtualServo

MODEL = servo_model("XM430-W350")
IDS = (1, 2, 3, 4, 5)
READ_ALL = InstructionPacket(254, Instruction.SYNC_READ, bytes.fromhex("78001000") + bytes(IDS))  # tick ... position
GOALS = InstructionPacket(254, Instruction.SYNC_WRITE, bytes.fromhex("74000400 01 58020000 02 58020000"))
REPLY_BYTES = 27
BYTE_S = 1e-5
ONCE = range(1, 2)  # the second cycle


def bus_with(*faults: Fault, chain: Chain = "continue", seed: int = 0) -> VirtualBus:
    servos = [VirtualServo(servo_id, MODEL, settings={table.RETURN_DELAY: 0}) for servo_id in IDS]
    return VirtualBus(servos, chain=chain, faults=FaultScript(faults, seed))


def cycles(bus: VirtualBus, count: int) -> list[list[Chunk]]:
    """What each of `count` sync reads brings, 10 ms apart."""
    return [bus.answer(READ_ALL.encode(), 1.0 + 0.01 * nth, BYTE_S) for nth in range(count)]


def raw(chunks: Sequence[Chunk]) -> bytes:
    return b"".join(chunk.data for chunk in chunks)


def packets(chunks: Sequence[Chunk]) -> list[Packet | DamagedPacket]:
    return PacketStream().feed(raw(chunks))


def ids(chunks: Sequence[Chunk]) -> list[int]:
    """Whose answers are whole."""
    return [packet.servo_id for packet in packets(chunks) if isinstance(packet, StatusPacket)]


def once(fault: Fault, chain: Chain = "continue", seed: int = 0) -> list[Chunk]:
    """What the struck cycle brings. Those before and after it bring everything."""
    before, struck, after = cycles(bus_with(fault, chain=chain, seed=seed), 3)
    assert ids(before) == list(IDS)
    assert ids(after) == list(IDS)
    return struck
