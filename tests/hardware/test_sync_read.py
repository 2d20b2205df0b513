"""Sync reads: the array decoder against one that knows nothing of arrays, and requests in bytes by hand."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from hardware.crc import crc16, crc_tables
from hardware.dynamixel import Instruction, InstructionPacket, StatusPacket, decode
from hardware.sync_read import SyncReader, WireCounters, raw_block

SIZE = 10
ALERT = 0x80  # the servo has a hardware error, and answers all the same
IDS = (7, 1, 252, 30)
# Payloads in which headers and stuffing are as common as can be.
payloads = st.lists(st.sampled_from([0xFF, 0xFF, 0xFD, 0x00, 0x55, 0x01]), min_size=SIZE, max_size=SIZE).map(bytes)
anything = st.one_of(payloads, st.binary(min_size=SIZE, max_size=SIZE))


def reader(ids: tuple[int, ...] = IDS) -> tuple[SyncReader, WireCounters]:
    counters = WireCounters()
    return SyncReader(ids, 126, raw_block(SIZE), counters), counters


def held(reader: SyncReader) -> dict[int, bytes]:
    return {own: reader.values[place].tobytes() for place, own in enumerate(reader.servo_ids) if reader.answered[place]}


def test_the_request_is_the_manuals() -> None:
    reader = SyncReader((1, 2), 132, raw_block(4), WireCounters())
    assert reader.request == bytes.fromhex("FF FF FD 00 FE 09 00 82 84 00 04 00 01 02 CE FA")


@given(
    st.lists(anything, min_size=4, max_size=4),
    st.lists(st.one_of(st.sampled_from([0, ALERT]), st.integers(0, 255)), min_size=4, max_size=4),
)
def test_what_the_reader_takes_is_what_a_decoder_of_single_packets_takes(data: list[bytes], errors: list[int]) -> None:
    frames = [StatusPacket(own, error, block).encode() for own, error, block in zip(IDS, errors, data, strict=True)]
    for frame, block in zip(frames, data, strict=True):
        packet = decode(frame)
        assert isinstance(packet, StatusPacket)
        assert packet.parameters == block
    own, _ = reader()
    own.begin()
    own.feed(b"".join(frames))
    own.finish()
    taken = {servo_id: block for servo_id, block, error in zip(IDS, data, errors, strict=True) if error in (0, ALERT)}
    assert held(own) == taken  # what comes with an error is a refusal, whatever data stand in it
    assert own.errors[own.answered].tolist() == [error for error in errors if error in (0, ALERT)]


@given(st.data())
def test_cut_anywhere_into_pieces_it_is_the_same(data: st.DataObject) -> None:
    blocks = data.draw(st.lists(anything, min_size=4, max_size=4))
    stream = b"".join(StatusPacket(own, 0, block).encode() for own, block in zip(IDS, blocks, strict=True))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=5)))
    own, counters = reader()
    own.begin()
    for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        own.feed(stream[start:end])
    own.finish()
    assert held(own) == dict(zip(IDS, blocks, strict=True))
    assert counters == WireCounters()


def test_the_payload_that_other_decoders_get_wrong_is_exact() -> None:
    block = bytes.fromhex("FF FF FD 01 FF FD FD 00 00 00")
    own, _ = reader((7,))
    own.begin()
    own.feed(StatusPacket(7, 0, block).encode())
    own.finish()
    assert held(own) == {7: block}


def test_echoes_strangers_and_second_answers_are_counted_apart() -> None:
    own, counters = reader()
    own.begin()
    frames = [StatusPacket(servo_id, 0, bytes(SIZE)).encode() for servo_id in (7, 1, 1, 99, 252, 30)]
    own.feed(InstructionPacket(254, Instruction.SYNC_READ, b"\x7e\x00\x0a\x00").encode() + b"".join(frames))
    own.finish()
    assert own.is_complete
    assert (counters.echoes, counters.stray, counters.second, counters.damaged) == (1, 1, 1, 0)
    assert counters.second_ids == {1: 1}


@given(st.binary(min_size=1, max_size=80))
def test_the_tables_add_up_to_the_check_sum(data: bytes) -> None:
    tables = crc_tables(len(data))
    summed = np.bitwise_xor.reduce(tables[np.arange(len(data)), list(data)])
    assert summed == crc16(data)
