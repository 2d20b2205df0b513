"""A motion in legs: each brings the hand somewhere, its fingers doing one thing, until something holds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import mink
import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
UP = np.array([0.0, 0.0, 1.0])
Fingers = Literal["open", "grip", "loose"]
Pose = tuple[FloatArray, mink.SO3]  # (3,) of the grasp site, and the hand's rotation


@dataclass(frozen=True)
class Leg:
    """One leg.

    `goal` is asked at every control step, so that it may follow what moves. The leg is over when its time is up and
    `until` holds, or `patience_s` later in any case.
    """

    goal: Callable[[], Pose]
    duration_s: float
    fingers: Fingers
    until: Callable[[], bool] | None = None
    patience_s: float = 0.0
    arrives_m: FloatArray | None = None  # (3,) from the end to where it comes from; None goes straight
    is_travel: bool = False  # a long way, gone by the expert's detour

    def is_over(self, elapsed_s: float) -> bool:
        if elapsed_s < self.duration_s:
            return False
        return self.until is None or self.until() or elapsed_s >= self.duration_s + self.patience_s


def towards(pointing: FloatArray, thumb: FloatArray) -> mink.SO3:
    """A hand's rotation in the world: fingers along `pointing`, the thumb's side as near to `thumb` as that allows."""
    z = -pointing / np.linalg.norm(pointing)
    y = thumb - (thumb @ z) * z
    y /= np.linalg.norm(y)
    return mink.SO3.from_matrix(np.column_stack([np.cross(y, z), y, z]))


def flex_for_gap(half_gap_m: float) -> float:
    """Finger flexion at which a digit's nearest point lies so far beside the hand's middle plane."""
    return float(np.interp(-half_gap_m, -_GAPS_M, _FLEXES_RAD))


_FLEXES_RAD = np.linspace(-0.7, 0.6, 66)
_INNER_M = 0.034 - 0.042 * np.sin(_FLEXES_RAD)
_GAPS_M = np.minimum(_INNER_M, _INNER_M - 0.034 * np.sin(1.6 * _FLEXES_RAD + 0.35)) - 0.0085
