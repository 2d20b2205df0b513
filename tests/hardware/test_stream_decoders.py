"""The two decoders that every bought sensor goes through: fixed frames with a weak checksum, and lines of numbers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardware.fixed_frames import FixedFrames
from hardware.number_lines import NumberLines

MARK, LENGTH = b"\x55", 6
BODIES = st.binary(min_size=LENGTH - 2, max_size=LENGTH - 2)


def is_sound(frame: bytes) -> bool:
    return sum(frame[:-1]) & 0xFF == frame[-1]


def framed(body: bytes) -> bytes:
    return MARK + body + bytes([sum(MARK + body) & 0xFF])


def decoder() -> FixedFrames:
    return FixedFrames(MARK, LENGTH, is_sound)


def fed_in_pieces(frames: FixedFrames, data: bytes, size: int) -> list[bytes]:
    return [found for start in range(0, len(data), size) for found in frames.feed(data[start : start + size])]


def believable(data: bytes) -> set[bytes]:
    """Every place of a stream that has the mark and the checksum of a frame, found without the decoder."""
    places = (data[start : start + LENGTH] for start in range(len(data) - LENGTH + 1))
    return {frame for frame in places if frame.startswith(MARK) and is_sound(frame)}


@given(bodies=st.lists(BODIES, min_size=2, max_size=8), size=st.integers(1, 40))
def test_whole_frames_come_through_in_any_pieces(bodies: list[bytes], size: int) -> None:
    sent = [framed(body) for body in bodies]
    assert fed_in_pieces(decoder(), b"".join(sent), size) == sent


@given(data=st.binary(max_size=400), size=st.integers(1, 40))
def test_of_garbage_nothing_is_believed_but_what_has_mark_and_checksum_and_a_good_neighbour(
    data: bytes, size: int
) -> None:
    found = fed_in_pieces(decoder(), data, size)
    assert set(found) <= believable(data)
    assert len(found) != 1
    for frame in found:
        before_or_after = {other + frame for other in found} | {frame + other for other in found}
        assert any(pair in data for pair in before_or_after)


@given(
    garbage=st.binary(max_size=40), bodies=st.lists(BODIES, min_size=6, max_size=6, unique=True), cut=st.integers(0, 5)
)
def test_after_garbage_and_a_cut_frame_the_stream_is_found_again(garbage: bytes, bodies: list[bytes], cut: int) -> None:
    sent = [framed(body) for body in bodies]
    data = garbage + sent[0][:cut] + b"".join(sent[1:])
    found = decoder().feed(data)
    assert set(found) <= believable(data)
    assert found[-1] == sent[-1]


def test_a_flipped_bit_costs_its_frame_alone_when_the_others_hold_no_mark() -> None:
    sent = [framed(bytes([number, 1, 2, 3])) for number in range(6)]
    for place in range(8 * LENGTH):
        damaged = bytearray(sent[2])
        damaged[place // 8] ^= 1 << place % 8
        frames = decoder()
        assert frames.feed(b"".join(sent[:2]) + bytes(damaged) + b"".join(sent[3:])) == sent[:2] + sent[3:]
        assert frames.damaged >= 1


def test_a_lone_good_frame_among_garbage_is_not_believed() -> None:
    frames = decoder()
    assert frames.feed(framed(b"abcd") + b"\x00" * 20) == []
    assert frames.damaged == 1


def test_half_a_mark_at_the_end_of_a_piece_is_kept() -> None:
    frames = FixedFrames(b"\xaa\xaa", 4, lambda frame: frame[2] == frame[3])
    data = b"\xaa\xaa\x01\x01\xaa\xaa\x02\x02"
    assert frames.feed(b"x" + data[:1]) == []
    assert frames.feed(data[1:]) == [data[:4], data[4:]]


@pytest.mark.parametrize(
    ("line", "numbers"),
    [
        (b"1,2,3", (1, 2, 3)),
        (b"1, 2 ,3,", (1, 2, 3)),
        (b" 1 2\t3 \r", (1, 2, 3)),
        (b"1;2;3;", (1, 2, 3)),
        (b"+1.5,-2.,.25e1", (1.5, -2.0, 2.5)),
    ],
)
def test_a_line_is_read_however_its_numbers_are_parted(line: bytes, numbers: tuple[float, ...]) -> None:
    assert NumberLines(3).feed(b"\n" + line + b"\n") == [numbers]


@pytest.mark.parametrize(
    "line",
    [b"1,2", b"1,2,3,4", b"1,,3", b"1,2,x", b"1,2,nan", b"1,2,inf", b"1,2,1e999", b"1,2,0x3", b"1_0,2,3", b"1,2,\xb23"],
)
def test_a_line_that_is_not_three_numbers_is_counted_and_dropped(line: bytes) -> None:
    lines = NumberLines(3)
    assert lines.feed(b"\n" + line + b"\n4,5,6\n") == [(4, 5, 6)]
    assert lines.damaged == 1


def test_the_half_of_a_line_with_which_a_stream_begins_is_no_line() -> None:
    lines = NumberLines(2)
    assert lines.feed(b"2,3\n4,5\n\n6,") == [(4, 5)]
    assert lines.feed(b"7\r\n") == [(6, 7)]
    assert lines.damaged == 0


def test_a_line_without_an_end_is_dropped_with_what_follows_up_to_the_next() -> None:
    lines = NumberLines(2)
    assert lines.feed(b"\n" + b"1" * 5000) == []
    assert lines.feed(b"1,2\n3,4\n") == [(3, 4)]
    assert lines.damaged == 1


@given(data=st.binary(max_size=200), size=st.integers(1, 30))
def test_any_garbage_leaves_only_lines_of_as_many_finite_numbers_and_the_next_good_line_comes_through(
    data: bytes, size: int
) -> None:
    lines = NumberLines(2)
    found = [numbers for start in range(0, len(data), size) for numbers in lines.feed(data[start : start + size])]
    assert all(len(numbers) == 2 for numbers in found)
    assert lines.feed(b"\n8,9\n")[-1] == (8, 9)
