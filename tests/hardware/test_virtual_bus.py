"""The virtual bus byte for byte, against the manual's packets, and stamp for stamp against the arithmetic of a wire."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardware import control_table as table
from hardware.control_table import Register, servo_model
from hardware.crc import crc16
from hardware.dynamixel import Instruction, InstructionPacket, StatusPacket, decode
from hardware.packet_stream import PacketStream
from hardware.virtual import Chain, VirtualBus
from hardware.virtual_frames import status_frames
from hardware.virtual_servo import VirtualServo

MODEL = servo_model("XM430-W350")
MANUALS_MODEL = replace(MODEL, number=1030)
BYTE_S = 10 / 1_000_000
STATE = bytes.fromhex("7E00 0A00")  # current, velocity, position


def servo(servo_id: int, **settings: int) -> VirtualServo:
    registers: dict[str, Register] = {"delay": table.RETURN_DELAY, "baud": table.BAUD_CODE}
    return VirtualServo(servo_id, MODEL, settings={registers[name]: value for name, value in settings.items()})


def ids(data: bytes) -> list[int]:
    return [packet.servo_id for packet in PacketStream().feed(data) if isinstance(packet, StatusPacket)]


def said(instruction: int, parameters: bytes, servo_id: int = 254) -> bytes:
    return InstructionPacket(servo_id, instruction, parameters).encode()


# What the protocol's manual shows, packet by packet.


def test_the_manuals_ping_is_answered_as_in_the_manual() -> None:
    bus = VirtualBus([VirtualServo(1, MANUALS_MODEL, firmware=38)])
    answer = bus.feed(bytes.fromhex("FFFFFD00 01 0300 01 194E"), 0.0)
    assert answer == bytes.fromhex("FFFFFD00 01 0700 55 00 060426 655D")


def test_the_manuals_read_and_write_are_answered_as_in_the_manual() -> None:
    bus = VirtualBus([servo(1)])
    bus.servo(1).sense(0xA6)
    assert bus.feed(bytes.fromhex("FFFFFD00 01 0700 02 84000400 1D15"), 0.0) == bytes.fromhex(
        "FFFFFD00 01 0800 55 00 A6000000 8CC0"
    )
    consent = bytes.fromhex("FFFFFD00 01 0400 55 00 A10C")
    assert bus.feed(bytes.fromhex("FFFFFD00 01 0900 03 740000020000 CA89"), 0.0) == consent
    assert bus.servo(1).get(table.GOAL_POSITION) == 512


def test_the_manuals_registered_write_waits_for_its_action() -> None:
    bus = VirtualBus([servo(1)])
    consent = bytes.fromhex("FFFFFD00 01 0400 55 00 A10C")
    assert bus.feed(bytes.fromhex("FFFFFD00 01 0900 04 6800C8000000 AE8E"), 0.0) == consent
    assert (bus.servo(1).get(table.GOAL_VELOCITY), bus.servo(1).get(table.REGISTERED_INSTRUCTION)) == (0, 1)
    assert bus.feed(bytes.fromhex("FFFFFD00 01 0300 05 02CE"), 0.0) == consent
    assert (bus.servo(1).get(table.GOAL_VELOCITY), bus.servo(1).get(table.REGISTERED_INSTRUCTION)) == (200, 0)


@pytest.mark.parametrize(
    "request_text",
    ["FFFFFD00 01 0400 06 01 A1E6", "FFFFFD00 01 0300 08 2F4E", "FFFFFD00 01 0800 10 0144584C22 B1DC"],
    ids=["factory reset", "reboot", "clear"],
)
def test_the_manuals_reset_reboot_and_clear_are_consented_to(request_text: str) -> None:
    answer = VirtualBus([servo(1)]).feed(bytes.fromhex(request_text), 0.0)
    assert answer == bytes.fromhex("FFFFFD00 01 0400 55 00 A10C")


def test_the_manuals_sync_read_is_answered_as_in_the_manual() -> None:
    bus = VirtualBus([servo(1), servo(2)])
    bus.servo(1).sense(166)
    bus.servo(2).sense(2079)
    answer = bus.feed(bytes.fromhex("FFFFFD00FE09008284000400 0102 CEFA"), 0.0)
    assert answer == bytes.fromhex("FFFFFD00 01 0800 55 00 A6000000 8CC0 FFFFFD00 02 0800 55 00 1F080000 BABE")


def test_the_manuals_bulk_read_is_answered_as_in_the_manual() -> None:
    bus = VirtualBus([servo(1), servo(2)])
    bus.servo(1).feel(supply_v=11.9)
    bus.servo(2).feel(temperature_c=36)
    answer = bus.feed(bytes.fromhex("FFFFFD00FE0D0092 0190000200 0292000100 1A05"), 0.0)
    assert answer == bytes.fromhex("FFFFFD00 01 0600 55 00 7700 C369 FFFFFD00 02 0500 55 00 24 8BA9")


def test_the_manuals_fast_sync_read_is_answered_as_in_the_manual() -> None:
    bus = VirtualBus([servo(3), servo(7), servo(4)])
    for servo_id, position_ticks in ((3, 0xA6), (7, 0x81F), (4, 0x3FF)):
        bus.servo(servo_id).sense(position_ticks)
    answer = bus.feed(said(Instruction.FAST_SYNC_READ, bytes.fromhex("84000400 030704")), 0.0)
    merged = "FFFFFD00FE1900 55 0003A60000008408 00071F08000016CA 0004FF030000D19E"
    assert answer == bytes.fromhex(merged)


def test_the_manuals_writes_to_many_reach_each_and_are_not_answered() -> None:
    bus = VirtualBus([servo(1), servo(2)])
    assert bus.feed(bytes.fromhex("FFFFFD00FE11008374000400019600000002AA0000008287"), 0.0) == b""
    assert [one.get(table.GOAL_POSITION) for one in bus.servos] == [150, 170]
    assert bus.feed(bytes.fromhex("FFFFFD00FE1000930120000200A000021F00010050B768"), 0.0) == b""
    assert bus.servo(1).get(table.MAX_VOLTAGE_LIMIT) == 160
    assert bus.servo(2).get(table.TEMPERATURE_LIMIT) == 80


# Encoding.

STATUSES = st.lists(
    st.tuples(
        st.integers(0, 252),
        st.integers(0, 255),
        st.lists(st.sampled_from([0xFF, 0xFD, 0x00, 0x42]), max_size=10).map(bytes)
        | st.binary(min_size=10, max_size=10),
    ),
    max_size=12,
)


@given(statuses=STATUSES)
def test_many_statuses_at_once_are_the_same_bytes_as_one_by_one(statuses: list[tuple[int, int, bytes]]) -> None:
    assert status_frames(statuses) == [StatusPacket(*status).encode() for status in statuses]


def test_a_state_that_looks_like_a_header_is_stuffed_in_a_sync_read_and_not_in_a_fast_one() -> None:
    bus = VirtualBus([servo(servo_id) for servo_id in range(1, 6)])
    bus.servo(3).sense(position_ticks=0x01FD, velocity_ticks=-1)
    stuffed = bus.feed(said(Instruction.SYNC_READ, STATE + bytes(range(1, 6))), 0.0)
    assert len(stuffed) == 5 * 21 + 1
    assert bytes.fromhex("FFFFFFFF FDFD 010000") in stuffed
    merged = bus.feed(said(Instruction.FAST_SYNC_READ, STATE + bytes(range(1, 6))), 0.0)
    assert len(merged) == 8 + 5 * 14
    assert bytes.fromhex("FFFFFFFF FD 010000") in merged


@given(positions=st.lists(st.integers(-(2**31), 2**31 - 1), min_size=1, max_size=5))
def test_every_check_sum_of_a_merged_answer_covers_all_before_it(positions: list[int]) -> None:
    bus = VirtualBus([servo(servo_id) for servo_id in range(len(positions))])
    merged = bus.feed(said(Instruction.FAST_SYNC_READ, STATE + bytes(range(len(positions)))), 0.0)
    for end in range(8 + 14, len(merged) + 1, 14):
        assert crc16(merged[: end - 2]) == int.from_bytes(merged[end - 2 : end], "little")


# Time.


@pytest.mark.parametrize(("delay", "delay_s"), [(0, 0.0), (250, 500e-6)])
def test_answers_to_a_sync_read_follow_each_other_after_their_return_delays(delay: int, delay_s: float) -> None:
    bus = VirtualBus([servo(servo_id, delay=delay) for servo_id in (1, 2, 3)])
    request = said(Instruction.SYNC_READ, STATE + bytes([1, 2, 3]))
    stamps_s = [chunk.stamp_s for chunk in bus.answer(request, 5.0, BYTE_S)]
    expected_s = [5.0 + len(request) * BYTE_S + nth * (delay_s + 21 * BYTE_S) for nth in (1, 2, 3)]
    assert stamps_s == pytest.approx(expected_s, abs=1e-9)


def test_a_merged_answer_waits_but_once() -> None:
    bus = VirtualBus([servo(servo_id, delay=250) for servo_id in range(30)])
    request = said(Instruction.FAST_SYNC_READ, STATE + bytes(range(30)))
    last = bus.answer(request, 5.0, BYTE_S)[-1]
    assert last.stamp_s == pytest.approx(5.0 + (44 + 428) * BYTE_S + 500e-6, abs=1e-9)


def test_an_instruction_waits_for_the_one_before_it() -> None:
    bus = VirtualBus([servo(1, delay=0)])
    goals = said(Instruction.SYNC_WRITE, bytes.fromhex("74000400 01 00080000"))
    request = said(Instruction.SYNC_READ, STATE + bytes([1]))
    assert bus.answer(goals, 5.0, BYTE_S) == []
    (chunk,) = bus.answer(request, 5.0, BYTE_S)
    assert chunk.stamp_s == pytest.approx(5.0 + (len(goals) + len(request) + 21) * BYTE_S, abs=1e-9)


def test_everybody_answers_a_ping_to_all_in_the_order_and_at_the_time_of_its_id() -> None:
    bus = VirtualBus([servo(servo_id, delay=0) for servo_id in (9, 200, 0)])
    chunks = bus.answer(said(Instruction.PING, b""), 5.0, BYTE_S)
    assert ids(b"".join(chunk.data for chunk in chunks)) == [0, 9, 200]
    expected_s = [5.0 + (10 + 14 * (servo_id + 1)) * BYTE_S for servo_id in (0, 9, 200)]
    assert [chunk.stamp_s for chunk in chunks] == pytest.approx(expected_s, abs=1e-9)


# Chains.


def chain_of(chain: Chain, silent: Iterable[int]) -> VirtualBus:
    bus = VirtualBus([servo(servo_id, delay=50) for servo_id in range(1, 8)], chain=chain)
    for servo_id in silent:
        bus.servo(servo_id).is_silent = True
    return bus


@pytest.mark.parametrize(("chain", "heard"), [("stop", [1, 2]), ("continue", [1, 2, 4, 6, 7])])
@pytest.mark.parametrize("instruction", [Instruction.SYNC_READ, Instruction.BULK_READ])
def test_what_follows_a_silent_servo_is_silent_or_not_by_the_chain(
    chain: Chain, heard: list[int], instruction: Instruction
) -> None:
    if instruction == Instruction.BULK_READ:
        parameters = b"".join(bytes([servo_id]) + STATE for servo_id in range(1, 8))
    else:
        parameters = STATE + bytes(range(1, 8))
    assert ids(chain_of(chain, (3, 5)).feed(said(instruction, parameters), 0.0)) == heard


def test_a_chain_that_continues_leaves_the_time_of_the_silent_one_empty() -> None:
    request = said(Instruction.SYNC_READ, STATE + bytes(range(1, 8)))
    whole = chain_of("continue", ()).answer(request, 1.0, BYTE_S)
    holed = chain_of("continue", (3, 4)).answer(request, 1.0, BYTE_S)
    assert [chunk.stamp_s for chunk in holed] == pytest.approx(
        [whole[nth].stamp_s for nth in (0, 1, 4, 5, 6)], abs=1e-9
    )


def test_a_servo_that_is_not_there_is_as_silent_as_one_that_is_cut_off() -> None:
    request = said(Instruction.SYNC_READ, STATE + bytes([1, 77, 2]))
    assert ids(chain_of("stop", ()).feed(request, 0.0)) == [1]
    assert ids(chain_of("continue", ()).feed(request, 0.0)) == [1, 2]


@pytest.mark.parametrize("chain", ["stop", "continue"])
def test_a_merged_answer_ends_at_a_silent_servo_and_still_claims_its_whole_length(chain: Chain) -> None:
    merged = chain_of(chain, (3,)).feed(said(Instruction.FAST_SYNC_READ, STATE + bytes(range(1, 8))), 0.0)
    assert len(merged) == 8 + 2 * 14
    assert int.from_bytes(merged[5:7], "little") == 1 + 7 * 14


def test_servos_of_older_firmware_or_two_in_one_case_take_no_part_in_fast_reads() -> None:
    old, double = VirtualServo(2, MODEL, firmware=44), VirtualServo(2, servo_model("2XL430-W250"))
    request = said(Instruction.FAST_SYNC_READ, STATE + bytes([1, 2]))
    for other in (old, double):
        assert len(VirtualBus([servo(1), other]).feed(request, 0.0)) == 8 + 14
        assert ids(VirtualBus([servo(1), other]).feed(said(Instruction.SYNC_READ, STATE + bytes([1, 2])), 0.0)) == [
            1,
            2,
        ]
    assert len(VirtualBus([servo(1), old], fast_reads_from=44).feed(request, 0.0)) == 8 + 28
    assert VirtualBus([servo(1), servo(2)], fast_reads_from=None).feed(request, 0.0) == b""


def test_a_fast_bulk_read_merges_answers_of_different_lengths() -> None:
    bus = VirtualBus([servo(1), servo(2)])
    merged = bus.feed(said(Instruction.FAST_BULK_READ, bytes.fromhex("0190000200 0292000100")), 0.0)
    assert int.from_bytes(merged[5:7], "little") == len(merged) - 7 == 1 + (4 + 2) + (4 + 1)
    assert merged[8:12] == bytes([0, 1]) + (120).to_bytes(2, "little")
    assert merged[14:17] == bytes([0, 2, 30])


# Wires.


def test_a_servo_of_another_baud_rate_hears_and_says_nothing() -> None:
    fresh = VirtualServo(1, MODEL, settings={table.BAUD_CODE: 1})
    bus = VirtualBus([fresh, servo(2)])
    ping_all = said(Instruction.PING, b"")
    assert ids(b"".join(chunk.data for chunk in bus.answer(ping_all, 1.0, BYTE_S))) == [2]
    assert ids(b"".join(chunk.data for chunk in bus.answer(ping_all, 9.0, 10 / 57_600))) == [1]
    assert fresh.baud == 57_600


def test_a_new_baud_rate_holds_from_the_next_instruction_on() -> None:
    bus = VirtualBus([servo(1)])
    (consent,) = bus.answer(said(Instruction.WRITE, bytes([8, 0, 4]), 1), 1.0, BYTE_S)
    assert decode(consent.data) == StatusPacket(1, 0)
    ping = said(Instruction.PING, b"", 1)
    assert bus.answer(ping, 2.0, BYTE_S) == []
    assert len(bus.answer(ping, 3.0, 10 / 2_000_000)) == 1


def test_two_servos_of_one_id_both_answer() -> None:
    bus = VirtualBus([servo(1), servo(1), servo(2)])
    bus.servos[1].sense(77)
    assert ids(bus.feed(said(Instruction.SYNC_READ, STATE + bytes([1, 2])), 0.0)) == [1, 1, 2]


def test_half_an_instruction_waits_for_its_other_half() -> None:
    bus, ping = VirtualBus([servo(1)]), said(Instruction.PING, b"", 1)
    assert bus.feed(ping[:6], 0.0) == b""
    assert ids(bus.feed(ping[6:], 0.1)) == [1]


@given(data=st.binary(max_size=40), instruction=st.integers(0, 255), servo_id=st.sampled_from([1, 2, 254]))
def test_no_instruction_whatsoever_breaks_a_servo(data: bytes, instruction: int, servo_id: int) -> None:
    bus = VirtualBus([servo(1), servo(2)])
    bus.feed(said(instruction, data, servo_id) if instruction != 0x55 else data, 0.0)
    assert len(bus.feed(said(Instruction.PING, b""), 1.0)) == 28
