"""Coffee in a cup: held against what textbooks say of pendulums and level surfaces."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from envs.tasks.slosh import DAMPING_RATIO, Slosh

DT_S = 0.004
UPRIGHT = np.eye(3).ravel().tolist()
RADIUS_M, DEPTH_M = 0.026, 0.06


def advanced(velocity_m_s: np.ndarray) -> list[tuple[float, float]]:
    """The slope after each step of a cup that moves so; `velocity_m_s` is (steps, 2)."""
    slosh, slopes = Slosh(DT_S), []
    for each in velocity_m_s:
        slosh.advance((each[0], each[1]), RADIUS_M, DEPTH_M)
        slopes.append(slosh.slope_in(UPRIGHT))
    return slopes


@given(lean_rad=st.floats(-1.4, 1.4), turn_rad=st.floats(-np.pi, np.pi))
def test_a_level_surface_is_as_steep_in_a_cup_as_the_cup_leans(lean_rad: float, turn_rad: float) -> None:
    c, s = np.cos(lean_rad), np.sin(lean_rad)
    lean = np.array([[c, 0.0, s], [0.0, 1.0, 0.0], [-s, 0.0, c]])
    c, s = np.cos(turn_rad), np.sin(turn_rad)
    turn = np.array([[c, -s, 0.0], [s, c, 0.0], [0.0, 0.0, 1.0]])
    slope = Slosh(DT_S).slope_in((turn @ lean).ravel().tolist())
    assert np.hypot(*slope) == pytest.approx(abs(np.tan(lean_rad)), abs=1e-9)


def test_a_cup_on_its_side_holds_nothing() -> None:
    upside_down = np.diag([1.0, -1.0, -1.0]).ravel().tolist()
    assert np.isinf(Slosh(DT_S).slope_in(upside_down)).all()


@settings(max_examples=15, deadline=None)
@given(acceleration_m_s2=st.floats(-2.0, 2.0))
def test_under_steady_acceleration_the_surface_stands_across_what_it_feels(acceleration_m_s2: float) -> None:
    velocity = acceleration_m_s2 * DT_S * np.arange(800)[:, None] * [1.0, 0.0]
    slope_x, slope_y = advanced(velocity)[-1]
    assert slope_x == pytest.approx(-acceleration_m_s2 / 9.81, abs=1e-3)
    assert slope_y == 0.0


def test_after_a_jerk_the_surface_swings_at_the_first_mode_of_a_cylinder_and_comes_to_rest() -> None:
    velocity = np.zeros((500, 2))
    velocity[1:, 1] = 0.1
    slope = np.array(advanced(velocity))[:, 1]
    crossings = np.flatnonzero(np.diff(np.sign(slope[2:])))
    half_period_s = DT_S * np.diff(crossings[:8]).mean()
    k = 1.8412 / RADIUS_M  # Lamb, Hydrodynamics, 1932, art. 191
    expected = np.sqrt(9.81 * k * np.tanh(k * DEPTH_M)) * np.sqrt(1.0 - DAMPING_RATIO**2)
    assert np.pi / half_period_s == pytest.approx(expected, rel=0.03)
    assert np.abs(slope).max() > 0.15
    assert np.abs(slope[-25:]).max() < 0.05 * np.abs(slope).max()


def test_an_empty_cup_has_no_surface_to_swing() -> None:
    slosh = Slosh(DT_S)
    for speed in (0.0, 3.0, -3.0):
        slosh.advance((speed, 0.0), RADIUS_M, 0.0)
    assert slosh.slope_in(UPRIGHT) == (0.0, 0.0)


def test_what_is_remembered_is_all_that_matters() -> None:
    rng = np.random.default_rng(2)
    slosh, other = Slosh(DT_S), Slosh(DT_S)
    velocity = np.cumsum(rng.normal(0.0, 0.01, (60, 2)), axis=0)
    for each in velocity[:30]:
        slosh.advance((each[0], each[1]), RADIUS_M, DEPTH_M)
    other.restore(slosh.memory())
    for each in velocity[30:]:
        slosh.advance((each[0], each[1]), RADIUS_M, DEPTH_M)
        other.advance((each[0], each[1]), RADIUS_M, DEPTH_M)
        assert slosh.slope_in(UPRIGHT) == other.slope_in(UPRIGHT)
