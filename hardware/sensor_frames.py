"""The frame in which Retake's small sensors send over a serial line, and its resynchronising decoder.

    A5 5A | kind | sequence | length (2) | payload | crc (2)

Numbers are little endian; the CRC (that of the servo protocol) covers everything before it. The sequence counts frames
of one kind modulo 256, so that a device that repeats one frame for ever is found out.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from hardware.crc import crc16
from hardware.errors import PacketError

TOUCH_KIND = ord("T")
IMU_KIND = ord("I")

_SYNC = b"\xa5\x5a"
_PREFIX_BYTES = 6
_CRC_BYTES = 2
_LONGEST_PAYLOAD = 2048

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class SensorFrame:
    """One frame."""

    kind: int
    sequence: int
    payload: bytes

    def encode(self) -> bytes:
        """The bytes on the wire.

        Raises:
            PacketError: the payload is longer than a frame may be.
        """
        if len(self.payload) > _LONGEST_PAYLOAD:
            raise PacketError(f"a payload of {len(self.payload)} bytes is too long; at most {_LONGEST_PAYLOAD} fit")
        head = _SYNC + bytes([self.kind, self.sequence % 256]) + len(self.payload).to_bytes(2, "little")
        return head + self.payload + crc16(head + self.payload).to_bytes(_CRC_BYTES, "little")


class FrameStream:
    """A decoder that finds the next whole frame again after any damage; `damaged_frames` counts failed CRCs."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self.damaged_frames = 0

    def feed(self, data: bytes) -> list[SensorFrame]:
        """Every frame that `data` completes, in order of arrival."""
        self._buffer += data
        frames: list[SensorFrame] = []
        while (start := self._buffer.find(_SYNC)) != -1:
            del self._buffer[:start]
            if len(self._buffer) < _PREFIX_BYTES:
                return frames
            length = int.from_bytes(self._buffer[4:6], "little")
            total = _PREFIX_BYTES + length + _CRC_BYTES
            if length <= _LONGEST_PAYLOAD and len(self._buffer) < total:
                return frames
            frame = bytes(self._buffer[:total])
            if length <= _LONGEST_PAYLOAD and crc16(frame[:-2]) == int.from_bytes(frame[-2:], "little"):
                frames.append(SensorFrame(frame[2], frame[3], frame[_PREFIX_BYTES:-_CRC_BYTES]))
                del self._buffer[:total]
            else:
                self.damaged_frames += 1
                del self._buffer[0]
        keep = 1 if self._buffer.endswith(_SYNC[:1]) else 0  # half a sync mark
        del self._buffer[: len(self._buffer) - keep]
        return frames


class FrameParser(Generic[T]):
    """Readings out of the frames of one kind. A frame with the sequence of the one before it is a frozen device's.

    Args:
        kind: which frames to take.
        decode: makes a reading of a payload; raises `PacketError` where it cannot.
    """

    def __init__(self, kind: int, decode: Callable[[bytes], T]) -> None:
        self._kind = kind
        self._decode = decode
        self._stream = FrameStream()
        self._last_sequence: int | None = None
        self.frozen = 0

    @property
    def damaged(self) -> int:
        return self._stream.damaged_frames

    def feed(self, data: bytes) -> list[T]:
        readings = []
        for frame in self._stream.feed(data):
            if frame.kind != self._kind:
                continue
            if frame.sequence == self._last_sequence:
                self.frozen += 1
                continue
            self._last_sequence = frame.sequence
            readings.append(self._decode(frame.payload))
        return readings
