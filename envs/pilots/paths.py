"""Minimum-jerk motion: along a curve in space, and between two sets of angles."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

_GRID = np.linspace(0.0, 1.0, 65)


def minimum_jerk(fraction: float) -> float:
    """Share of the way done at a fraction of the time, both in [0, 1] (Flash and Hogan 1985)."""
    s = min(max(fraction, 0.0), 1.0)
    return min(s**3 * (10.0 + s * (6.0 * s - 15.0)), 1.0)  # rounding goes beyond


@dataclass(frozen=True)
class ReachPath:
    """A quadratic Bezier curve, its length walked with minimum jerk: it leaves `start` and arrives from `via`.

    `detour` is how far aside the hand is half-way; it vanishes at both ends. A hand that is already moving goes on
    with `velocity` and gives it up on the way: the quintic that is least jerky from that velocity to rest.
    """

    start: FloatArray  # (3,)
    via: FloatArray  # (3,)
    duration_s: float
    detour: FloatArray = field(default_factory=lambda: np.zeros(3))  # (3,)
    velocity: FloatArray = field(default_factory=lambda: np.zeros(3))  # (3,) m/s

    def at(self, elapsed_s: float, end: FloatArray) -> FloatArray:  # (3,)
        """Position at a time; `end` may move while the path is walked."""
        fraction = elapsed_s / self.duration_s
        s = minimum_jerk(fraction)
        aside = 16.0 * (s * (1 - s)) ** 2  # 1 half-way
        carried = self.duration_s * _carried(fraction) * self.velocity
        return self._along(s, end) + aside * self.detour + carried

    def _along(self, share: float, end: FloatArray) -> FloatArray:  # (3,)
        """The place on the curve with this share of its length behind it."""
        u = _GRID[:, None]
        curve = (1 - u) ** 2 * self.start + 2 * u * (1 - u) * self.via + u**2 * end
        length = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(curve, axis=0), axis=1))])
        return np.array([np.interp(share * length[-1], length, curve[:, axis]) for axis in range(3)])


def _carried(fraction: float) -> float:
    """Way made by a unit velocity at the start that has gone, with its acceleration, at the end."""
    u = min(max(fraction, 0.0), 1.0)
    return u - u**3 * (6.0 - u * (8.0 - 3.0 * u))


def blend(start: FloatArray, end: FloatArray, elapsed_s: float, duration_s: float) -> FloatArray:
    """Minimum-jerk blend of two vectors."""
    return start + minimum_jerk(elapsed_s / duration_s) * (end - start)
