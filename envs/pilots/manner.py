"""What differs from one demonstration of an expert to the next, as it does among people."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

_WORST_GUESS = 2.0  # standard deviations: nobody takes a cup for a thimble


@dataclass(frozen=True)
class Manner:
    """How one demonstration is made: people aim roughly and correct on the way, each at a pace of their own."""

    detour_m: FloatArray  # (3,) how far aside the hand is half-way
    pace: float  # how long a way takes, as a multiple of what is usual
    size_guess: float  # what the eye says of a thing's size, as a multiple of it

    @staticmethod
    def drawn(
        rng: np.random.Generator | None, detour_m: float, paces: tuple[float, float], size_error: float = 0.0
    ) -> Manner:
        """A manner by chance; without `rng` the plain one: straight, at the usual pace, with an eye that is right.

        Args:
            rng: draws the detour, then the pace, then the guess at a size.
            detour_m: standard deviation of the detour, each way.
            paces: the quickest and the slowest, evenly likely.
            size_error: standard deviation of the guess, as a share of the size.
        """
        if rng is None:
            return Manner(np.zeros(3), 1.0, 1.0)
        detour, pace = rng.normal(0.0, detour_m, 3), float(rng.uniform(*paces))
        guess = 1.0 + size_error * float(np.clip(rng.normal(), -_WORST_GUESS, _WORST_GUESS))
        return Manner(detour, pace, guess)
