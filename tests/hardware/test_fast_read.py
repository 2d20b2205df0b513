"""Fast sync reads: merged answers made by hand, whole, cut and damaged."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from hardware.crc import crc16
from hardware.fast_read import FastReader
from hardware.sync_read import WireCounters, raw_block

SIZE = 10
IDS = (7, 1, 252, 30)
PART = SIZE + 4
payloads = st.lists(st.sampled_from([0xFF, 0xFF, 0xFD, 0x00, 0x55]), min_size=SIZE, max_size=SIZE).map(bytes)
blocks = st.lists(st.one_of(payloads, st.binary(min_size=SIZE, max_size=SIZE)), min_size=4, max_size=4)


def merged(data: Sequence[bytes], ids: Sequence[int] = IDS, error: int = 0) -> bytes:
    """By the manual: every check sum runs from the first byte, over the sums before it."""
    stream = b"\xff\xff\xfd\x00\xfe" + (1 + len(ids) * PART).to_bytes(2, "little") + b"\x55"
    for servo_id, block in zip(ids, data, strict=True):
        stream += bytes([error, servo_id]) + block
        stream += crc16(stream).to_bytes(2, "little")
    return stream


def read(stream: bytes) -> FastReader:
    reader = FastReader(IDS, 126, raw_block(SIZE), WireCounters())
    reader.begin()
    reader.feed(stream)
    reader.finish()
    return reader


def held(reader: FastReader) -> dict[int, bytes]:
    return {own: reader.values[place].tobytes() for place, own in enumerate(reader.servo_ids) if reader.answered[place]}


@given(blocks, st.sampled_from([0, 0x80]))
def test_a_whole_answer_gives_every_block_whatever_stands_in_it(data: list[bytes], error: int) -> None:
    reader = read(merged(data, error=error))
    assert reader.is_complete
    assert held(reader) == dict(zip(IDS, data, strict=True))
    assert reader.errors.tolist() == [error] * 4


@given(blocks, st.binary(max_size=9))
def test_garbage_before_it_costs_nothing(data: list[bytes], garbage: bytes) -> None:
    stream = garbage.replace(b"\xff", b"\x00") + merged(data)
    assert held(read(stream)) == dict(zip(IDS, data, strict=True))


@given(blocks, st.integers(0, 8 + 4 * PART))
def test_a_cut_answer_gives_the_parts_before_the_cut(data: list[bytes], size: int) -> None:
    whole = max(0, size - 8) // PART
    assert held(read(merged(data)[:size])) == dict(list(zip(IDS, data, strict=True))[:whole])


@given(blocks, st.integers(8, 8 + 4 * PART - 1), st.integers(0, 7))
def test_a_flipped_bit_costs_its_part_and_at_most_the_next(data: list[bytes], place: int, bit: int) -> None:
    stream = bytearray(merged(data))
    stream[place] ^= 1 << bit
    struck = (place - 8) // PART
    is_in_sum = (place - 8) % PART >= PART - 2
    lost = {IDS[struck], *(IDS[struck + 1 : struck + 2] if is_in_sum else ())}
    reader = read(bytes(stream))
    assert held(reader) == {own: block for own, block in zip(IDS, data, strict=True) if own not in lost}
    assert set(reader.problems) == {IDS.index(own) for own in lost}


def test_parts_in_another_order_than_asked_are_not_taken() -> None:
    data = [bytes([own] * SIZE) for own in (1, 7, 252, 30)]
    assert held(read(merged(data, ids=(1, 7, 252, 30)))) == {252: data[2], 30: data[3]}


@given(blocks)
def test_a_part_that_says_no_gives_no_data(data: list[bytes]) -> None:
    reader = read(merged(data, error=0x83))
    assert held(reader) == {}
    assert set(reader.problems) == {0, 1, 2, 3}
