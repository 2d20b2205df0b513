"""Motion on one even grid: smoothness depends on rate and noise, so all recordings are brought to the same."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy.interpolate import CubicSpline
from scipy.signal import butter, sosfiltfilt

from envs.body import FloatArray

RATE_HZ = 100.0
CUTOFF_HZ = 10.0
_ORDER = 4
FEWEST_TICKS = 8  # less cannot be differentiated three times


@dataclass(frozen=True)
class EvenMotion:
    """A way through space at `RATE_HZ`, low-passed without delay, and its velocity."""

    start_s: float  # stamp of the first sample
    path: FloatArray  # (samples, axes)
    velocity: FloatArray  # (samples, axes) a second

    @property
    def speed(self) -> FloatArray:  # (samples,)
        return np.asarray(np.linalg.norm(self.velocity, axis=1))

    @property
    def length(self) -> float:
        """Way made, in the unit of the path."""
        return float(self.speed.sum() / RATE_HZ)

    def between(self, start_s: float, end_s: float) -> EvenMotion:
        """The part from one stamp to another."""
        first = max(round((start_s - self.start_s) * RATE_HZ), 0)
        last = max(round((end_s - self.start_s) * RATE_HZ), first)
        return EvenMotion(self.start_s + first / RATE_HZ, self.path[first:last], self.velocity[first:last])


def even(stamp_s: FloatArray, values: FloatArray, *, cutoff_hz: float | None = CUTOFF_HZ) -> tuple[float, FloatArray]:
    """Values at uneven stamps, (ticks, axes), on the even grid: by a cubic spline, then a Butterworth filter both ways.

    A reading whose stamp is not later than that of the one before is left out: it is the same reading again.

    Returns:
        The stamp of the first sample, and (samples, axes); no samples where there are fewer than 8 readings.
    """
    newest = np.maximum.accumulate(np.concatenate([[-np.inf], stamp_s[:-1]])) if len(stamp_s) else stamp_s
    is_new = stamp_s > newest
    stamps, kept = stamp_s[is_new], values[is_new]
    if len(stamps) < FEWEST_TICKS:
        return (float(stamps[0]) if len(stamps) else 0.0), np.zeros((0, values.shape[1]))
    count = int((stamps[-1] - stamps[0]) * RATE_HZ + 1e-6) + 1
    grid = stamps[0] + np.arange(count) / RATE_HZ
    samples = CubicSpline(stamps, kept)(grid)
    return float(stamps[0]), np.asarray(samples if cutoff_hz is None else low_passed(samples, cutoff_hz))


def low_passed(samples: FloatArray, cutoff_hz: float) -> FloatArray:
    """Without delay: a Butterworth filter of order 4, forwards and backwards. `samples` is (samples, axes)."""
    return _filtered(samples, _low_pass(cutoff_hz))


def band_passed(samples: FloatArray, low_hz: float, high_hz: float) -> FloatArray:
    """The same for a band."""
    return _filtered(samples, _band_pass(low_hz, high_hz))


def even_motion(stamp_s: FloatArray, path: FloatArray, *, cutoff_hz: float = CUTOFF_HZ) -> EvenMotion:
    """A way as it was measured, (ticks, axes), made even, with its velocity by central differences."""
    start_s, samples = even(stamp_s, path, cutoff_hz=cutoff_hz)
    velocity = np.gradient(samples, 1.0 / RATE_HZ, axis=0) if len(samples) > 1 else np.zeros_like(samples)
    return EvenMotion(start_s, samples, np.asarray(velocity))


def _filtered(samples: FloatArray, sections: FloatArray) -> FloatArray:
    longest = len(samples) - 1
    if longest < 1:
        return samples
    return np.asarray(sosfiltfilt(sections, samples, axis=0, padlen=min(longest, int(RATE_HZ))))


@lru_cache(maxsize=8)
def _low_pass(cutoff_hz: float) -> FloatArray:
    return np.asarray(butter(_ORDER, cutoff_hz, fs=RATE_HZ, output="sos"))


@lru_cache(maxsize=8)
def _band_pass(low_hz: float, high_hz: float) -> FloatArray:
    return np.asarray(butter(_ORDER, (low_hz, high_hz), btype="bandpass", fs=RATE_HZ, output="sos"))
