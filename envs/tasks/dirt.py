"""Dirt on a plate: a grid of cells, each of which a sponge rubs off by pressing and sliding over it."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

PITCH_SHARE = 0.25  # of the plate's radius
RUB_M = 0.03  # how far a sponge must slide over a cell to take all of its dirt off
_WITHIN = [(i, j) for i in range(-2, 3) for j in range(-2, 3) if i * i + j * j <= 5]
CELLS = np.array(_WITHIN, dtype=np.float64)  # (cells, 2) in pitches, from the plate's middle


class DirtGrid:
    """How dirty each cell of a plate is, from 1 to 0 (clean)."""

    def __init__(self) -> None:
        self.dirt: FloatArray = np.zeros(len(CELLS))  # (cells,)
        self._stains = self.dirt  # as it was at first
        self.places_m: FloatArray = CELLS * 0.0  # (cells, 2) in the plate's plane
        self._places_m: list[list[float]] = self.places_m.tolist()

    def stain(self, pattern: str, angle_rad: float, share: float, radius_m: float) -> None:
        """Dirty the cells that lie best in a pattern: that share of all cells, whole numbers of them, three at least.

        Args:
            pattern: "spots", "smear", "ring" or "edge".
            angle_rad: by which the pattern is turned about the plate's middle.
            share: of the cells.
            radius_m: of the plate.
        """
        cosine, sine = np.cos(angle_rad), np.sin(angle_rad)
        turned = CELLS @ np.array([[cosine, -sine], [sine, cosine]])
        along, across = turned.T
        far = np.hypot(along, across)
        misfit = {
            "spots": np.min([np.hypot(along - x, across - y) for x, y in ((1.4, 0.9), (-1.5, 0.4), (0.2, -1.5))], 0),
            "smear": np.abs(across) + 0.1 * np.abs(along),
            "ring": np.abs(far - 1.6) + 0.25 * along,
            "edge": np.hypot(along - 1.8, across),
        }[pattern]
        count = max(3, round(share * len(CELLS)))
        self.dirt = np.zeros(len(CELLS))
        self.dirt[np.argsort(misfit, kind="stable")[:count]] = 1.0
        self._stains = self.dirt.copy()
        self.places_m = CELLS * (PITCH_SHARE * radius_m)
        self._places_m = self.places_m.tolist()

    def rub(self, middle_m: Sequence[float], reach_m: float, slid_m: float) -> bool:
        """Slide a pressed sponge over the plate; True if dirt came off.

        Args:
            middle_m: of the sponge, in the plate's plane, (2,).
            reach_m: how far from there it touches.
            slid_m: how far it slid.
        """
        came_off = False
        for cell, left in enumerate(self.dirt.tolist()):
            if left > 0.0 and math.dist(self._places_m[cell], middle_m) < reach_m:
                self.dirt[cell] = max(left - slid_m / RUB_M, 0.0)
                came_off = True
        return came_off

    @property
    def is_begun(self) -> bool:
        """Whether some of the dirt has come off: stains are whole at first."""
        return bool((self.dirt < self._stains).any())

    @property
    def left(self) -> int:
        """How many cells are not clean."""
        return int(np.count_nonzero(self.dirt))
