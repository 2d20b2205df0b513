"""The benchmark of the exoskeleton's filter meets its goals, and its measure is right on what can be written down."""

from __future__ import annotations

import numpy as np
import pytest

from experiments.bench.exo import Exo, measure, per_call_average


def test_the_filter_keeps_the_motion_and_its_time_and_calms_a_resting_hand() -> None:
    rows = measure(Exo(quick=True, seeds=2))
    with_goal = [row for row in rows if row.goal is not None]
    assert len(with_goal) == 6
    assert [row.name for row in with_goal if not row.holds] == []


def test_the_peer_lags_as_its_formula_says() -> None:
    # An exponential average with factor b = 1 - alpha: H(w) = alpha / (1 - b exp(-i w)).
    phase = 2 * np.pi * 0.5 / 30 * np.arange(3000)
    followed = per_call_average(np.sin(phase), 50)[1500:]
    alpha, step = 2 / 51, 2 * np.pi * 0.5 / 30
    response = alpha / (1 - (1 - alpha) * np.exp(-1j * step))
    expected = abs(response) * np.sin(phase[1500:] + np.angle(response))
    np.testing.assert_allclose(followed, expected, atol=1e-6)
    assert abs(response) == pytest.approx(0.36, abs=0.01)
    assert -np.angle(response) / np.pi == pytest.approx(0.37, abs=0.01)  # seconds at 0.5 Hz
