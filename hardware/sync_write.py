"""One register of many servos in one packet, made anew each cycle at the price of a few array operations."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from hardware.control_table import Register
from hardware.crc import crc16, crc_tables
from hardware.dynamixel import (
    BROADCAST_ID,
    CRC_BYTES,
    PREFIX_BYTES,
    STUFFED_PATTERN,
    Instruction,
    InstructionPacket,
    stretch,
)

IntArray = NDArray[np.int64]
_ADDRESSING_BYTES = 5  # instruction, address, size


class SyncWriter:
    """Encodes a sync write of one register.

    Args:
        register: what is written.
        servo_ids: to whom, in the order of the values.
    """

    def __init__(self, register: Register, servo_ids: Sequence[int]) -> None:
        count = len(servo_ids)
        self._wire = np.dtype(f"<i{register.size}" if register.signed else f"<u{register.size}")
        blank = stretch(register.address, register.size) + b"".join(
            bytes([servo_id]) + bytes(register.size) for servo_id in servo_ids
        )
        packet = InstructionPacket(BROADCAST_ID, Instruction.SYNC_WRITE, blank).encode()
        self._packet = np.frombuffer(packet, np.uint8).copy()
        body_bytes = len(packet) - CRC_BYTES
        first = PREFIX_BYTES + _ADDRESSING_BYTES
        rows = self._packet[first:body_bytes].reshape(count, 1 + register.size)
        self._bytes = rows[:, 1:]  # (servos, bytes of a value)
        self._values = rows.view(np.dtype([("id", "u1"), ("value", self._wire)]))["value"][:, 0]
        self._blank_crc = crc16(packet[:-CRC_BYTES])
        places = np.arange(first, body_bytes).reshape(count, 1 + register.size)[:, 1:].ravel()
        self._tables = crc_tables(body_bytes)[places].ravel()
        cells = np.zeros((*self._bytes.shape, 2), dtype=np.uint8)  # as in TableCells, of the one row that there is
        self._cell_values = cells[..., 0]
        self._cells = cells.reshape(-1, 2).view("<u2")[:, 0]
        self._cells[:] = np.arange(len(places)) * 256

    def encode(self, values: IntArray) -> bytes:
        """The packet for one value a servo, each within what the register holds."""
        self._values[:] = values
        self._cell_values[:] = self._bytes
        # The packet was blank, so what the values add is all that its check sum lacks: 0 adds nothing.
        crc = self._blank_crc ^ int(np.bitwise_xor.reduce(self._tables.take(self._cells)))
        self._packet[-2], self._packet[-1] = crc & 0xFF, crc >> 8
        packet = self._packet.tobytes()
        if packet.find(STUFFED_PATTERN, PREFIX_BYTES, -CRC_BYTES) == -1:
            return packet
        inside = packet[PREFIX_BYTES:-CRC_BYTES]
        return InstructionPacket(BROADCAST_ID, inside[0], inside[1:]).encode()
