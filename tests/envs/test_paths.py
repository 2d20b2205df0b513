"""Paths are the least jerky ones, from rest and out of a motion."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from envs.pilots.paths import ReachPath, minimum_jerk

START, END = np.array([0.1, -0.2, 0.9]), np.array([0.4, 0.0, 1.1])
HALF_WAY = (START + END) / 2  # which makes the curve a straight line
velocities = st.tuples(*[st.floats(-0.5, 0.5)] * 3).map(np.array)


def quintic(duration_s: float, velocity: np.ndarray) -> np.ndarray:
    """Coefficients (6, 3) of the polynomial from START at `velocity` to rest at END, accelerations zero at both ends.

    Of all motions with these ends it has the least jerk (Flash and Hogan 1985).
    """
    powers = np.arange(6)
    rows = []
    for time_s in (0.0, duration_s):
        for order in range(3):
            factor = np.array([math.perm(power, order) for power in powers.tolist()], dtype=float)
            rows.append(factor * time_s ** np.maximum(powers - order, 0))
    rest = np.zeros(3)
    return np.linalg.solve(np.array(rows), np.array([START, velocity, rest, END, rest, rest]))


@given(velocities, st.floats(0.3, 2.0))
def test_out_of_a_motion_a_straight_path_is_the_quintic_of_least_jerk(velocity: np.ndarray, duration_s: float) -> None:
    path = ReachPath(START, HALF_WAY, duration_s, velocity=velocity)
    coefficients = quintic(duration_s, velocity)
    for time_s in np.linspace(0.0, duration_s, 9):
        np.testing.assert_allclose(path.at(time_s, END), time_s ** np.arange(6) @ coefficients, atol=1e-9)


def test_minimum_jerk_from_rest_has_the_dimensionless_jerk_that_is_known_of_it() -> None:
    time_s = np.linspace(0.0, 1.0, 20_001)
    speed = np.gradient([minimum_jerk(t) for t in time_s.tolist()], time_s)
    jerk = np.gradient(np.gradient(speed, time_s), time_s)
    dimensionless = np.sum(jerk[2:-2] ** 2) * (time_s[1] - time_s[0]) / speed.max() ** 2
    assert dimensionless == pytest.approx(204.8, rel=2e-3)


def test_rounding_never_takes_a_motion_beyond_its_end() -> None:
    fraction = 1.0
    for _ in range(2_000):
        fraction = math.nextafter(fraction, 0.0)
        assert minimum_jerk(fraction) <= 1.0


def test_the_end_holds_after_the_time_is_over_wherever_it_has_moved() -> None:
    path = ReachPath(START, HALF_WAY + 0.1, 0.5, np.full(3, 0.02), np.full(3, 0.3))
    for end in (END, END + 0.05):
        np.testing.assert_allclose(path.at(0.5, end), end, atol=1e-12)
        np.testing.assert_allclose(path.at(3.0, end), end, atol=1e-12)
