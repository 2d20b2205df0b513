"""Every kind of fault: what comes out of the wire while it lasts, and that nothing is left of it afterwards."""

from __future__ import annotations

import pytest
from faulty_bus import BYTE_S, GOALS, IDS, ONCE, READ_ALL, REPLY_BYTES, bus_with, cycles, ids, once, packets, raw

from hardware import control_table as table
from hardware.dynamixel import Instruction, InstructionPacket, StatusPacket
from hardware.virtual import Chain
from hardware.virtual_answers import Chunk
from hardware.virtual_faults import AllSilent, DamagedInstruction, Fault, FaultScript, Silent
from hardware.virtual_servo_faults import Alert
from hardware.virtual_wire_faults import (
    BitFlip,
    Burst,
    Collided,
    CutReply,
    DuplicateId,
    Echo,
    ErrorWithoutData,
    ExtraByte,
    Garbage,
    LateReply,
    LostByte,
    OutOfOrder,
)

# Nobody hears, nobody answers.


@pytest.mark.parametrize(("chain", "heard"), [("stop", [1, 2]), ("continue", [1, 2, 4, 5])])
def test_a_silent_servo_takes_those_behind_it_along_or_not(chain: Chain, heard: list[int]) -> None:
    assert ids(once(Silent(3, cycles=ONCE), chain)) == heard


def test_the_last_servo_can_be_the_silent_one() -> None:
    assert ids(once(Silent(5, cycles=ONCE), "stop")) == [1, 2, 3, 4]
    assert ids(once(Silent(5, cycles=ONCE), "continue")) == [1, 2, 3, 4]


def test_a_silent_servo_still_obeys_unless_it_is_deaf_as_well() -> None:
    for hears, goal_ticks in ((True, 600), (False, 2048)):
        bus = bus_with(Silent(1, hears=hears))
        bus.feed(GOALS.encode(), 1.0)
        assert bus.servo(1).get(table.GOAL_POSITION) == goal_ticks
        assert bus.servo(2).get(table.GOAL_POSITION) == 600


def test_a_wire_without_servos_is_silent_and_feeds_no_watchdog() -> None:
    bus = bus_with(AllSilent(cycles=range(1, 100)))
    bus.feed(InstructionPacket(254, Instruction.WRITE, bytes([64, 0, 1])).encode(), 0.9)
    bus.feed(InstructionPacket(254, Instruction.WRITE, bytes([98, 0, 1])).encode(), 0.95)
    answers = cycles(bus, 5)
    assert ids(answers[0]) == list(IDS)
    assert [raw(chunks) for chunks in answers[1:]] == [b""] * 4
    assert all(servo.watchdog_tripped for servo in bus.servos)


@pytest.mark.parametrize("answers", [True, False])
def test_a_servo_that_hears_a_damaged_instruction_does_nothing_and_says_so_or_not(answers: bool) -> None:
    bus = bus_with(DamagedInstruction(2, answers))
    bus.feed(GOALS.encode(), 1.0)
    assert [bus.servo(servo_id).get(table.GOAL_POSITION) for servo_id in (1, 2)] == [600, 2048]
    found = packets(cycles(bus, 1)[0])
    assert ([packet for packet in found if packet == StatusPacket(2, 3)] != []) == answers
    assert len(found) == (5 if answers else 4)


# Bytes.


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("bits", [1, 3])
def test_flipped_bits_are_in_that_answer_alone(seed: int, bits: int) -> None:
    clean = raw(cycles(bus_with(), 2)[1])
    struck = raw(once(BitFlip(3, bits=bits, cycles=ONCE), seed=seed))
    changed = [nth for nth in range(len(clean)) if clean[nth] != struck[nth]]
    assert set(changed) <= set(range(2 * REPLY_BYTES, 3 * REPLY_BYTES))
    assert sum((clean[nth] ^ struck[nth]).bit_count() for nth in changed) == bits


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize(("fault", "more"), [(LostByte, -1), (ExtraByte, 1)])
def test_a_lost_or_an_extra_byte_shifts_what_follows(fault: type[Fault], more: int, seed: int) -> None:
    struck = once(fault(3, cycles=ONCE), seed=seed)  # type: ignore[call-arg]
    assert [len(chunk.data) for chunk in struck] == [27, 27, 27 + more, 27, 27]
    assert {1, 2, 4, 5} <= set(ids(struck))


def test_a_burst_of_noise_keeps_the_length() -> None:
    struck = once(Burst(3, size=8, cycles=ONCE))
    assert [len(chunk.data) for chunk in struck] == [27] * 5
    assert ids(struck) == [1, 2, 4, 5]


def test_garbage_comes_before_a_whole_answer() -> None:
    struck = once(Garbage(3, size=5, cycles=ONCE))
    assert [len(chunk.data) for chunk in struck] == [27, 27, 32, 27, 27]
    assert ids(struck) == list(IDS)


def test_a_cut_loses_the_rest_of_an_answer_and_those_behind_it() -> None:
    for seed in range(8):
        struck = once(CutReply(3, cycles=ONCE), seed=seed)
        assert ids(struck) == [1, 2]
        assert 2 * REPLY_BYTES < len(raw(struck)) < 3 * REPLY_BYTES
        assert ids(once(CutReply(3, rest_lost=False, cycles=ONCE), seed=seed))[-2:] == [4, 5]


def test_an_echo_comes_back_while_it_is_sent() -> None:
    struck = once(Echo(cycles=ONCE))
    assert struck[0] == Chunk(pytest.approx(1.01 + len(READ_ALL.encode()) * BYTE_S), READ_ALL.encode())
    clean = cycles(bus_with(), 2)[1]
    assert [chunk.stamp_s for chunk in struck[1:]] == pytest.approx([chunk.stamp_s for chunk in clean])
    assert bus_with(Echo()).feed(GOALS.encode(), 1.0) == GOALS.encode()


def test_a_duplicate_id_gives_two_whole_answers() -> None:
    assert ids(once(DuplicateId(3, cycles=ONCE))) == [1, 2, 3, 3, 4, 5]


def test_answers_that_collide_have_only_bits_that_were_sent() -> None:
    clean, struck = raw(cycles(bus_with(), 2)[1]), once(Collided(3, cycles=ONCE))
    assert ids(struck) == [1, 2, 4, 5]
    assert all(seen & ~sent == 0 for sent, seen in zip(clean, raw(struck), strict=True))


@pytest.mark.parametrize("seed", range(4))
def test_answers_out_of_order_are_whole(seed: int) -> None:
    struck = ids(once(OutOfOrder(cycles=ONCE), seed=seed))
    assert sorted(struck) == list(IDS)
    assert struck != list(IDS)


def test_a_late_answer_leaves_a_gap_and_comes_with_the_next_ones() -> None:
    bus = bus_with(LateReply(3, cycles=ONCE))
    _, struck, after = cycles(bus, 3)
    assert ids(struck) == [1, 2, 4, 5]
    assert struck[2].stamp_s - struck[1].stamp_s == pytest.approx(2 * REPLY_BYTES * BYTE_S)
    assert ids(after) == [3, 1, 2, 3, 4, 5]
    assert after[0].stamp_s < after[1].stamp_s
    ticks = [packet.parameters[:2] for packet in packets(after) if isinstance(packet, StatusPacket)]
    assert ticks[0] != ticks[3]


def test_an_error_can_come_without_data_and_keeps_the_alert() -> None:
    assert StatusPacket(3, 0x07) in packets(once(ErrorWithoutData(3, cycles=ONCE)))
    both = once_with(Alert(3, cycles=ONCE), ErrorWithoutData(3, cycles=ONCE))
    assert StatusPacket(3, 0x87) in packets(both)


def once_with(*faults: Fault) -> list[Chunk]:
    return cycles(bus_with(*faults), 2)[1]


def test_a_fault_without_a_servo_strikes_one_answer_anew_each_time() -> None:
    struck = [set(IDS) - set(ids(chunks)) for chunks in cycles(bus_with(BitFlip()), 40)]
    assert all(len(missing) == 1 for missing in struck)
    assert set.union(*struck) == set(IDS)


@pytest.mark.parametrize("fault", [BitFlip, LostByte, ExtraByte, Garbage, CutReply, DuplicateId, Collided, LateReply])
def test_faults_strike_merged_answers_as_well(fault: type[Fault]) -> None:
    fast = InstructionPacket(254, Instruction.FAST_SYNC_READ, READ_ALL.parameters).encode()
    clean = bus_with().feed(fast, 1.0)
    assert bus_with(fault(3)).feed(fast, 1.0) != clean  # type: ignore[call-arg]


def test_the_same_seed_gives_the_same_bytes_and_another_does_not() -> None:
    faults = (BitFlip(probability=0.3), LostByte(probability=0.3), OutOfOrder(probability=0.3))
    runs = [[raw(chunks) for chunks in cycles(bus_with(*faults, seed=seed), 30)] for seed in (4, 4, 5)]
    assert runs[0] == runs[1] != runs[2]


def test_chance_strikes_about_as_often_as_it_says() -> None:
    clean = [raw(chunks) for chunks in cycles(bus_with(), 400)]
    struck = [raw(chunks) for chunks in cycles(bus_with(BitFlip(probability=0.1)), 400)]
    assert 20 <= sum(one != other for one, other in zip(clean, struck, strict=True)) <= 65


def test_a_fault_may_have_its_time_by_the_clock() -> None:
    answers = cycles(bus_with(Silent(3, from_s=1.015, until_s=1.035)), 5)
    assert [3 in ids(chunks) for chunks in answers] == [True, True, False, False, True]


def test_goals_written_before_a_read_belong_to_its_cycle() -> None:
    bus = bus_with(Silent(1, hears=False, cycles=range(1)))
    bus.feed(GOALS.encode(), 0.9)
    assert bus.servo(1).get(table.GOAL_POSITION) == 2048
    cycles(bus, 1)
    bus.feed(GOALS.encode(), 2.0)
    assert bus.servo(1).get(table.GOAL_POSITION) == 600


def test_a_script_counts_its_cycles_from_when_it_is_given_to_the_bus() -> None:
    bus = bus_with()
    cycles(bus, 7)
    bus.faults = FaultScript([Silent(1, cycles=range(1))])
    assert ids(bus.answer(READ_ALL.encode(), 5.0, BYTE_S)) == [2, 3, 4, 5]
    assert ids(bus.answer(READ_ALL.encode(), 6.0, BYTE_S)) == list(IDS)
