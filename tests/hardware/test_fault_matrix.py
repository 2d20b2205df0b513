"""The fault matrix, rows 1 to 14 and 16: what is said on the wire. One test or more a row, named by it.

Rows are those of the project's fault matrix; `stop` and `continue` are what servos behind a silent one do.
"""

from __future__ import annotations

import numpy as np
import pytest
from thirty_servos import COUNT, GRIPPER, PERIOD_S, POSES_RAD, READ_WIRE_S, Rig, during, joint_of, stand

from hardware import control_table as table
from hardware.bus import DynamixelBus
from hardware.errors import ServoError
from hardware.sync_write import SyncWriter
from hardware.virtual import Chain
from hardware.virtual_faults import AllSilent, Silent
from hardware.virtual_servo import VirtualServo
from hardware.virtual_wire_faults import (
    BitFlip,
    Collided,
    CutReply,
    DuplicateId,
    Echo,
    ErrorWithoutData,
    Garbage,
    LostByte,
    OutOfOrder,
)

EVERYBODY = list(range(1, COUNT + 1))
both_chains = pytest.mark.parametrize("chain", ["stop", "continue"])
fast_and_plain = pytest.mark.parametrize("fast", [False, True], ids=["plain", "fast"])


@both_chains
@fast_and_plain
@pytest.mark.parametrize("silent", [1, 7, 29])
def test_row_01_a_servo_silent_for_one_cycle_coasts_and_nobody_waits_for_it(
    chain: Chain, fast: bool, silent: int
) -> None:
    rig = Rig(chain, fast)
    before = rig.period().state
    rig.break_with(Silent(silent, cycles=range(0, 1)))
    struck, after = rig.periods(2)
    # A merged answer ends at the servo that says nothing, whatever the chain does otherwise.
    hidden = [own for own in EVERYBODY if own > silent] if chain == "stop" or fast else []
    assert struck.missing_ids == [silent, *hidden]
    assert struck.read_s <= READ_WIRE_S + 0.005
    assert struck.stops == []
    assert sum(joint_of(silent) in note for note in struck.notes) == 1
    index = silent - 1
    assert struck.state.position_rad[index] == before.position_rad[index]
    assert struck.state.stamp_s[index] == before.stamp_s[index]
    fresh = [own - 1 for own in EVERYBODY if own not in struck.missing_ids]
    assert (struck.state.stamp_s[fresh] > before.stamp_s[fresh]).all()
    assert after.missing_ids == []
    assert after.faults == ()


@both_chains
def test_row_02_the_third_silent_cycle_stops_and_names_servo_and_time(chain: Chain) -> None:
    rig = Rig(chain)
    rig.break_with(Silent(7))
    first, second, third = rig.periods(3)
    assert first.stops == second.stops == []
    assert second.missing_ids == [7]
    (told,) = third.stops
    assert "joint_07 (id 7) gave no state for 120 ms" in told


@both_chains
def test_row_02_two_servos_silent_for_long_cost_the_others_two_cycles_at_most(chain: Chain) -> None:
    rig = Rig(chain)
    rig.break_with(Silent(7), Silent(12))
    periods = rig.periods(3)
    assert periods[-1].missing_ids == [7, 12]
    assert len(periods[-1].stops) == 2


@both_chains
def test_row_02_a_servo_that_stays_silent_is_asked_last_now_and_then_and_comes_back(chain: Chain) -> None:
    rig = Rig(chain)
    rig.break_with(Silent(7, cycles=range(0, 24)))
    periods = rig.periods(20)
    waited = [period.read_s > READ_WIRE_S + 0.001 for period in periods[3:12]]
    assert sum(waited) <= 3
    assert all(period.missing_ids == [7] for period in periods[1:12])
    assert periods[-1].missing_ids == []


@both_chains
def test_row_03_the_last_servo_silent_is_like_any_other(chain: Chain) -> None:
    rig = Rig(chain)
    rig.break_with(Silent(COUNT, cycles=range(0, 1)))
    struck, after = rig.periods(2)
    assert struck.missing_ids == [COUNT]
    assert struck.read_s <= READ_WIRE_S + 0.005
    assert after.missing_ids == []


@both_chains
def test_row_04_a_bus_without_power_is_noticed_within_one_deadline(chain: Chain) -> None:
    rig = Rig(chain)
    rig.break_with(AllSilent())
    struck = rig.period()
    assert struck.missing_ids == EVERYBODY
    assert struck.read_s <= READ_WIRE_S + 0.005
    assert any("nobody answers on bus arm" in told for told in struck.stops)


@both_chains
def test_row_05_a_bit_flip_costs_that_reply_alone(chain: Chain) -> None:
    rig = Rig(chain)
    for seed in range(10):
        rig.break_with(BitFlip(7, cycles=range(0, 1)), seed=seed)
        struck, after = rig.periods(2)
        assert struck.missing_ids == [7]
        assert struck.stops == []
        assert after.missing_ids == []


def test_row_05_damaged_replies_are_counted() -> None:
    rig = Rig()
    rig.break_with(BitFlip(7, cycles=range(0, 1)), seed=1)  # this seed hits the data
    rig.period()
    assert rig.chain.counters["arm"].damaged == 1


@both_chains
def test_row_06_a_lost_byte_costs_that_reply_alone(chain: Chain) -> None:
    rig = Rig(chain)
    for seed in range(10):
        rig.break_with(LostByte(7, cycles=range(0, 1)), seed=seed)
        struck, after = rig.periods(2)
        assert struck.missing_ids == [7]
        assert struck.read_s <= READ_WIRE_S + 0.005
        assert after.missing_ids == []


@both_chains
def test_row_07_the_replies_before_a_cut_are_kept(chain: Chain) -> None:
    rig = Rig(chain)
    rig.break_with(CutReply(20, cycles=range(0, 1)))
    struck, after, _ = rig.periods(3)
    assert struck.missing_ids == list(range(20, COUNT + 1))
    assert struck.stops == []
    assert after.missing_ids == []


@both_chains
def test_row_08_garbage_before_a_reply_costs_nothing(chain: Chain) -> None:
    rig = Rig(chain)
    for seed in range(10):
        rig.break_with(Garbage(7, cycles=range(0, 1), size=1 + 3 * seed), seed=seed)
        assert rig.period().missing_ids == []


@both_chains
def test_row_09_an_echo_costs_nothing_and_is_told_once(chain: Chain) -> None:
    rig = Rig(chain)
    rig.break_with(Echo())
    periods = rig.periods(10)
    assert all(period.missing_ids == [] and period.stops == [] for period in periods)
    told = [note for period in periods for note in period.notes]
    assert told == ["the adapter of bus arm echoes what it sends; that works, and takes time on the wire"]


@both_chains
@pytest.mark.parametrize("double", [7, COUNT])
def test_row_10_a_second_reply_to_one_id_is_told_once(chain: Chain, double: int) -> None:
    rig = Rig(chain)
    rig.break_with(DuplicateId(double))
    periods = rig.periods(10)
    assert all(period.missing_ids == [] and period.stops == [] for period in periods)
    (told,) = (note for period in periods for note in period.notes)
    assert f"{joint_of(double)}: a second servo answers to its id {double}" in told


def test_row_10_two_servos_with_one_id_are_refused_when_connecting() -> None:
    rig = Rig(connect=False)
    rig.bus.servos.append(VirtualServo(7, rig.servo(7).model))
    with pytest.raises(ServoError, match=r"several servos answer to id 7 \(joint_07\)"):
        rig.chain.connect()
    assert rig.robot.goals.is_limp.all()


@both_chains
def test_row_11_collided_replies_cost_that_servo_and_hint_at_a_second_one(chain: Chain) -> None:
    rig = Rig(chain)
    rig.break_with(Collided(7))
    periods = rig.periods(3)
    assert all(period.missing_ids == [7] for period in periods)
    assert "duplicate ID?" not in periods[0].state.missing["joint_07"]
    assert "duplicate ID?" in periods[2].state.missing["joint_07"]


def test_row_11_noise_that_strikes_one_servo_as_often_as_another_hints_at_nothing() -> None:
    rig = Rig()
    rig.break_with(BitFlip())
    whys = [why for period in rig.periods(20) for why in period.state.missing.values()]
    assert len(whys) > 10
    assert not any("duplicate" in why for why in whys)


@both_chains
def test_row_12_replies_out_of_order_are_taken_by_id(chain: Chain) -> None:
    rig = Rig(chain)
    stand(rig)
    rig.break_with(OutOfOrder())
    for seed in range(3):
        rig.break_with(OutOfOrder(), seed=seed)
        state = rig.chain.read()
        assert state.missing == {}
        np.testing.assert_allclose(state.position_rad, POSES_RAD, atol=0.001)
        rig.clock.advance(PERIOD_S)


@both_chains
@fast_and_plain
def test_row_13_a_stuffed_payload_gives_the_exact_value(chain: Chain, fast: bool) -> None:
    # On the wire: FF FF FD 00 of current and velocity, and of velocity and position.
    rig = Rig(chain, fast)
    rig.servo(7).sense(2048, velocity_ticks=0xFD, current_ticks=-1)
    rig.servo(8).sense(2048, velocity_ticks=-1, current_ticks=5)
    rig.servo(9).sense(0x0AFD, velocity_ticks=-1, current_ticks=-1)
    rig.clock.advance(10.5)
    state = rig.chain.read()
    assert state.missing == {}
    unit = table.VELOCITY_UNIT_RAD_S
    np.testing.assert_allclose(state.velocity_rad_s[6:9], [0xFD * unit, -unit, -unit])
    assert state.position_rad[8] == pytest.approx((0x0AFD - 2048) * 2 * np.pi / 4096)
    assert state.effort_nm[6] == state.effort_nm[8] < 0


def test_row_14_goals_that_need_stuffing_reach_their_servos_exactly() -> None:
    rig = Rig()
    writer = SyncWriter(table.GOAL_POSITION, [GRIPPER])  # in its mode, goals may lie turns away
    for value in (-131_073, 0x0AFDFF, 0xFD, -1):
        packet = writer.encode(np.array([value]))
        is_stuffed = (value & 0xFFFF_FFFF).to_bytes(4, "little").startswith(b"\xff\xff\xfd")
        assert len(packet) == 14 + 5 + is_stuffed
        rig.port.write(packet)
        assert rig.servo(GRIPPER).get(table.GOAL_POSITION) == value


@both_chains
def test_row_16_an_error_without_data_is_told_and_costs_that_servo_alone(chain: Chain) -> None:
    rig = Rig(chain)
    rig.break_with(ErrorWithoutData(7, cycles=range(0, 1)))
    struck, after = rig.periods(2)
    assert struck.missing_ids == [7]
    assert "answered without the data" in struck.state.missing["joint_07"]
    assert after.missing_ids == []


def test_row_16_a_read_that_a_servo_refuses_is_an_error_of_the_bus_that_names_it() -> None:
    rig = Rig()
    rig.break_with(ErrorWithoutData(7))
    with pytest.raises(ServoError, match="servo 7 refuses to read"):
        DynamixelBus(rig.port, "arm").read(7, table.PRESENT_POSITION)


def test_a_script_counts_two_cycles_a_period() -> None:
    rig = Rig()
    rig.break_with(Silent(7, cycles=during(1)))
    assert [period.missing_ids for period in rig.periods(3)] == [[], [7], []]
