"""The band keeps its promise on successes, and failures leave it."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice

import numpy as np
import planted
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom

from envs.scenario import Pool
from policies.cases.detection import assess_detection
from policies.cases.doubt import (
    DoubtBand,
    DoubtMonitor,
    conformal_quantile,
    running_mean,
    smallest_calibration,
)
from policies.cases.rollout import Decisions, Rollout
from policies.errors import EvidenceError

_SCENARIOS = list(islice(planted.SPACE.draw(Pool.CALIBRATE, np.random.default_rng(0)), 200))


def _episodes(n: int, rng: np.random.Generator, *, success: bool = True, rise: float = 0.0) -> list[Rollout]:
    """Episodes of uneven length whose doubt is noise about a common course, rising in the second half if asked."""
    found = []
    for scenario in _SCENARIOS[:n]:
        length = int(rng.integers(12, 25)) if success else 30
        course = 1.0 + 0.3 * np.sin(np.arange(length) / 4.0)
        doubt = course + rng.gamma(2.0, 0.2) + rng.normal(0.0, 0.1, length)
        doubt[length // 2 :] += rise
        steps = np.arange(length) * 5
        decisions = Decisions.of(steps, doubt, np.zeros(length))
        signature = "" if success else "grasp"
        found.append(
            Rollout(scenario, Pool.CALIBRATE, success, signature, scenario.key, 0, int(steps[-1]) + 5, decisions)
        )
    return found


@pytest.mark.parametrize("alpha", [0.1, 0.2])
def test_false_alarms_stay_within_the_binomial_band_of_alpha(alpha: float) -> None:
    rng = np.random.default_rng(1)
    alarms = 0
    trials = 300
    for _ in range(trials):  # each with its own calibration: the promise is marginal over it
        band = DoubtBand.calibrate(_episodes(24, rng), rng, alpha=alpha)
        alarms += band.alarm(_episodes(1, rng)[0].decisions) is not None
    assert alarms <= binom.ppf(0.999, trials, alpha)
    assert alarms >= binom.ppf(0.001, trials, alpha / 2)  # and the band is not merely wide


def test_failures_that_grow_doubtful_are_detected_with_lead() -> None:
    rng = np.random.default_rng(2)
    band = DoubtBand.calibrate(_episodes(40, rng), rng)
    found = assess_detection(band, _episodes(60, rng) + _episodes(40, rng, success=False, rise=4.0), control_hz=25.0)
    assert found.detections.value > 0.9
    assert found.false_alarms.value < 0.3
    assert found.median_lead_s is not None
    assert 0.0 < found.median_lead_s < 3.1
    assert found.auroc_at["0.25"] == pytest.approx(0.5, abs=0.15)  # before the rise nothing can be known
    assert found.to_dict()["false_alarms"]["n"] == 60


def test_too_few_successes_are_refused_with_what_is_needed() -> None:
    rng = np.random.default_rng(3)
    with pytest.raises(EvidenceError, match=r"11 successes in 14 calibration rollouts.*needs 12"):
        DoubtBand.calibrate(_episodes(11, rng) + _episodes(3, rng, success=False), rng)
    assert DoubtBand.calibrate(_episodes(12, rng), rng).n_height == 9


@given(st.integers(1, 99))
def test_the_smallest_calibration_is_the_smallest_that_has_a_quantile(percent: int) -> None:
    alpha = percent / 100
    fewest = max(smallest_calibration(alpha), 1)
    conformal_quantile(np.arange(fewest, dtype=float), alpha)
    if smallest_calibration(alpha) > 1:
        with pytest.raises(EvidenceError, match="at least"):
            conformal_quantile(np.arange(fewest - 1, dtype=float), alpha)


def test_the_quantile_carries_the_correction_for_a_finite_sample() -> None:
    assert conformal_quantile(np.arange(1.0, 21.0), 0.1) == 19.0  # ceil(21 * 0.9) = 19, where np.quantile gives 18.1
    assert conformal_quantile(np.arange(1.0, 10.0), 0.1) == 9.0


@given(st.lists(st.floats(-1e3, 1e3), min_size=1, max_size=40), st.one_of(st.none(), st.integers(1, 10)))
def test_the_running_mean_is_the_mean_of_its_window(values: list[float], window: int | None) -> None:
    signal = np.array(values)
    means = [signal[max(0, i + 1 - (window or i + 1)) : i + 1].mean() for i in range(signal.size)]
    np.testing.assert_allclose(running_mean(signal, window), means, atol=1e-9)


@pytest.mark.parametrize("window", [None, 4])
def test_the_monitor_alarms_when_the_finished_episode_says_it_did(window: int | None) -> None:
    rng = np.random.default_rng(4)
    band = DoubtBand.calibrate(_episodes(30, rng), rng, window=window)
    monitor = DoubtMonitor(band)
    for episode in _episodes(10, rng, success=False, rise=3.0):
        monitor.reset()
        alarms = [monitor.observe(value) for value in episode.decisions.doubt]
        first = int(episode.decisions.step[alarms.index(True)]) if any(alarms) else None
        assert first == band.alarm(episode.decisions)


def test_a_band_survives_json() -> None:
    rng = np.random.default_rng(5)
    band = DoubtBand.calibrate(_episodes(20, rng), rng)
    again = DoubtBand.from_dict(band.to_dict())
    np.testing.assert_array_equal(again.threshold(40), band.threshold(40))


def test_a_rollout_survives_json() -> None:
    episode = _episodes(1, np.random.default_rng(6))[0]
    again = Rollout.from_dict(episode.to_dict())
    assert again.to_dict() == episode.to_dict()
    with pytest.raises(ValueError, match="give one value each"):
        Decisions.of([0, 5], [0.1], [0.1, 0.2])


def test_a_band_is_for_rollouts_that_begin_as_those_that_it_was_learnt_from() -> None:
    rng = np.random.default_rng(3)
    whole = _episodes(30, rng)
    begun = [replace(rollout, first_step=40) for rollout in whole]
    assert not DoubtBand.calibrate(whole, np.random.default_rng(0)).begins_midway
    band = DoubtBand.calibrate(begun, np.random.default_rng(0))
    assert DoubtBand.from_dict(band.to_dict()).begins_midway
    with pytest.raises(EvidenceError, match="a band is for one of both"):
        DoubtBand.calibrate([*whole, *begun], np.random.default_rng(0))
