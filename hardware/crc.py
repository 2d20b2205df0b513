"""The 16-bit check sum of DYNAMIXEL Protocol 2.0, which Retake's own sensor frames use as well."""

from __future__ import annotations

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
