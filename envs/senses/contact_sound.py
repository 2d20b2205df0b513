"""How hard contacts set in: what can be heard of them."""

from __future__ import annotations

import numpy as np

from envs.simulation import Simulation

_LOUD_N = 10.0  # a rise of the contact forces by so much within one hearing is as loud as it gets
_FOLLOWS = 0.5  # how far what is expected follows what is, each time


class ContactSound:
    """Listens to all contacts of one simulation."""

    def __init__(self, simulation: Simulation) -> None:
        self._simulation = simulation
        self._expected_n = 0.0

    def reset(self) -> None:
        self._expected_n = 0.0

    def impact(self) -> float:
        """How much harder the contacts press than was expected, 0 to 1."""
        data = self._simulation.data
        total_n = sum(self._simulation.contact_normal_n(index) for index in range(data.ncon))
        rise_n = total_n - self._expected_n
        self._expected_n += _FOLLOWS * rise_n
        return float(np.clip(rise_n / _LOUD_N, 0.0, 1.0))

    def memory(self) -> float:
        return self._expected_n

    def restore(self, memory: float) -> None:
        self._expected_n = memory
