"""One bus polled in cycles: nothing is believed that a servo did not hold, whatever happens to the bytes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hardware import control_table as table
from hardware import virtual_wire_faults as wire
from hardware.bus import DynamixelBus
from hardware.control_table import servo_model
from hardware.credibility import Reach
from hardware.reading import finish_reads
from hardware.state_link import LinkState, StateLink
from hardware.virtual import Chain, VirtualBus
from hardware.virtual_faults import AllSilent, DamagedInstruction, Fault, FaultScript, Silent
from hardware.virtual_servo import VirtualServo
from hardware.virtual_wire import SimulatedClock, VirtualPort

IDS = (4, 2, 9, 1, 7, 3)
PERIOD_S = 0.04
MODEL = servo_model("XM430-W350")
CYCLES = 12


class Line:
    """Six servos, each of which holds a known value in each cycle."""

    def __init__(self, chain: Chain = "continue", fast: bool = False) -> None:
        self.clock = SimulatedClock(50.0)
        self.bus = VirtualBus([VirtualServo(own, MODEL, settings={table.RETURN_DELAY: 0}) for own in IDS], chain=chain)
        self.driver = DynamixelBus(VirtualPort(self.bus, self.clock), "arm", reply_margin_s=0.004)
        count = len(IDS)
        self.link = StateLink(
            self.driver, IDS, Reach(np.full(count, 1e4), np.full(count, 402.0), np.full(count, 1800.0))
        )
        self.cycle = 0
        self.read()
        if fast:
            assert self.link.probe_fast()

    def held(self, servo_id: int) -> tuple[int, int, int]:
        """Position, velocity and current of a servo in this cycle; small and negative ones make stuffing common."""
        turn = self.cycle * 7 + servo_id
        return 2048 + servo_id * 16 + self.cycle, (0xFD, -1, 3, -3)[turn % 4], (-1, 255, -257, 0)[turn % 4]

    def read(self) -> LinkState:
        self.cycle += 1
        self.clock.advance(PERIOD_S)
        for servo in self.bus.servos:
            servo.sense(*self.held(servo.servo_id))
        self.link.ask()
        finish_reads((self.driver,))
        return self.link.take()

    def numbers(self, state: LinkState, index: int) -> tuple[int, int, int]:
        return (
            int(state.position_ticks[index]),
            int(state.velocity_ticks[index]),
            int(state.current_ticks[index]),
        )


someone = st.sampled_from([None, *IDS])


def when(kind: Callable[..., Fault], **more: st.SearchStrategy[Any]) -> st.SearchStrategy[Fault]:
    start = st.integers(0, CYCLES)
    cycles = st.one_of(st.none(), st.tuples(start, start).map(lambda ends: range(min(ends), max(ends) + 1)))
    return st.builds(kind, cycles=cycles, probability=st.sampled_from([0.2, 0.7, 1.0]), **more)


some_faults = st.lists(
    st.one_of(
        when(wire.BitFlip, servo_id=someone, bits=st.integers(1, 60)),
        when(wire.Burst, servo_id=someone, size=st.integers(1, 40)),
        when(wire.LostByte, servo_id=someone),
        when(wire.ExtraByte, servo_id=someone),
        when(wire.Garbage, servo_id=someone, size=st.integers(1, 60)),
        when(wire.DuplicateId, servo_id=someone),
        when(wire.Collided, servo_id=someone),
        when(wire.LateReply, servo_id=someone),
        when(wire.ErrorWithoutData, servo_id=someone),
        when(wire.CutReply, servo_id=someone, rest_lost=st.booleans()),
        when(wire.OutOfOrder),
        when(wire.Echo),
        when(AllSilent),
        when(Silent, servo_id=st.sampled_from(IDS)),
        when(DamagedInstruction, servo_id=someone, answers=st.booleans()),
    ),
    min_size=1,
    max_size=4,
)
both_chains = pytest.mark.parametrize("chain", ["stop", "continue"])
fast_and_plain = pytest.mark.parametrize("fast", [False, True], ids=["plain", "fast"])


@both_chains
@fast_and_plain
@settings(max_examples=60)
@given(faults=some_faults, seed=st.integers(0, 2**32 - 1))
def test_no_value_is_taken_that_the_servo_does_not_hold(
    chain: Chain, fast: bool, faults: list[Fault], seed: int
) -> None:
    line = Line(chain, fast)
    before = line.read()
    assert not before.problems
    line.bus.faults = FaultScript(faults, seed)
    for _ in range(CYCLES):
        state = line.read()
        assert state.restarted == ()
        for index, servo_id in enumerate(IDS):
            assert state.fresh[index] == (servo_id not in state.problems)
            if state.fresh[index]:
                assert line.numbers(state, index) == line.held(servo_id)
                assert line.clock.now_s - 0.02 <= state.stamp_s[index] <= line.clock.now_s
            else:
                assert line.numbers(state, index) == line.numbers(before, index)
                assert state.stamp_s[index] == before.stamp_s[index]
        before = state
    line.bus.faults = None
    for _ in range(6):
        state = line.read()
    assert not state.problems


@both_chains
def test_while_one_is_asked_elsewhere_in_the_list_all_values_are_their_owners(chain: Chain) -> None:
    line = Line(chain)
    line.bus.faults = FaultScript([Silent(2)])
    for _ in range(10):
        state = line.read()
    assert set(state.problems) == {2}
    for index, servo_id in enumerate(IDS):
        assert (line.numbers(state, index) == line.held(servo_id)) == (servo_id != 2)


@both_chains
@fast_and_plain
def test_an_alert_belongs_to_the_servo_that_raised_it_wherever_it_is_asked(chain: Chain, fast: bool) -> None:
    line = Line(chain, fast)
    line.bus.servo(9).raise_hardware_error(0x01)
    line.bus.faults = FaultScript([Silent(4)])
    for _ in range(5):
        state = line.read()
        assert [own for own, is_on in zip(IDS, state.alert, strict=True) if is_on] in ([9], [])
    assert state.alert.any()


@fast_and_plain
def test_a_servo_that_restarts_is_told_once_and_believed_again(fast: bool) -> None:
    line = Line(fast=fast)
    line.bus.servo(9).reboot()
    state = line.read()
    assert state.restarted == (9,)
    assert not state.problems
    assert line.read().restarted == ()


def test_a_clock_that_comes_round_is_no_restart() -> None:
    line = Line()
    for _ in range(900):  # 36 s; a servo's clock counts 32.8 s
        state = line.read()
        assert not state.problems
        assert state.restarted == ()


def test_a_late_answer_from_behind_the_turn_of_the_clock_is_no_restart() -> None:
    line = Line()
    servo = line.bus.servo(9)
    while servo.get(table.REALTIME_TICK) < 32_740:
        line.read()
    line.bus.faults = FaultScript([wire.LateReply(9, cycles=range(0, 2)), Silent(9, cycles=range(2, 3))])
    for _ in range(4):
        assert line.read().restarted == ()


def test_what_no_servo_can_reach_in_a_cycle_is_refused_and_believed_once_it_can_be_true() -> None:
    line = Line()
    line.read()
    jump = 2048 + 1500
    line.clock.advance(PERIOD_S)
    line.bus.servo(9).sense(jump)
    line.link.ask()
    finish_reads((line.driver,))
    state = line.link.take()
    assert set(state.problems) == {9}
    assert "beyond what it can reach" in state.problems[9]
    assert line.link.counters.refused == 1
    for _ in range(5):
        line.clock.advance(PERIOD_S)
        line.link.ask()
        finish_reads((line.driver,))
        state = line.link.take()
    assert not state.problems
    assert state.position_ticks[IDS.index(9)] == jump


def test_after_forgetting_any_place_is_believed() -> None:
    line = Line()
    line.clock.advance(PERIOD_S)
    line.bus.servo(9).sense(200)
    line.link.forget()
    line.link.ask()
    finish_reads((line.driver,))
    state = line.link.take()
    assert not state.problems
    assert state.position_ticks[IDS.index(9)] == 200


def test_a_fast_read_with_a_silent_servo_is_followed_by_plain_ones_for_a_while() -> None:
    line = Line(fast=True)
    assert line.link.is_fast
    line.bus.faults = FaultScript([Silent(9, cycles=range(0, 1))])
    line.read()
    assert not line.link.is_fast
    for _ in range(60):
        assert not line.read().problems
    assert line.link.is_fast


def test_fast_reads_that_fail_again_and_again_are_given_up() -> None:
    line = Line(fast=True)
    for _ in range(3):
        line.bus.faults = FaultScript([Silent(9, cycles=range(0, 1))])
        for _ in range(60):
            line.read()
    assert not line.link.is_fast


def test_a_flipped_bit_does_not_end_fast_reads() -> None:
    line = Line(fast=True)
    line.bus.faults = FaultScript([wire.BitFlip(9, cycles=range(0, 1))], seed=3)
    assert 9 in line.read().problems
    assert line.link.is_fast


def test_servos_that_know_no_fast_read_are_read_plainly() -> None:
    line = Line()
    line.bus.fast_reads_from = None
    assert not line.link.probe_fast()
    assert not line.read().problems


def test_what_was_given_out_is_never_written_to_again() -> None:
    line = Line()
    line.bus.faults = FaultScript([Silent(9, cycles=range(1, 3)), wire.BitFlip(2, cycles=range(2, 6))])
    states = [line.read() for _ in range(3)]
    copies = [[np.copy(part) for part in state[:6]] for state in states]
    for _ in range(5):
        line.read()
    for state, copied in zip(states, copies, strict=True):
        for part, copy in zip(state[:6], copied, strict=True):
            np.testing.assert_array_equal(part, copy)
