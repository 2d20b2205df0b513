"""What can be heard of the contacts: who struck whom and how hard, and what slides over what."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from envs.contact_rows import blow, normal_forces_n, slide_m_s
from envs.senses.materials import NAMES, materials_of
from envs.simulation import Simulation

FloatArray = NDArray[np.float64]

_GENTLE_M_S = 0.02  # what meets more slowly is not heard
_CREEP_M_S = 0.01  # soft contacts of a simulation creep so fast under load, and are silent
_HARDEST_N_S = 10.0  # bounds what an unstable simulation can do


@dataclass(frozen=True)
class Strike:
    """Two materials that met; `at` is when, as a share of the block."""

    materials: tuple[str, str]
    impulse_n_s: float
    at: float


@dataclass(frozen=True)
class Heard:
    """What the contacts did in one block: strikes, and by material how much force times speed slid over it."""

    strikes: tuple[Strike, ...] = ()
    rubbing_w: FloatArray = field(default_factory=lambda: np.zeros(len(NAMES)))  # (materials,)


class ContactSound:
    """Listens to all contacts of one simulation.

    Two geoms strike each other in the physics step in which they come to touch, with the impulse of their approach:
    speed times the mass behind it. Of several geoms of the same two bodies only the hardest counts.
    """

    def __init__(self, simulation: Simulation) -> None:
        self._simulation = simulation
        model = simulation.model
        self._materials = materials_of(simulation)
        self._number = np.array([NAMES.index(material) for material in self._materials])
        # A flex has no body of its own; it counts as one behind the last.
        self._owner = [*model.geom_bodyid.tolist(), *range(model.nbody, model.nbody + model.nflex)]
        self._has_flexes = model.nflex > 0
        self.reset()

    def reset(self) -> None:
        self._touching: set[int] = set()
        self._seen = b""
        self._steps = 0
        self._struck: list[tuple[int, int, int, float]] = []  # step, first and second geom, impulse

    def listen(self) -> None:
        """Take note of what came to touch; to be called after every physics step."""
        data = self._simulation.data
        self._steps += 1
        if not data.ncon:
            if self._touching:
                self._touching, self._seen = set(), b""
            return
        seen = self._pairs().tobytes()
        if seen != self._seen:
            self._seen = self._compare(seen)

    def take(self) -> Heard:
        """What was heard since the last time."""
        steps = max(self._steps, 1)
        strikes = tuple(
            Strike((self._materials[first], self._materials[second]), impulse, (step - 1) / steps)
            for step, first, second, impulse in self._struck
        )
        self._steps = 0
        self._struck.clear()
        return Heard(strikes, self._rubbing_w())

    def memory(self) -> list[int]:
        """Who touches whom. What was heard has been taken whenever somebody asks."""
        return sorted(self._touching)

    def restore(self, memory: list[int]) -> None:
        self.reset()
        self._touching = set(memory)

    def _pairs(self) -> NDArray[np.intc]:  # (contacts, 2)
        """The two geoms of every contact; a flex is numbered behind the geoms."""
        contact = self._simulation.data.contact
        geoms: NDArray[np.intc] = contact.geom
        if not self._has_flexes:
            return geoms
        return np.where(geoms >= 0, geoms, self._simulation.model.ngeom + contact.flex)

    def _compare(self, seen: bytes) -> bytes:
        """Find out who is new; returns what need not be looked at again as long as it stays the same."""
        simulation = self._simulation
        first_rows = simulation.data.contact.efc_address.tolist()
        touching: set[int] = set()
        hardest: dict[tuple[int, int], tuple[int, int, float]] = {}
        for contact, (first, second) in enumerate(self._pairs().tolist()):
            if first_rows[contact] < 0:  # close, and not touching yet
                seen = b""
                continue
            pair = first * len(self._owner) + second
            touching.add(pair)
            if pair in self._touching:
                continue
            speed_m_s, mass_kg = blow(simulation, contact)
            impulse = min(speed_m_s * mass_kg, _HARDEST_N_S)
            bodies = self._owner[first], self._owner[second]
            if speed_m_s > _GENTLE_M_S and impulse > hardest.get(bodies, (0, 0, 0.0))[2]:
                hardest[bodies] = first, second, impulse
        self._touching = touching
        self._struck += [(self._steps, *struck) for struck in hardest.values()]
        return seen

    def _rubbing_w(self) -> FloatArray:  # (materials,)
        simulation = self._simulation
        if simulation.data.ncon:
            speed = slide_m_s(simulation)
            sliding = np.flatnonzero(speed > _CREEP_M_S)
            if sliding.size:
                power_w = normal_forces_n(simulation)[sliding] * (speed[sliding] - _CREEP_M_S)
                power_w = np.minimum(np.nan_to_num(power_w), 1e3)
                of_both = self._number[self._pairs()[sliding]]
                return np.asarray(np.bincount(of_both.ravel(), np.repeat(power_w, 2), len(NAMES)), dtype=np.float64)
        return np.zeros(len(NAMES))
