"""The last guard before the wire."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from thirty_servos import COUNT, GRIPPER, thirty_servo_robot

from hardware.errors import ServoError
from hardware.goal_guard import GoalGuard

SPEC = thirty_servo_robot()
HOME = np.zeros(COUNT)


def guard() -> GoalGuard:
    own = GoalGuard(SPEC)
    own.begin(HOME, 10.0)
    return own


def test_a_goal_within_rate_and_lead_passes_bit_for_bit() -> None:
    wished = np.linspace(-0.05, 0.05, COUNT)
    admitted, is_changed = guard().admit(wished, HOME, 10.04)
    np.testing.assert_array_equal(admitted, wished)
    assert not is_changed.any()


def test_nothing_is_admitted_before_it_is_known_where_the_joints_stand() -> None:
    with pytest.raises(ServoError, match="connect first"):
        GoalGuard(SPEC).admit(HOME, HOME, 0.0)


@pytest.mark.parametrize("bad", [np.full(COUNT, np.nan), np.full(COUNT, np.inf), np.zeros(3)])
def test_what_is_no_goal_is_refused_and_forgotten(bad: np.ndarray) -> None:
    own = guard()
    with pytest.raises(ServoError, match="30 finite numbers"):
        own.admit(bad, HOME, 10.04)
    admitted, _ = own.admit(HOME, HOME, 10.08)
    np.testing.assert_array_equal(admitted, HOME)


def test_a_joint_that_does_not_follow_is_led_no_farther_than_the_table_says_but_one_that_grips_is() -> None:
    own = guard()
    for cycle in range(1, 40):
        admitted, is_changed = own.admit(np.full(COUNT, 1.9), HOME, 10.0 + 0.04 * cycle)
    held = np.arange(COUNT) != GRIPPER - 1
    np.testing.assert_allclose(admitted[held], SPEC.safety.max_lead_rad)
    assert is_changed[held].all()
    assert admitted[GRIPPER - 1] == pytest.approx(1.9)


def test_a_long_silence_does_not_allow_a_long_step() -> None:
    admitted, _ = guard().admit(np.full(COUNT, 2.0), np.full(COUNT, 0.3), 100.0)
    np.testing.assert_allclose(admitted, 1.5 * SPEC.max_rate * 0.2 + 0.02)


def test_a_short_period_behind_a_late_one_costs_nothing_that_the_table_allows() -> None:
    own, period_s = guard(), 1.0 / SPEC.control_hz
    for cycle, late_s in ((1, 0.0), (2, 0.75 * period_s), (3, 0.0), (4, 0.75 * period_s), (5, 0.0)):
        wished = SPEC.max_rate * period_s * cycle
        admitted, is_changed = own.admit(wished, wished, 10.0 + period_s * cycle + late_s)
        np.testing.assert_array_equal(admitted, wished)
        assert not is_changed.any()


def test_a_late_period_lends_the_next_one_no_more_than_one_period_that_was_not_used() -> None:
    period_s = 1.0 / SPEC.control_hz
    for late_s, used, lent in ((0.5 * period_s, 0.0, 0.5), (3.0 * period_s, 0.0, 1.0), (0.5 * period_s, 9.0, 0.0)):
        own = guard()
        late, _ = own.admit(SPEC.max_rate * period_s * used, HOME, 10.0 + period_s + late_s)
        admitted, _ = own.admit(late + 1.0, late, 10.0 + period_s + late_s)
        np.testing.assert_allclose(admitted - late, SPEC.max_rate * period_s * lent + 0.02)
        resting, _ = own.admit(admitted + 1.0, admitted, 10.0 + period_s + late_s)
        np.testing.assert_allclose(resting - admitted, 0.02)


def test_a_late_period_lends_a_period_on_time_nothing() -> None:
    own, period_s = guard(), 1.0 / SPEC.control_hz
    own.admit(HOME, HOME, 11.0)
    admitted, _ = own.admit(np.full(COUNT, 1.0), HOME, 11.0 + period_s)
    np.testing.assert_allclose(admitted, 1.5 * SPEC.max_rate * period_s + 0.02)


@given(st.integers(0, 2**32 - 1), st.lists(st.floats(-1, 5), max_size=8))
def test_whatever_is_wished_what_is_admitted_lies_within_the_limits(seed: int, passes_s: list[float]) -> None:
    own, now_s, rng = guard(), 10.0, np.random.default_rng(seed)
    for passed_s in passes_s:
        now_s += passed_s
        wished = rng.normal(0.0, 3.0, COUNT)
        admitted, is_changed = own.admit(wished, rng.normal(0.0, 3.0, COUNT), now_s)
        assert (admitted >= SPEC.lower).all()
        assert (admitted <= SPEC.upper).all()
        np.testing.assert_array_equal(is_changed, admitted != wished)
