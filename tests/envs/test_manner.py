"""How the experts differ from one demonstration to the next."""

from __future__ import annotations

import numpy as np
import pytest

from envs.errors import PilotError
from envs.pilots.manner import Manner
from envs.pilots.scripted import ScriptedPilot
from envs.registry import make_env
from envs.tasks.known import load_task
from tests.envs.flights import middle_of


def test_without_chance_the_way_is_straight_the_pace_usual_and_the_eye_right() -> None:
    plain = Manner.drawn(None, 0.02, (0.5, 0.6), 0.1)
    assert (plain.detour_m.tolist(), plain.pace, plain.size_guess) == ([0.0, 0.0, 0.0], 1.0, 1.0)


def test_manners_spread_as_they_are_asked_to_and_repeat_under_a_seed() -> None:
    rng = np.random.default_rng(0)
    drawn = [Manner.drawn(rng, 0.02, (0.9, 1.2), 0.1) for _ in range(2000)]
    assert abs(np.std([manner.detour_m for manner in drawn]) - 0.02) < 0.001
    paces, guesses = np.array([manner.pace for manner in drawn]), np.array([manner.size_guess for manner in drawn])
    assert 0.9 <= paces.min() < 0.91
    assert 1.19 < paces.max() <= 1.2
    assert 0.8 <= guesses.min() < guesses.max() <= 1.2
    again = Manner.drawn(np.random.default_rng(0), 0.02, (0.9, 1.2), 0.1)
    np.testing.assert_array_equal(again.detour_m, drawn[0].detour_m)
    assert (again.pace, again.size_guess) == (drawn[0].pace, drawn[0].size_guess)


def flown_peak_n(hold: float) -> float:
    """The greatest sum of a hand's touch over a flight of pick_fruit."""
    env = make_env("pick_fruit", images=False)
    scenario = middle_of(load_task("pick_fruit").space)
    pilot = ScriptedPilot(env, hold)
    observation, info = env.reset(seed=0, options={"scenario": scenario})
    pilot.reset(scenario, np.random.default_rng(0))
    peak_n, is_over = 0.0, False
    while not is_over:
        target = pilot.command(observation, info)
        assert target is not None
        observation, _, terminated, truncated, info = env.step(target.position_rad)
        peak_n = max(peak_n, float(info["state"].touch_n.sum()))
        is_over = terminated or truncated
    assert info["judgement"].success
    env.close()
    return peak_n


def test_an_expert_that_holds_by_force_holds_harder_where_it_shall() -> None:
    assert flown_peak_n(1.4) > 1.2 * flown_peak_n(1.0)


def test_the_expert_of_the_towel_says_that_it_does_not_hold_by_force() -> None:
    env = make_env("fold_towel", images=False)
    env.reset(seed=0)
    with pytest.raises(PilotError, match="does not hold by force"):
        ScriptedPilot(env, 1.4).reset(middle_of(load_task("fold_towel").space), np.random.default_rng(0))
    env.close()
