"""Measures of smoothness against their author's code, an independent package, and what can be calculated by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from monalysa.quality.smoothness import log_dimensionless_jerk as monalysa_ldlj
from monalysa.quality.smoothness import sparc as monalysa_sparc

from envs.episodes.quality.smoothness import log_dimensionless_jerk, sparc, submovements


def minimum_jerk_speed(duration_s, rate_hz, distance_m=0.3):
    share = np.arange(0, duration_s, 1 / rate_hz) / duration_s
    return distance_m / duration_s * 30 * share**2 * (1 - share) ** 2


def test_the_authors_own_example_comes_out_as_he_says():
    speed = np.exp(-5 * np.arange(-1, 1, 0.01) ** 2)
    assert sparc(speed, 100.0) == pytest.approx(-1.41403, abs=5e-6)
    assert log_dimensionless_jerk(speed, 100.0) == pytest.approx(-5.81636, abs=5e-6)


def test_the_jerk_of_a_minimum_jerk_reach_comes_to_what_calculus_gives():
    speed = minimum_jerk_speed(1.0, 20_000.0)
    assert log_dimensionless_jerk(speed, 20_000.0) == pytest.approx(-np.log(204.8), abs=2e-3)


@pytest.mark.parametrize("rate_hz", [20.0, 50.0, 100.0, 200.0])
def test_a_minimum_jerk_reach_has_the_spectral_arc_length_of_the_authors_code(rate_hz):
    speed = minimum_jerk_speed(1.0, rate_hz)
    assert sparc(speed, rate_hz) == pytest.approx(monalysa_sparc(speed, rate_hz)[0], abs=1e-12)


motions = st.tuples(
    st.integers(0, 2**32 - 1), st.integers(16, 400), st.sampled_from([20.0, 30.0, 100.0]), st.floats(0.0, 0.3)
)


def made_up_speed(motion):
    """Some sub-movements with noise."""
    seed, samples, _, noise = motion
    rng = np.random.default_rng(seed)
    time = np.linspace(0, 1, samples)
    bumps = sum(rng.uniform(0.2, 1) * np.exp(-(((time - rng.uniform()) / rng.uniform(0.03, 0.3)) ** 2)) for _ in "abc")
    return np.abs(bumps + noise * rng.normal(size=samples)) + 1e-6


@given(motions)
def test_spectral_arc_length_is_that_of_its_authors_package(motion):
    speed = made_up_speed(motion)
    assert sparc(speed, motion[2]) == pytest.approx(monalysa_sparc(speed, motion[2])[0], abs=1e-8)


@given(motions)
def test_dimensionless_jerk_is_that_of_its_authors_package(motion):
    speed = made_up_speed(motion)
    expected = monalysa_ldlj(speed, fs=motion[2], data_type="vel", rem_mean=False)
    assert log_dimensionless_jerk(speed, motion[2]) == pytest.approx(expected, abs=1e-8)


@pytest.mark.slow
def test_both_are_those_of_an_independent_package():
    from skdh.features.lib.smoothness import SPARC, DimensionlessJerk

    jerk = DimensionlessJerk(log=True, signal_type="velocity")
    for seed in range(4):
        speed = made_up_speed((seed, 200, 50.0, 0.05))
        assert sparc(speed, 50.0) == pytest.approx(float(np.squeeze(SPARC().compute(speed, 50.0))), abs=1e-8)
        assert log_dimensionless_jerk(speed, 50.0) == pytest.approx(float(np.squeeze(jerk.compute(speed))), abs=1e-8)


def test_the_jerk_of_a_vector_does_not_depend_on_how_the_axes_lie():
    rng = np.random.default_rng(0)
    velocity = np.cumsum(rng.normal(size=(120, 3)), axis=0)
    turned = velocity @ np.linalg.qr(rng.normal(size=(3, 3)))[0]
    assert log_dimensionless_jerk(turned, 100.0) == pytest.approx(log_dimensionless_jerk(velocity, 100.0))


def test_pauses_and_sub_movements_make_a_reach_less_smooth():
    one = minimum_jerk_speed(1.0, 100.0)
    two = np.concatenate([one, one])
    paused = np.concatenate([one, np.zeros(50), one])
    assert 0 > sparc(one, 100.0) > sparc(two, 100.0) > sparc(paused, 100.0)
    assert log_dimensionless_jerk(one, 100.0) > log_dimensionless_jerk(two, 100.0)
    assert [submovements(speed) for speed in (one, two, paused, np.zeros(9))] == [1, 2, 2, 0]


@pytest.mark.parametrize("speed", [np.zeros(50), np.ones(1)])
def test_what_does_not_move_has_no_smoothness(speed):
    assert np.isnan(log_dimensionless_jerk(speed, 100.0))
    assert np.isnan(sparc(np.zeros(50), 100.0))
