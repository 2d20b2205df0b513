"""The decoder on streams that were cut, flipped and mixed with garbage."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from hardware.dynamixel import StatusPacket
from hardware.packet_stream import DamagedPacket, PacketStream

PACKETS = st.builds(
    StatusPacket,
    st.integers(0, 252),
    st.sampled_from([0, 0x80]),
    st.lists(st.sampled_from([0xFF, 0xFD, 0x00, 0x01]), min_size=10, max_size=10).map(bytes),
)


def whole(stream: PacketStream, data: bytes) -> list[StatusPacket]:
    return [packet for packet in stream.feed(data) if isinstance(packet, StatusPacket)]


@given(packets=st.lists(PACKETS, max_size=5), cuts=st.lists(st.integers(0, 200), max_size=6))
def test_packets_may_arrive_in_any_pieces(packets: list[StatusPacket], cuts: list[int]) -> None:
    data = b"".join(packet.encode() for packet in packets)
    edges = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    stream = PacketStream()
    found = [packet for start, end in itertools.pairwise(edges) for packet in stream.feed(data[start:end])]
    assert found == packets


@given(garbage=st.binary(max_size=40).filter(lambda data: b"\xff" not in data), packets=st.lists(PACKETS, min_size=1))
def test_garbage_before_each_packet_costs_no_packet(garbage: bytes, packets: list[StatusPacket]) -> None:
    stream = PacketStream()
    assert stream.feed(b"".join(garbage + packet.encode() for packet in packets)) == packets
    assert stream.skipped_bytes == len(garbage) * len(packets)


@given(packets=st.lists(PACKETS, min_size=3, max_size=3, unique=True), data=st.data())
def test_a_lost_byte_costs_only_its_own_packet(packets: list[StatusPacket], data: st.DataObject) -> None:
    frames = [packet.encode() for packet in packets]
    lost = data.draw(st.integers(0, len(frames[1]) - 1))
    frames[1] = frames[1][:lost] + frames[1][lost + 1 :]
    found = whole(PacketStream(), b"".join(frames))
    assert found[0] == packets[0]
    assert found[-1] == packets[2]
    assert set(found) <= set(packets)


@given(packets=st.lists(PACKETS, min_size=3, max_size=3, unique=True), data=st.data())
def test_a_flipped_bit_costs_only_its_own_packet(packets: list[StatusPacket], data: st.DataObject) -> None:
    frames = [bytearray(packet.encode()) for packet in packets]
    frames[1][data.draw(st.integers(0, len(frames[1]) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    found = whole(PacketStream(), b"".join(frames))
    assert found == [packets[0], packets[2]]


def test_a_damaged_packet_is_reported_with_the_id_it_claims() -> None:
    frame = bytearray(StatusPacket(7, 0, b"0123456789").encode())
    frame[-1] ^= 1
    (damaged,) = PacketStream().feed(bytes(frame))
    assert isinstance(damaged, DamagedPacket)
    assert damaged.claimed_id == 7
    assert "CRC" in damaged.reason


@given(garbage=st.binary(max_size=200))
def test_random_bytes_are_never_taken_for_a_status(garbage: bytes) -> None:
    assert whole(PacketStream(), garbage) == []
