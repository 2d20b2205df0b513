"""White noise, and filters that keep its power."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.signal import lfilter

FloatArray = NDArray[np.float64]

_LONG_ENOUGH = 16_384  # samples after which every filter here has fallen silent


def white(rng: np.random.Generator, samples: int) -> FloatArray:  # (samples,)
    """White noise of mean 0 and power 1, evenly spread: a third of the time of a normal one, and nobody hears it."""
    return np.asarray((rng.random(samples) - 0.5) * np.sqrt(12.0))


def unit_gain(numerator: FloatArray, denominator: FloatArray) -> tuple[FloatArray, FloatArray]:
    """The filter, scaled so that white noise of power 1 leaves it with power 1."""
    impulse = np.zeros(_LONG_ENOUGH)
    impulse[0] = 1.0
    response = lfilter(numerator, denominator, impulse)
    return numerator / np.sqrt(np.sum(np.square(response))), denominator
