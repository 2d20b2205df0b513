"""Whole ticks, play and zero errors between a goal and where a servo pulls."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assets.reality_gap import Exemplar
from assets.table import load_robot
from envs.servo_drive import TICK_RAD, ServoDrive, zero_errors_rad

TUDI = load_robot()
PLAY_RAD = np.deg2rad(0.25)
GOALS = st.lists(st.floats(-0.5, 0.5), min_size=1, max_size=20)


def drive(**flaws: float) -> ServoDrive:
    made = ServoDrive(TUDI, Exemplar(**flaws))
    made.reset(np.zeros(len(TUDI.joints)))
    return made


def pull_rad(servos: ServoDrive, goal_rad: float) -> float:
    """Where the first joint is pulled."""
    return float(servos.obey(np.full(len(TUDI.joints), goal_rad))[0])


def test_a_servo_without_flaws_goes_to_the_nearest_tick() -> None:
    assert pull_rad(drive(), 100.4 * TICK_RAD) == pytest.approx(100 * TICK_RAD)


@given(GOALS)
def test_no_joint_is_farther_from_its_goal_than_half_the_play(goals_rad: list[float]) -> None:
    servos = drive(backlash_deg=0.25)
    for goal_rad in goals_rad:
        pulled_rad = pull_rad(servos, goal_rad)
        assert abs(pulled_rad - goal_rad) <= PLAY_RAD / 2 + TICK_RAD / 2 + 1e-12
        assert pull_rad(servos, goal_rad) == pulled_rad  # told twice, it stays


def test_a_joint_that_turns_back_waits_for_the_whole_play() -> None:
    servos = drive(backlash_deg=0.25)
    there_rad = pull_rad(servos, 0.3)
    for back_rad in np.arange(0.0, PLAY_RAD - TICK_RAD, TICK_RAD / 2):
        assert pull_rad(servos, 0.3 - back_rad) == there_rad
    assert pull_rad(servos, 0.3 - PLAY_RAD - 2 * TICK_RAD) < there_rad


@given(GOALS)
def test_an_encoder_reads_the_goal_that_its_servo_has_reached_whatever_the_joint_does(goals_rad: list[float]) -> None:
    servos = drive(backlash_deg=0.25, joint_zero_deg=0.5)
    for goal_rad in goals_rad:
        joint_rad = pull_rad(servos, goal_rad)
        assert joint_rad + servos.unseen_rad[0] == pytest.approx(goal_rad, abs=TICK_RAD / 2 + 1e-9)


@given(GOALS, GOALS)
def test_what_is_remembered_is_all_that_is_needed_to_go_on(before: list[float], after: list[float]) -> None:
    servos, other = drive(backlash_deg=0.25), drive(backlash_deg=0.25)
    for goal_rad in before:
        pull_rad(servos, goal_rad)
    other.restore(servos.memory())
    assert [pull_rad(other, goal_rad) for goal_rad in after] == [pull_rad(servos, goal_rad) for goal_rad in after]


def test_each_joint_has_its_own_error_of_zero_and_keeps_it() -> None:
    errors_rad = zero_errors_rad(TUDI, Exemplar(joint_zero_deg=0.5))
    np.testing.assert_array_equal(errors_rad, zero_errors_rad(TUDI, Exemplar(joint_zero_deg=0.5)))
    assert np.deg2rad(0.4) < np.abs(errors_rad).max() <= np.deg2rad(0.5)
    assert len(set(errors_rad.tolist())) == len(TUDI.joints)
    assert pull_rad(drive(joint_zero_deg=0.5), 0.0) == pytest.approx(-errors_rad[0])
