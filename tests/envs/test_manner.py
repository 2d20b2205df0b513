"""How the experts differ from one demonstration to the next."""

from __future__ import annotations

import numpy as np

from envs.pilots.manner import Manner


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
