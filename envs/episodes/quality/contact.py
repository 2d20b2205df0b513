"""How hard and how stiffly a hand holds."""

from __future__ import annotations

import numpy as np
from scipy.signal import find_peaks

from envs.body import FloatArray

TOUCHING_N = 1.0  # of a whole hand: less is noise of its taxels
_FEWEST_TICKS = 5
_RIDGE = 1e-3


def usual_force(force_n: FloatArray) -> float:
    """Median force while something is held, N; NaN where nothing is. `force_n` is (ticks,)."""
    held = force_n[force_n > TOUCHING_N]
    return float(np.median(held)) if len(held) >= _FEWEST_TICKS else float("nan")


def peak_force(force_n: FloatArray) -> float:
    """Largest force, N; NaN where nothing is held."""
    highest = float(force_n.max(initial=0.0))
    return highest if highest > TOUCHING_N else float("nan")


def force_rate(stamp_s: FloatArray, force_n: FloatArray) -> float:
    """Fastest rise of the force, N/s, between one reading and the next; NaN where nothing is held."""
    if not (force_n > TOUCHING_N).any() or len(force_n) < 2:
        return float("nan")
    took_s = np.diff(stamp_s)
    rising = np.diff(force_n)[took_s > 0.0] / took_s[took_s > 0.0]
    return float(rising.max(initial=0.0))


def force_peaks(force_n: FloatArray) -> int:
    """How often the force rises and falls by a fifth of its peak: 1 for a calm hold."""
    highest = float(force_n.max(initial=0.0))
    if highest <= TOUCHING_N:
        return 0
    return len(find_peaks(np.concatenate([[0.0], force_n, [0.0]]), prominence=0.2 * highest)[0])


def contact_stiffness(stamp_s: FloatArray, force_n: FloatArray, wished_rad: FloatArray) -> float:
    """N a radian: how the force answers to the fingers being sent beyond where they are, F = K d + D d' + F0.

    Fitted by ridge regression over the steps in contact. A stiff grip has the same force at little give; a servo that
    is sent far beyond the surface is squeezing.

    Args:
        stamp_s, force_n: (ticks,).
        wished_rad: how far the fingers are sent beyond where they are, summed, (ticks,).

    Returns:
        NaN where there is too little contact, or the fingers are not moved in it.
    """
    held = force_n > TOUCHING_N
    if held.sum() < 2 * _FEWEST_TICKS or np.ptp(wished_rad[held]) < 1e-3:
        return float("nan")
    rate = np.gradient(wished_rad, stamp_s) if (np.diff(stamp_s) > 0.0).all() else np.zeros_like(wished_rad)
    regressors = np.column_stack([wished_rad[held], rate[held]])
    regressors = regressors - regressors.mean(axis=0)
    answer = force_n[held] - force_n[held].mean()
    size = regressors.std(axis=0)
    scaled = regressors / np.where(size > 0.0, size, 1.0)
    slopes = np.linalg.solve(scaled.T @ scaled + _RIDGE * len(answer) * np.eye(2), scaled.T @ answer)
    return abs(float(slopes[0] / size[0]))
