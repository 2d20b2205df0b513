"""A filter that calms a resting hand and does not lag behind a moving one."""

from __future__ import annotations

from math import pi

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]


class OneEuroFilter:
    """The 1-euro filter: a low-pass whose cut-off rises with speed, and that follows real time stamps.

    Source: Casiez, Roussel, Vogel, "1 Euro Filter", CHI 2012.

    Args:
        min_cutoff_hz: cut-off at rest; lower is calmer.
        beta: how much the cut-off rises, in Hz per unit/s; higher lags less.
        speed_cutoff_hz: cut-off of the speed estimate.
    """

    def __init__(self, min_cutoff_hz: float = 1.5, beta: float = 2.0, speed_cutoff_hz: float = 1.0) -> None:
        self._min_cutoff_hz = min_cutoff_hz
        self._beta = beta
        self._speed_cutoff_hz = speed_cutoff_hz
        self._value: FloatArray | None = None
        self._speed: FloatArray | None = None
        self._stamp_s = 0.0

    def reset(self) -> None:
        """Forget the past: the next value passes as it is."""
        self._value = self._speed = None

    def __call__(self, value: FloatArray, stamp_s: float) -> FloatArray:
        """The smoothed value, of the shape of `value`; one that is not newer than the last changes nothing."""
        if self._value is None or self._speed is None:
            self._value, self._speed = value.copy(), np.zeros_like(value)
            self._stamp_s = stamp_s
            return value.copy()
        dt_s = stamp_s - self._stamp_s
        if dt_s > 0:
            speed = (value - self._value) / dt_s
            self._speed = self._speed + _gain(self._speed_cutoff_hz, dt_s) * (speed - self._speed)
            cutoff_hz = self._min_cutoff_hz + self._beta * np.abs(self._speed)
            self._value = self._value + _gain(cutoff_hz, dt_s) * (value - self._value)
            self._stamp_s = stamp_s
        return self._value.copy()


def _gain(cutoff_hz: float | FloatArray, dt_s: float) -> float | FloatArray:
    return 1.0 / (1.0 + 1.0 / (2 * pi * cutoff_hz * dt_s))
