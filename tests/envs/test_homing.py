"""The way home by its limits."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_robot import SMALL_ROBOT

from envs.errors import BodyError
from envs.homing import LIMIT_SHARE, refuse_elsewhere, way_home

shares = st.lists(st.floats(0.0, 1.0), min_size=3, max_size=3)


@settings(deadline=None)
@given(shares)
def test_the_way_home_ends_at_home_within_half_of_every_limit(share: list[float]) -> None:
    start_rad = SMALL_ROBOT.lower + np.array(share) * (SMALL_ROBOT.upper - SMALL_ROBOT.lower)
    way = np.array([start_rad, *way_home(SMALL_ROBOT, start_rad)])
    np.testing.assert_allclose(way[-1], SMALL_ROBOT.home, atol=1e-12)
    rate = np.diff(way, axis=0) * SMALL_ROBOT.control_hz
    assert (np.abs(rate) <= LIMIT_SHARE * SMALL_ROBOT.max_rate + 1e-9).all()
    at_rest = np.zeros((1, 3))
    acceleration = np.diff(np.concatenate([at_rest, rate, at_rest]), axis=0) * SMALL_ROBOT.control_hz
    assert (np.abs(acceleration) <= LIMIT_SHARE * SMALL_ROBOT.max_acceleration + 1e-9).all()


def test_the_joints_that_are_elsewhere_are_named() -> None:
    refuse_elsewhere(SMALL_ROBOT, SMALL_ROBOT.home + 0.05)
    with pytest.raises(BodyError, match=r"shoulder \(-0\.50 rad\); allowed"):
        refuse_elsewhere(SMALL_ROBOT, SMALL_ROBOT.home - np.array([0.5, 0.0, 0.0]))
