"""The fast sync read: one merged answer of all servos, which saves their headers and return delays.

    FF FF FD 00 FE | length | 55 | error, id, data, crc of the first | error, id, data, crc of the second | ...

Nothing in it is stuffed. Each check sum runs from the packet's first byte to its own place, over the sums before it. As
the sum is linear and one sum is the state in which the next begins, each part is verified by itself, given the sum that
stands before it: a damaged part costs itself, and its successor where the sum itself was hit.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hardware.crc import TableCells, crc16, crc_tables
from hardware.dynamixel import BROADCAST_ID, CRC_BYTES, HARDWARE_ALERT, STATUS_HEAD_BYTES, Instruction, status_head
from hardware.sync_read import NO_ANSWER, AnswerBytes, BoolArray, IntArray, WireCounters, sync_request

_PART_OVERHEAD_BYTES = 4  # error, id, crc
_FINE = bytes([0, HARDWARE_ALERT])  # error bytes that come with data


class FastReader(AnswerBytes):
    """Like `SyncReader`, by fast sync read. A servo that does not answer silences those behind it."""

    def __init__(self, servo_ids: Sequence[int], address: int, block: np.dtype[Any], counters: WireCounters) -> None:
        size = block.itemsize
        self.servo_ids = tuple(servo_ids)
        self.request = sync_request(Instruction.FAST_SYNC_READ, self.servo_ids, address, size)
        self._part = np.dtype([("error", "u1"), ("id", "u1"), ("data", block), ("crc", "<u2")])
        self._block = block
        count = len(servo_ids)
        self.reply_bytes = STATUS_HEAD_BYTES + count * self._part.itemsize
        self.reply_delays = 1
        self._counters = counters
        length = 1 + count * (size + _PART_OVERHEAD_BYTES)
        self._head = status_head(BROADCAST_ID, length)
        self._ids = np.array(self.servo_ids, dtype=np.uint8)
        own_bytes = self._part.itemsize - CRC_BYTES
        self._tables = crc_tables(own_bytes).ravel()
        self._cells = TableCells(count, own_bytes)
        silence = bytes(own_bytes)
        # What the sum of a part inherits from the sum before it, which itself has run through the check sum.
        self._from_low = np.array([_inherited(value, silence) for value in range(256)], dtype=np.uint16)
        self._from_high = np.array([_inherited(value << 8, silence) for value in range(256)], dtype=np.uint16)
        self._first_inherits = crc16(silence, crc16(self._head))
        self._ends = STATUS_HEAD_BYTES + (np.arange(count) + 1) * self._part.itemsize
        self._everybody = np.ones(count, dtype=np.bool_)
        self.values: NDArray[Any] = np.zeros(0, dtype=block)
        self.errors: NDArray[np.uint8] = np.zeros(0, dtype=np.uint8)
        self.has_errors = True
        self.begin()

    def begin(self) -> None:
        """Forget the last answers; those of a new request follow."""
        self._buffer = b""
        self.is_complete = not self.servo_ids
        self.problems: dict[int, str] = {}
        self.answered: BoolArray = ~self._everybody
        self.ends: IntArray = self._ends

    def feed(self, data: bytes) -> None:
        self._buffer += data
        if not self.is_complete and len(self._buffer) >= self.reply_bytes:
            self._decode()

    def finish(self) -> None:
        """No more will come: make do with what there is."""
        if self.is_complete:
            return
        self._decode()
        for place in np.flatnonzero(~self.answered).tolist():
            self.problems.setdefault(place, NO_ANSWER)

    def _decode(self) -> None:
        start = self._buffer.find(self._head)
        if start < 0:
            return
        begin = start + STATUS_HEAD_BYTES
        count = min(len(self.servo_ids), (len(self._buffer) - begin) // self._part.itemsize)
        parts = np.frombuffer(self._buffer, self._part, count, begin)
        is_good = (self._sums(parts, begin) == parts["crc"]) & (parts["id"] == self._ids[:count])
        if parts["error"].tobytes().strip(_FINE):  # what refuses gives no data, and its part is filled with something
            is_good &= (parts["error"] & ~np.uint8(HARDWARE_ALERT)) == 0
        if count == len(self.servo_ids) and is_good.all():
            self.values, self.errors = parts["data"], parts["error"]
            self.answered, self.is_complete = self._everybody, True
        else:
            self._take_good(parts, is_good)
        self.ends = self._ends + start

    def _sums(self, parts: NDArray[np.void], begin: int) -> NDArray[np.uint16]:
        raw = np.frombuffer(self._buffer, np.uint8, parts.nbytes, begin).reshape(len(parts), self._part.itemsize)
        sums: NDArray[np.uint16] = np.bitwise_xor.reduce(self._tables.take(self._cells.of(raw[:, :-CRC_BYTES])), axis=1)
        if len(parts):
            sums[0] ^= self._first_inherits
            sums[1:] ^= self._from_low[raw[:-1, -2]] ^ self._from_high[raw[:-1, -1]]
        return sums

    def _take_good(self, parts: NDArray[np.void], is_good: BoolArray) -> None:
        count = len(self.servo_ids)
        good = np.flatnonzero(is_good)
        self.values = np.zeros(count, dtype=self._block)
        self.errors = np.zeros(count, dtype=np.uint8)
        self.answered = np.zeros(count, dtype=np.bool_)
        self.values[good], self.errors[good], self.answered[good] = parts["data"][good], parts["error"][good], True
        bad = np.flatnonzero(~is_good).tolist()
        self._counters.damaged += len(bad)
        self.problems = dict.fromkeys(bad, "damaged part of a merged answer, or a refusal")


def _inherited(crc: int, silence: bytes) -> int:
    return crc16(silence, crc16(crc.to_bytes(CRC_BYTES, "little"), crc))
