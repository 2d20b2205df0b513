"""Packets out of a stream of bytes that may hold garbage, cuts and flipped bits."""

from __future__ import annotations

from dataclasses import dataclass

from hardware.dynamixel import CRC_BYTES, HEADER, PREFIX_BYTES, Packet, decode
from hardware.errors import PacketError

_SHORTEST_LENGTH = 1 + CRC_BYTES
_LONGEST_BYTES = 4096


@dataclass(frozen=True, slots=True)
class DamagedPacket:
    """Bytes that began like a packet. `claimed_id` is what stood in the id's place, which may be damaged itself."""

    claimed_id: int
    reason: str


def next_packet(
    buffer: bytes | bytearray, start: int = 0, longest_bytes: int = _LONGEST_BYTES
) -> tuple[Packet | DamagedPacket | None, int, int]:
    """The first packet from `start` on, where it begins, and where to go on.

    It is None where more bytes are needed; both places are then where the packet, or the half of its header, begins.
    A damaged packet costs itself alone: stuffing keeps a header from occurring inside a packet, so a header found there
    means that bytes were lost, and decoding resumes at it.
    """
    begin = buffer.find(HEADER, start)
    if begin == -1:
        # The last bytes may be the beginning of a header that has not arrived whole.
        keep = next((n for n in (3, 2, 1) if n <= len(buffer) - start and buffer.endswith(HEADER[:n])), 0)
        return None, len(buffer) - keep, len(buffer) - keep
    if len(buffer) - begin < PREFIX_BYTES:
        return None, begin, begin
    length = int.from_bytes(buffer[begin + 5 : begin + 7], "little")
    total = PREFIX_BYTES + length
    if length < _SHORTEST_LENGTH or total > longest_bytes:
        return DamagedPacket(buffer[begin + 4], f"length field says {length}"), begin, begin + 1
    inner = buffer.find(HEADER, begin + 1, begin + total - CRC_BYTES)
    if inner != -1:
        reason = f"a new header after {inner - begin} of {total} bytes"
        return DamagedPacket(buffer[begin + 4], reason), begin, begin + 1
    if len(buffer) - begin < total:
        return None, begin, begin
    try:
        return decode(bytes(buffer[begin : begin + total])), begin, begin + total
    except PacketError as error:
        return DamagedPacket(buffer[begin + 4], str(error)), begin, begin + 1


class PacketStream:
    """A decoder that finds the next whole packet again after any damage.

    `skipped_bytes` and `damaged_packets` count the losses.
    """

    def __init__(self, longest_bytes: int = _LONGEST_BYTES) -> None:
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
        start = 0
        while True:
            packet, begin, after = next_packet(self._buffer, start, self._longest_bytes)
            self.skipped_bytes += begin - start
            start = after
            if packet is None:
                del self._buffer[:start]
                return found
            if isinstance(packet, DamagedPacket):
                self.damaged_packets += 1
                self.skipped_bytes += 1
            found.append(packet)
