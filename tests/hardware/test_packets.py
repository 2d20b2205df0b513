"""The packet codec against the manual's example packets, and against every awkward payload."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardware.crc import crc16
from hardware.dynamixel import InstructionPacket, StatusPacket, decode, stuff, unstuff
from hardware.errors import PacketError

# The examples of the protocol's manual.
GOLDEN = {
    "ping": (InstructionPacket(1, 0x01), "FF FF FD 00 01 03 00 01 19 4E"),
    "ping answer": (StatusPacket(1, 0, bytes.fromhex("060426")), "FF FF FD 00 01 07 00 55 00 06 04 26 65 5D"),
    "read position": (InstructionPacket(1, 0x02, bytes.fromhex("84000400")), "FFFFFD00 01 0700 02 84000400 1D15"),
    "write goal": (InstructionPacket(1, 0x03, bytes.fromhex("740000020000")), "FFFFFD00 01 0900 03 740000020000 CA89"),
    "consent": (StatusPacket(1, 0), "FF FF FD 00 01 04 00 55 00 A1 0C"),
    "reboot": (InstructionPacket(1, 0x08), "FF FF FD 00 01 03 00 08 2F 4E"),
    "clear": (InstructionPacket(1, 0x10, bytes.fromhex("0144584C22")), "FFFFFD00 01 0800 10 0144584C22 B1DC"),
    "sync read": (InstructionPacket(254, 0x82, bytes.fromhex("840004000102")), "FFFFFD00FE090082840004000102CEFA"),
    "sync write": (
        InstructionPacket(254, 0x83, bytes.fromhex("74000400 01 96000000 02 AA000000")),
        "FFFFFD00FE11008374000400019600000002AA0000008287",
    ),
    "bulk read": (
        InstructionPacket(254, 0x92, bytes.fromhex("0190000200 0292000100")),
        "FFFFFD00FE0D009201900002000292000100 1A05",
    ),
    "bulk write": (
        InstructionPacket(254, 0x93, bytes.fromhex("0120000200A000 021F00010050")),
        "FFFFFD00FE1000930120000200A000021F00010050B768",
    ),
}
AWKWARD = st.lists(st.sampled_from([0xFF, 0xFD, 0x00, 0x01]), max_size=24).map(bytes)


@pytest.mark.parametrize("name", GOLDEN)
def test_the_manuals_examples_encode_and_decode_to_the_byte(name: str) -> None:
    packet, text = GOLDEN[name]
    frame = bytes.fromhex(text)
    assert packet.encode() == frame
    assert decode(frame) == packet


def test_a_goal_that_looks_like_a_header_is_stuffed() -> None:
    packet = InstructionPacket(1, 0x03, bytes.fromhex("7400 FFFFFD12"))
    assert packet.encode() == bytes.fromhex("FFFFFD00 01 0A00 03 7400 FFFFFDFD12 4DE7")


def test_stuffing_is_undone_exactly_for_every_short_payload_of_header_bytes() -> None:
    for size in range(4, 8):
        for payload in itertools.product((0xFF, 0xFD, 0x00, 0x01), repeat=size):
            body = bytes(payload)
            stuffed = stuff(body)
            assert unstuff(stuffed) == body
            assert b"\xff\xff\xfd\x00" not in stuffed


@given(servo_id=st.integers(0, 252), error=st.integers(0, 255), payload=AWKWARD | st.binary(max_size=64))
def test_a_status_comes_back_as_it_was_sent(servo_id: int, error: int, payload: bytes) -> None:
    packet = StatusPacket(servo_id, error, payload)
    assert decode(packet.encode()) == packet


@given(payload=AWKWARD | st.binary(max_size=64), position=st.integers(min_value=0), bit=st.integers(0, 7))
def test_no_flipped_bit_is_taken_for_a_packet(payload: bytes, position: int, bit: int) -> None:
    frame = bytearray(StatusPacket(7, 0, payload).encode())
    frame[position % len(frame)] ^= 1 << bit
    with pytest.raises(PacketError):
        decode(bytes(frame))


@given(head=st.binary(max_size=32), tail=st.binary(max_size=32))
def test_a_checksum_can_be_continued(head: bytes, tail: bytes) -> None:
    assert crc16(tail, crc16(head)) == crc16(head + tail)


@pytest.mark.parametrize("servo_id", [253, 255, -1])
def test_an_id_that_the_protocol_forbids_is_refused(servo_id: int) -> None:
    with pytest.raises(PacketError, match=r"0\.\.252"):
        InstructionPacket(servo_id, 1).encode()
