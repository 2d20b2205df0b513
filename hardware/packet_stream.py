"""Packets out of a stream of bytes that may hold garbage, cuts and flipped bits."""

from __future__ import annotations

from dataclasses import dataclass

from hardware.dynamixel import CRC_BYTES, HEADER, PREFIX_BYTES, Packet, decode
from hardware.errors import PacketError

_SHORTEST_LENGTH = 1 + CRC_BYTES


@dataclass(frozen=True, slots=True)
class DamagedPacket:
    """Bytes that began like a packet. `claimed_id` is what stood in the id's place, which may be damaged itself."""

    claimed_id: int
    reason: str


class PacketStream:
    """A decoder that finds the next whole packet again after any damage.

    A damaged packet costs itself alone: stuffing keeps a header from occurring inside a packet, so a header found there
    means that bytes were lost, and decoding resumes at it. `skipped_bytes` and `damaged_packets` count the losses.
    """

    def __init__(self, longest_bytes: int = 4096) -> None:
        self._longest_bytes = longest_bytes
        self._buffer = bytearray()
        self.skipped_bytes = 0
        self.damaged_packets = 0

    def clear(self) -> None:
        """Forget a packet that has only half arrived."""
        self._buffer.clear()

    def feed(self, data: bytes) -> list[Packet | DamagedPacket]:
        """Every packet that `data` completes, in order of arrival, with the damaged ones in their places."""
        self._buffer += data
        found: list[Packet | DamagedPacket] = []
        while True:
            self._drop_garbage()
            if len(self._buffer) < PREFIX_BYTES:
                return found
            length = int.from_bytes(self._buffer[5:7], "little")
            total = PREFIX_BYTES + length
            if length < _SHORTEST_LENGTH or total > self._longest_bytes:
                found.append(self._damaged(f"length field says {length}"))
                continue
            inner = self._buffer.find(HEADER, 1, total - CRC_BYTES)
            if inner != -1:
                found.append(self._damaged(f"a new header after {inner} of {total} bytes"))
                continue
            if len(self._buffer) < total:
                return found
            try:
                found.append(decode(bytes(self._buffer[:total])))
            except PacketError as error:
                found.append(self._damaged(str(error)))
                continue
            del self._buffer[:total]

    def _drop_garbage(self) -> None:
        start = self._buffer.find(HEADER)
        if start == -1:
            # The last bytes may be the beginning of a header that has not arrived whole.
            keep = next((n for n in (3, 2, 1) if self._buffer.endswith(HEADER[:n])), 0)
            start = len(self._buffer) - keep
        self.skipped_bytes += start
        del self._buffer[:start]

    def _damaged(self, reason: str) -> DamagedPacket:
        self.damaged_packets += 1
        damaged = DamagedPacket(self._buffer[4], reason)
        self.skipped_bytes += 1
        del self._buffer[0]
        return damaged
