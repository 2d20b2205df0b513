"""How much a hand trembles: what of its way swings between 3 and 12 Hz, where no purposeful motion does."""

from __future__ import annotations

import numpy as np
from scipy.signal import periodogram

from envs.body import FloatArray
from envs.episodes.quality.resampling import RATE_HZ, band_passed

BAND_HZ = (3.0, 12.0)
SHORTEST_S = 1.0
_LINE_HZ = 0.8  # how wide a tremor's line is taken to be
_ASIDE_HZ = 1.6  # where its background is looked up, on both sides
_WINDOW_S = 0.35


def tremor_power(path: FloatArray) -> float:
    """Mean square of the strongest rhythm in the band, in the square of the path's unit.

    A quick reach reaches far into this band too, but its spectrum falls evenly; a tremor stands out as a line. So what
    is measured is the power within 0.8 Hz, less the geometric mean of that 1.6 Hz below and above, all within the band.
    It is looked up in the acceleration, whose spectrum is flatter.

    Args:
        path: on the even grid, not low-passed, (samples, axes).

    Returns:
        0 where no line stands out; NaN for less than a second.
    """
    if len(path) < SHORTEST_S * RATE_HZ:
        return float("nan")
    acceleration = np.gradient(np.gradient(path, 1.0 / RATE_HZ, axis=0), 1.0 / RATE_HZ, axis=0)
    frequency, density = periodogram(acceleration, fs=RATE_HZ, window="hann", axis=0)
    step_hz = float(frequency[1])
    inside = (frequency >= BAND_HZ[0]) & (frequency <= BAND_HZ[1])
    frequency, power = frequency[inside], density[inside].sum(axis=1) / (2 * np.pi * frequency[inside]) ** 4
    width, aside = max(round(_LINE_HZ / step_hz), 1), max(round(_ASIDE_HZ / step_hz), 1)
    line = np.convolve(power, np.ones(width), mode="same") * step_hz  # unit^2 within the line
    if len(line) <= 2 * aside:
        return float("nan")
    above = line[aside:-aside] - np.sqrt(line[: -2 * aside] * line[2 * aside :])
    return float(max(above.max(), 0.0))


def trembling(path: FloatArray) -> FloatArray:  # (samples,)
    """Where a hand trembles: running root mean square of all that lies in the band, over a third of a second.

    Args:
        path: on the even grid, not low-passed, (samples, axes).
    """
    if not len(path):
        return np.zeros(0)
    power = (band_passed(path, *BAND_HZ) ** 2).sum(axis=1)
    width = min(int(_WINDOW_S * RATE_HZ), len(power))
    total = np.convolve(power, np.ones(width), mode="same")
    counted = np.convolve(np.ones(len(power)), np.ones(width), mode="same")
    return np.sqrt(total / counted)
