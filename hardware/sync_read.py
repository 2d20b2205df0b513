"""The same stretch of the control table from many servos: the request, and a decoder for what comes back.

Undamaged answers are decoded as one array, their check sums by linearity; whatever breaks the pattern (stuffing, short,
damaged, strange or reordered answers, an echo) is taken packet by packet, after which the array goes on. So a bad servo
costs itself alone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hardware.control_table import Register
from hardware.crc import CRC_BYTES_THEMSELVES, TableCells, crc_tables
from hardware.dynamixel import (
    BROADCAST_ID,
    CRC_BYTES,
    HARDWARE_ALERT,
    STATUS_HEAD_BYTES,
    STATUS_OVERHEAD_BYTES,
    Instruction,
    InstructionPacket,
    StatusPacket,
    status_head,
    stretch,
)
from hardware.packet_stream import DamagedPacket, next_packet
from hardware.replies import refusal

BoolArray = NDArray[np.bool_]
IntArray = NDArray[np.int64]

SHORTEST_BYTES = 10  # of a packet
_ID_SHIFT = np.uint64(32)
_REFUSED = np.uint8(0xFF & ~HARDWARE_ALERT)
NO_ANSWER = "no answer"


@dataclass
class WireCounters:
    """What a bus has met since it was opened. `stray` are answers that nobody asked for, `second` those of an id that
    had answered already."""

    damaged: int = 0
    skipped_bytes: int = 0
    stray: int = 0
    second: int = 0
    echoes: int = 0
    second_ids: Counter[int] = field(default_factory=Counter)  # `second` by id


def is_all(mask: BoolArray) -> bool:
    """`mask.all()` for a few numbers, at a fraction of its price."""
    return b"\0" not in mask.tobytes()


def block_of(registers: Sequence[Register]) -> np.dtype[np.void]:
    """The layout of a stretch of the control table that holds `registers`, in order of address; fields by name."""
    first = registers[0].address
    last = registers[-1]
    return np.dtype(
        {
            "names": [register.name for register in registers],
            "formats": [f"<{'i' if register.signed else 'u'}{register.size}" for register in registers],
            "offsets": [register.address - first for register in registers],
            "itemsize": last.address + last.size - first,
        }
    )


def raw_block(size: int) -> np.dtype[np.void]:
    """The layout of a stretch that nobody has named."""
    return np.dtype((np.void, size))


class AnswerBytes:
    """What has come so far of an answer of `reply_bytes`."""

    reply_bytes: int
    _buffer: bytes

    @property
    def missing_bytes(self) -> int:
        """How many bytes are certainly still to come."""
        return max(0, self.reply_bytes - len(self._buffer))

    @property
    def received_bytes(self) -> int:
        return len(self._buffer)


class SyncReader(AnswerBytes):
    """Asks `servo_ids` for one block, and decodes their answers as they come.

    After `feed`, `values` is (servos,) of the block's layout, with meaning where `answered`; `errors` are the error
    bytes, `ends` how many bytes of the stream had come when an answer was whole, and `problems` why others have none,
    by place. All are in the order of `servo_ids`.
    """

    def __init__(self, servo_ids: Sequence[int], address: int, block: np.dtype[Any], counters: WireCounters) -> None:
        size = block.itemsize
        self.servo_ids = tuple(servo_ids)
        self.request = sync_request(Instruction.SYNC_READ, self.servo_ids, address, size)
        self.reply_bytes = len(servo_ids) * (STATUS_OVERHEAD_BYTES + size)
        self.reply_delays = len(servo_ids)
        self._size = size
        self._block = block
        self._counters = counters
        row_bytes = STATUS_OVERHEAD_BYTES + size
        self._row = np.dtype(
            {
                "names": ["head", "error", "data", "tail"],  # the tail is all behind the head, as bytes
                "formats": ["<u8", "u1", block, (np.uint8, (row_bytes - STATUS_HEAD_BYTES,))],
                "offsets": [0, STATUS_HEAD_BYTES, STATUS_HEAD_BYTES + 1, STATUS_HEAD_BYTES],
                "itemsize": row_bytes,
            }
        )
        heads = [_head(servo_id, size) for servo_id in servo_ids]
        self._heads = np.array(heads, dtype=np.uint64)
        self._heads_in_order = self._heads.tobytes()
        # The check sum's own bytes are looked up as well, and give themselves: a good row then sums up to its head's.
        tables = np.vstack([crc_tables(row_bytes - CRC_BYTES), CRC_BYTES_THEMSELVES])
        self._head_tables = tables[:STATUS_HEAD_BYTES]
        self._tables = tables[STATUS_HEAD_BYTES:].ravel()
        self._cells = TableCells(len(servo_ids), row_bytes - STATUS_HEAD_BYTES)
        self._head_crc = np.array([self._crc_of_head(head) for head in heads], dtype=np.uint16)
        self._head_crc_in_order = self._head_crc.tobytes()
        self._places = np.full(256, -1, dtype=np.intp)
        self._places[list(self.servo_ids)] = np.arange(len(servo_ids))
        self._ends_in_order = (np.arange(len(servo_ids)) + 1) * self._row.itemsize
        self._no_errors = bytes(len(servo_ids))
        self._everybody: BoolArray = np.ones(len(servo_ids), dtype=np.bool_)
        self.values: NDArray[Any] = np.zeros(0, dtype=block)
        self.errors: NDArray[np.uint8] = np.zeros(0, dtype=np.uint8)
        self.ends: IntArray = self._ends_in_order
        self.answered: BoolArray = ~self._everybody
        self.has_errors = False  # False only where it is certain that nobody has one
        self.begin()

    def begin(self) -> None:
        """Forget the last answers; those of a new request follow."""
        self._buffer = b""
        self._start = 0
        self._is_looked_at = False
        self.is_complete = not self.servo_ids
        self.problems: dict[int, str] = {}

    def feed(self, data: bytes) -> None:
        """Take what has arrived. Decodes as soon as all can be there."""
        self._buffer += data
        if self.is_complete or len(self._buffer) < self.reply_bytes:
            return
        if self._is_looked_at or len(self._buffer) > self.reply_bytes or not self._take_whole():
            self._decode()

    def finish(self) -> None:
        """No more will come: make do with what there is."""
        if not self.is_complete:
            self._decode()
            for place in np.flatnonzero(~self.answered).tolist():
                self.problems.setdefault(place, NO_ANSWER)

    def _take_whole(self) -> bool:
        """The common case: everybody answered, in order, undamaged and unstuffed."""
        rows = np.frombuffer(self._buffer, self._row)
        if rows["head"].tobytes() != self._heads_in_order or self._sums(rows).tobytes() != self._head_crc_in_order:
            return False
        errors = rows["error"]
        self.has_errors = errors.tobytes() != self._no_errors
        if self.has_errors and (errors & _REFUSED).any():
            return False
        self.values, self.errors = rows["data"], errors
        self.ends, self.answered, self.is_complete = self._ends_in_order, self._everybody, True
        return True

    def _look_closer(self) -> None:
        self._is_looked_at = self.has_errors = True
        count = len(self.servo_ids)
        self.values = np.zeros(count, dtype=self._block)
        self.errors = np.zeros(count, dtype=np.uint8)
        self.ends = np.zeros(count, dtype=np.int64)
        self.answered = np.zeros(count, dtype=np.bool_)

    def _sums(self, rows: NDArray[np.void]) -> NDArray[np.uint16]:
        """What each row's bytes behind its head add up to; in a good one that is the check sum of its head."""
        sums: NDArray[np.uint16] = np.bitwise_xor.reduce(self._tables.take(self._cells.of(rows["tail"])), axis=1)
        return sums

    def _decode(self) -> None:
        if not self._is_looked_at:
            self._look_closer()
        while len(self._buffer) - self._start >= SHORTEST_BYTES and not self.is_complete:
            if self._take_run():
                continue
            packet, begin, after = next_packet(self._buffer, self._start)
            self._counters.skipped_bytes += begin - self._start
            self._start = after
            if packet is None:
                break
            self._take(packet, after)
            self.is_complete = bool(self.answered.all())

    def _take_run(self) -> int:
        """Take answers of the regular shape up to the first that is not; how many they were."""
        count = min((len(self._buffer) - self._start) // self._row.itemsize, len(self.servo_ids))
        if not count:
            return 0
        rows = np.frombuffer(self._buffer, self._row, count, self._start)
        places = self._places[((rows["head"] >> _ID_SHIFT) & np.uint64(0xFF)).astype(np.intp)]
        is_good = (places >= 0) & (rows["head"] == self._heads[places])
        is_good &= self._sums(rows) == self._head_crc[places]
        is_good &= (rows["error"] & _REFUSED) == 0  # whatever data came with it
        run = count if is_good.all() else int(is_good.argmin())
        places, rows = places[:run], rows[:run]
        before, had_answered = int(self.answered.sum()), self.answered.tobytes()
        self.values[places], self.errors[places] = rows["data"], rows["error"]
        self.ends[places] = self._start + self._ends_in_order[:run]
        self.answered[places] = True
        after = int(self.answered.sum())
        # Of two answers to one question the later is the newer: the first may have been under way for long.
        if run > after - before:
            self._count_second(places.tolist(), had_answered)
        for place in self.problems.keys() & set(places.tolist()) if self.problems else ():
            del self.problems[place]
        self._start += run * self._row.itemsize
        self.is_complete = after == len(self.servo_ids)
        return run

    def _take(self, packet: InstructionPacket | StatusPacket | DamagedPacket, end: int) -> None:
        counters = self._counters
        servo_id = packet.claimed_id if isinstance(packet, DamagedPacket) else packet.servo_id
        place = int(self._places[servo_id])
        if isinstance(packet, InstructionPacket):
            counters.echoes += 1
        elif isinstance(packet, DamagedPacket):
            counters.damaged += 1
            if place >= 0 and not self.answered[place]:
                self.problems[place] = f"damaged answer: {packet.reason}"
        elif place < 0:
            counters.stray += 1
        elif len(packet.parameters) == self._size and not packet.failure:
            if self.answered[place]:
                self._count_second([place], self.answered.tobytes())
            self.values[place] = np.frombuffer(packet.parameters, self._block)[0]
            self.errors[place], self.ends[place], self.answered[place] = packet.error, end, True
            self.problems.pop(place, None)
        elif not self.answered[place]:
            self.problems[place] = f"answered without the data: {refusal(packet)}"

    def _count_second(self, places: Sequence[int], had_answered: bytes) -> None:
        """Of answers at `places`, count those whose servo had answered already."""
        known = set(np.flatnonzero(np.frombuffer(had_answered, np.bool_)).tolist())
        for place in places:
            if place in known:
                self._counters.second += 1
                self._counters.second_ids[self.servo_ids[place]] += 1
            known.add(place)

    def _crc_of_head(self, head: int) -> int:
        places = np.arange(STATUS_HEAD_BYTES)
        return int(np.bitwise_xor.reduce(self._head_tables[places, list(head.to_bytes(STATUS_HEAD_BYTES, "little"))]))


def sync_request(instruction: Instruction, servo_ids: Sequence[int], address: int, size: int) -> bytes:
    """The bytes that ask `servo_ids` for a stretch of their control tables."""
    return InstructionPacket(BROADCAST_ID, instruction, stretch(address, size) + bytes(servo_ids)).encode()


def _head(servo_id: int, size: int) -> int:
    length = size + STATUS_OVERHEAD_BYTES - STATUS_HEAD_BYTES + 1
    return int.from_bytes(status_head(servo_id, length), "little")
