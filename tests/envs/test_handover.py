"""Command passes between policy and pilot only through a pause, and never with a jump."""

import numpy as np
import pytest
from small_robot import SMALL_ROBOT

from envs.errors import PilotError
from envs.pilots.handover import Handover, Phase

POLICY = np.array([0.5, 0.5, 0.5])
PILOT = np.array([-0.2, 0.9, 0.1])


def test_without_a_take_over_the_policy_is_followed_exactly() -> None:
    handover = Handover(SMALL_ROBOT)
    handover.reset(Phase.AUTONOMOUS, SMALL_ROBOT.home, blend=False)
    wish, commander = handover.command(SMALL_ROBOT.home, POLICY, None)
    assert np.array_equal(wish, POLICY)
    assert commander == "policy"


def test_a_take_over_begins_where_the_robot_is_and_ends_at_the_pilot() -> None:
    handover = Handover(SMALL_ROBOT)
    handover.reset(Phase.AUTONOMOUS, SMALL_ROBOT.home, blend=False)
    handover.enter(Phase.PAUSED, POLICY)
    held, commander = handover.command(POLICY, np.zeros(3), PILOT)
    assert np.array_equal(held, POLICY)
    assert commander == "nobody"
    handover.enter(Phase.CORRECTING, POLICY, PILOT)
    wishes = np.array([handover.command(POLICY, None, PILOT)[0] for _ in range(40)])
    steps = np.diff(np.vstack([POLICY, wishes]), axis=0)
    # A minimum-jerk blend never moves faster than 15/8 of its mean speed.
    assert (np.abs(steps) <= np.abs(PILOT - POLICY) * 15 / 8 / (1.5 * SMALL_ROBOT.control_hz) + 1e-9).all()
    assert np.array_equal(wishes[-1], PILOT)
    assert handover.command(POLICY, POLICY, PILOT)[1] == "pilot"


def test_a_wish_that_comes_back_is_blended_in_anew() -> None:
    handover = Handover(SMALL_ROBOT)
    handover.reset(Phase.CORRECTING, SMALL_ROBOT.home, blend=False)
    handover.command(SMALL_ROBOT.home, None, PILOT)
    held, commander = handover.command(PILOT, None, None)  # the clutch is let go
    assert np.array_equal(held, PILOT)
    assert commander == "nobody"
    moved, _ = handover.command(PILOT, None, PILOT + 0.5)
    assert (np.abs(moved - PILOT) < 0.01).all()


def test_phases_follow_each_other_only_through_a_pause() -> None:
    handover = Handover(SMALL_ROBOT)
    handover.reset(Phase.AUTONOMOUS, SMALL_ROBOT.home, blend=False)
    with pytest.raises(PilotError, match="correcting cannot follow autonomous; next may be paused"):
        handover.enter(Phase.CORRECTING, SMALL_ROBOT.home, PILOT)
    assert handover.phase is Phase.AUTONOMOUS


def test_a_device_far_away_or_absent_cannot_take_over() -> None:
    handover = Handover(SMALL_ROBOT)
    handover.reset(Phase.PAUSED, SMALL_ROBOT.home, blend=False)
    far = SMALL_ROBOT.home + np.array([0.0, -1.0, 0.3])
    with pytest.raises(PilotError, match=r"at elbow \(1\.00 rad\)"):
        handover.enter(Phase.CORRECTING, SMALL_ROBOT.home, far)
    with pytest.raises(PilotError, match="engage the device"):
        handover.enter(Phase.CORRECTING, SMALL_ROBOT.home)
    with pytest.raises(PilotError, match="elbow"):
        handover.enter(Phase.CORRECTING, SMALL_ROBOT.home, np.array([0.0, np.nan, 0.0]))
    assert handover.phase is Phase.PAUSED
