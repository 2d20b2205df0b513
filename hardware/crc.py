"""The 16-bit check sum of DYNAMIXEL Protocol 2.0, which Retake's own sensor frames use as well."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

_POLYNOMIAL = 0x8005  # CRC-16/UMTS: initial value 0, bits not reflected, no final xor


def _table() -> tuple[int, ...]:
    entries = []
    for byte in range(256):
        crc = byte << 8
        for _ in range(8):
            crc = (crc << 1) ^ _POLYNOMIAL if crc & 0x8000 else crc << 1
        entries.append(crc & 0xFFFF)
    return tuple(entries)


_TABLE = _table()


def crc16(data: bytes | bytearray | memoryview, crc: int = 0) -> int:
    """CRC-16/UMTS (poly 0x8005, init 0) of `data`, continuing from `crc`; sent low byte first on every wire here."""
    for byte in data:
        crc = ((crc << 8) & 0xFFFF) ^ _TABLE[(crc >> 8) ^ byte]
    return crc


@cache
def crc_tables(length: int) -> NDArray[np.uint16]:  # (length, 256)
    """What each byte adds to the check sum of `length` bytes, by place and value.

    With the initial value 0 the sum is linear: `crc16(data)` is the exclusive or of `tables[place, data[place]]`.
    """
    tables = np.empty((length, 256), dtype=np.uint16)
    column = np.array(_TABLE, dtype=np.uint16)
    for place in reversed(range(length)):
        tables[place] = column
        column = (column << 8) ^ tables[-1][column >> 8]  # one more byte, of value 0, behind it
    tables.flags.writeable = False
    return tables


# Lines for tables like those, where a check sum's own two bytes, low byte first, give themselves.
CRC_BYTES_THEMSELVES: NDArray[np.uint16] = np.array([range(256), range(0, 1 << 16, 256)], dtype=np.uint16)


class TableCells:
    """Where the bytes of up to `rows` rows of `length` stand in flattened `crc_tables`: place * 256 + value.

    Written as the two bytes of one number, which costs less than adding up.
    """

    def __init__(self, rows: int, length: int) -> None:
        self._bytes = np.zeros((rows, length, 2), dtype=np.uint8)
        self._values = self._bytes[..., 0]
        self._numbers = self._bytes.view("<u2")[..., 0]
        self._numbers[:] = np.arange(length) * 256

    def of(self, raw: NDArray[np.uint8]) -> NDArray[np.uint16]:  # (rows, length)
        """The cells of these rows; valid until the next call."""
        if len(raw) == len(self._bytes):
            self._values[...] = raw
            return self._numbers
        self._values[: len(raw)] = raw
        return self._numbers[: len(raw)]
