"""What is usual goes with how long a step took and with the one factor of the scene that explains much, no further."""

from __future__ import annotations

import numpy as np
import pytest

from envs.body import FloatArray
from envs.episodes.quality.metrics import METRICS, Metric
from envs.episodes.quality.usual import Usual, usual_of

GRIP = METRICS["grip_n"]
COUNT = 40


def references(
    factor_effect: float, seed: int = 0, factors: int = 12, metric: Metric = GRIP
) -> tuple[Usual, FloatArray, list[dict[str, float]]]:
    """Values of noise 0.3 about 5, and of one factor among many; what is usual, the values, the settings."""
    rng = np.random.default_rng(seed)
    places = rng.uniform(20.0, 40.0, (COUNT, factors))
    settings = [{f"factor_{number}": float(place) for number, place in enumerate(row)} for row in places]
    values = 5.0 + factor_effect * (places[:, 3] - 30.0) + rng.normal(0.0, 0.3, COUNT)
    return usual_of(values, rng.uniform(2.0, 4.0, COUNT), settings, metric), values, settings


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_factor_that_explains_much_is_found_and_taken_off_the_spread(seed: int) -> None:
    usual, values, _ = references(0.2, seed)
    assert usual.factor == "factor_3"
    assert usual.setting.slope == pytest.approx(0.2, abs=0.05)
    assert usual.spread < 0.6 < np.std(values)
    more = usual.expected(3.0, {"factor_3": 39.0}) - usual.expected(3.0, {"factor_3": 29.0})
    assert more == pytest.approx(2.0, abs=0.5)


@pytest.mark.parametrize("seed", range(5))
def test_where_no_factor_explains_anything_none_is_named(seed: int) -> None:
    usual, _, _ = references(0.0, seed)
    assert usual.factor == ""
    assert usual.expected(3.0, {"factor_3": 20.0}) == usual.expected(3.0, {})


def test_beyond_what_the_references_had_nothing_is_extrapolated() -> None:
    usual, _, settings = references(0.2)
    highest = max(setting["factor_3"] for setting in settings)
    assert usual.expected(3.0, {"factor_3": 1e6}) == usual.expected(3.0, {"factor_3": highest})


def test_an_episode_whose_scene_nobody_knows_is_compared_with_the_middle() -> None:
    usual, _, settings = references(0.2)
    middle = float(np.median([setting["factor_3"] for setting in settings]))
    assert usual.expected(3.0, {}) == pytest.approx(usual.expected(3.0, {"factor_3": middle}))


def test_factors_that_only_some_references_state_and_few_references_explain_nothing() -> None:
    rng = np.random.default_rng(0)
    places = rng.uniform(0.0, 1.0, COUNT)
    settings = [{"radius": float(place)} for place in places]
    values, durations_s = 5.0 + places, np.full(COUNT, 2.0)
    assert usual_of(values, durations_s, settings, GRIP).factor == "radius"
    assert usual_of(values, durations_s, [{}, *settings[1:]], GRIP).factor == ""
    assert usual_of(values[:20], durations_s[:20], settings[:20], GRIP).factor == ""


def test_a_factor_that_never_differed_is_no_explanation() -> None:
    values = np.random.default_rng(0).normal(5.0, 1.0, COUNT)
    assert usual_of(values, np.full(COUNT, 2.0), [{"radius": 1.0}] * COUNT, GRIP).factor == ""
