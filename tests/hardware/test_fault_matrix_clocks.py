"""The fault matrix, rows 23 and 24: answers that are late, and servos that repeat themselves."""

from __future__ import annotations

import numpy as np
import pytest
from thirty_servos import COUNT, PERIOD_S, Rig, joint_of, stand

from hardware.virtual import Chain
from hardware.virtual_faults import Silent
from hardware.virtual_servo_faults import Frozen
from hardware.virtual_wire_faults import LateReply

both_chains = pytest.mark.parametrize("chain", ["stop", "continue"])
fast_and_plain = pytest.mark.parametrize("fast", [False, True], ids=["plain", "fast"])


@both_chains
def test_row_23_a_late_reply_is_not_taken_for_a_new_one(chain: Chain) -> None:
    rig = Rig(chain)
    stand(rig)
    rig.chain.read()
    rig.clock.advance(PERIOD_S)
    rig.break_with(LateReply(7, cycles=range(0, 1)))
    struck = rig.chain.read()
    assert list(struck.missing) == ["joint_07"]
    rig.clock.advance(PERIOD_S)
    rig.servo(7).sense(2048 + 200)
    # The late one comes first. Its servo is asked last by now, and before it answers, everybody seems to have answered.
    assert "older than the question" in rig.chain.read().missing["joint_07"]
    rig.clock.advance(PERIOD_S)
    after = rig.chain.read()
    assert after.missing == {}
    assert after.position_rad[6] == pytest.approx(200 * 2 * np.pi / 4096)


@both_chains
def test_row_23_where_only_the_late_reply_comes_its_servo_coasts(chain: Chain) -> None:
    rig = Rig(chain)
    stand(rig)
    before = rig.chain.read()
    rig.clock.advance(PERIOD_S)
    rig.servo(COUNT).sense(2048 + 200)
    rig.break_with(LateReply(COUNT, cycles=range(0, 1)), Silent(COUNT, cycles=range(1, 2)))
    rig.chain.read()
    rig.clock.advance(PERIOD_S)
    after = rig.chain.read()
    assert list(after.missing) == [joint_of(COUNT)]
    assert "older than the question" in after.missing[joint_of(COUNT)]
    assert after.position_rad[COUNT - 1] == before.position_rad[COUNT - 1]


@both_chains
@fast_and_plain
def test_row_24_a_servo_that_repeats_itself_is_stale_and_stops(chain: Chain, fast: bool) -> None:
    rig = Rig(chain, fast)
    rig.break_with(Frozen(7))
    rig.period()  # what it says last is new
    periods = rig.periods(26)
    assert all(period.missing_ids == [7] for period in periods)
    assert periods[0].stops == []
    assert "joint_07" in periods[2].stops[0]
    assert "frozen" in periods[-1].state.missing["joint_07"]


@both_chains
@fast_and_plain
def test_row_24_a_servo_that_repeats_itself_is_found_where_questions_follow_each_other_closely(
    chain: Chain, fast: bool
) -> None:
    rig = Rig(chain, fast)
    assert [missing for missing in quick_reads(rig, 60) if missing] == []
    rig.break_with(Frozen(7))
    missing = quick_reads(rig, 60)
    found = missing.index(["joint_07"])
    assert found <= 51
    assert missing[found:] == [["joint_07"]] * (60 - found)
    rig.bus.faults = None
    rig.servo(7).thaw()
    assert quick_reads(rig, 60)[1:] == [[]] * 59


def quick_reads(rig: Rig, count: int) -> list[list[str]]:
    """Which joints are missing, 10 ms apart: the pauses on the wire are shorter than a clock's slack."""
    missing = []
    for _ in range(count):
        begun_s = rig.clock.now_s
        missing.append(list(rig.chain.read().missing))
        rig.clock.advance_to(begun_s + 0.01)
    return missing
