"""Minimum-jerk motion: along a curve in space, and between two sets of angles."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]


def minimum_jerk(fraction: float) -> float:
    """Share of the way done at a fraction of the time, both in [0, 1] (Flash and Hogan 1985)."""
    s = min(max(fraction, 0.0), 1.0)
    return s**3 * (10.0 + s * (6.0 * s - 15.0))


@dataclass(frozen=True)
class ReachPath:
    """A quadratic Bezier curve walked with minimum jerk: it leaves `start` and arrives from `via`.

    `detour` is how far aside the hand is half-way; it vanishes at both ends.
    """

    start: FloatArray  # (3,)
    via: FloatArray  # (3,)
    duration_s: float
    detour: FloatArray = field(default_factory=lambda: np.zeros(3))  # (3,)

    def at(self, elapsed_s: float, end: FloatArray) -> FloatArray:  # (3,)
        """Position at a time; `end` may move while the path is walked."""
        s = minimum_jerk(elapsed_s / self.duration_s)
        aside = 16.0 * (s * (1 - s)) ** 2  # 1 half-way
        return (1 - s) ** 2 * self.start + 2 * s * (1 - s) * self.via + s**2 * end + aside * self.detour


def blend(start: FloatArray, end: FloatArray, elapsed_s: float, duration_s: float) -> FloatArray:
    """Minimum-jerk blend of two vectors."""
    return start + minimum_jerk(elapsed_s / duration_s) * (end - start)
