"""How far one hand is behind the other, where both work."""

from __future__ import annotations

import numpy as np

from envs.body import FloatArray

LONGEST_S = 0.5
_FEWEST_S = 1.0


def hand_lag(left_speed: FloatArray, right_speed: FloatArray, rate_hz: float) -> float:
    """Seconds by which the right hand is behind the left, negative where it leads: where their speeds fit best.

    By cross-correlation within half a second.

    Args:
        left_speed, right_speed: (samples,).
        rate_hz: samples a second.

    Returns:
        NaN for less than a second of motion, or where a hand does not move.
    """
    count, longest = len(left_speed), round(LONGEST_S * rate_hz)
    if count < _FEWEST_S * rate_hz or not (np.ptp(left_speed) and np.ptp(right_speed)):
        return float("nan")
    left, right = left_speed - left_speed.mean(), right_speed - right_speed.mean()
    products = np.correlate(right, left, mode="full")[count - 1 - longest : count + longest]
    return float((np.argmax(products) - longest) / rate_hz)
