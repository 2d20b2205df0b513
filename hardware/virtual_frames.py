"""Many status packets at once, as fast as a wire of four megabit needs them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from hardware.crc import crc_tables
from hardware.dynamixel import CRC_BYTES, HEADER, STATUS_MARK, STUFFED_PATTERN, StatusPacket

_FEW = 4  # below this, one by one is faster


def status_frames(statuses: Sequence[tuple[int, int, bytes]]) -> list[bytes]:
    """The bytes of status packets, of `(id, error byte, data)` each: what `StatusPacket.encode` gives, one by one.

    Packets of the first one's length that need no stuffing share the work of their check sums, which are linear.
    """
    if len(statuses) < _FEW:
        return [StatusPacket(*status).encode() for status in statuses]
    size = len(statuses[0][2])
    mark = (size + 4).to_bytes(2, "little") + bytes([STATUS_MARK])
    heads = [
        b"%b%c%b%c%b" % (HEADER, servo_id, mark, error, data)
        if len(data) == size and STUFFED_PATTERN not in (data if error < 0xFF else b"\xff" + data)
        else b""
        for servo_id, error, data in statuses
    ]
    plain = iter(_with_check_sums([head for head in heads if head]))
    return [
        next(plain) if head else StatusPacket(*status).encode() for head, status in zip(heads, statuses, strict=True)
    ]


def _with_check_sums(heads: Sequence[bytes]) -> list[bytes]:
    if not heads:
        return []
    length = len(heads[0])
    total = length + CRC_BYTES
    rows = np.empty((len(heads), total), np.uint8)
    rows[:, :length] = np.frombuffer(b"".join(heads), np.uint8).reshape(-1, length)
    crc = np.bitwise_xor.reduce(crc_tables(length)[np.arange(length), rows[:, :length]], axis=1)
    rows[:, length], rows[:, length + 1] = crc & 0xFF, crc >> 8
    joined = rows.tobytes()
    return [joined[start : start + total] for start in range(0, len(joined), total)]
