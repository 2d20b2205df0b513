"""The last states of the physics, kept cheaply, so that there is something to look at when it breaks down."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from envs.simulation import Simulation

FloatArray = NDArray[np.float64]
TRAIL_PERIODS = 25  # a second at 25 Hz


class Trail:
    """Remembers how the physics stood at the beginning of the last control periods."""

    def __init__(self, simulation: Simulation, periods: int = TRAIL_PERIODS) -> None:
        self._simulation = simulation
        self._physics = np.empty((periods, simulation.physics_state().size))
        self._equality = [simulation.equality_state()] * periods
        self._kept = 0

    def clear(self) -> None:
        self._kept = 0

    def keep(self) -> None:
        """Remember the state as it is, with the controls of the period that begins."""
        place = self._kept % len(self._physics)
        self._simulation.physics_state(self._physics[place])
        self._equality[place] = self._simulation.equality_state()
        self._kept += 1

    def states(self) -> tuple[FloatArray, FloatArray]:
        """Physics (periods, mj_stateSize) and equalities (periods, equalities, 1 + mjNEQDATA), oldest first."""
        periods = len(self._physics)
        order = np.arange(max(0, self._kept - periods), self._kept) % periods
        equality = np.array([self._equality[place] for place in order.tolist()])
        return self._physics[order], equality.reshape(len(order), *self._equality[0].shape)
