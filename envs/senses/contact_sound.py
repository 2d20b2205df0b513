"""What can be heard of the contacts: who struck whom and how hard, and what slides over what."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from envs.contact_rows import ContactRows
from envs.senses.materials import MATERIALS, NAMES, materials_of
from envs.simulation import Simulation

_GENTLE_M_S = 0.02  # what meets more slowly is not heard
_CREEP_M_S = 0.01  # soft contacts of a simulation creep so fast under load, and are silent
_LOUDNESS = np.array([material.rub_loudness for material in MATERIALS.values()])
_SOFTER = np.where(_LOUDNESS[:, None] <= _LOUDNESS, *np.ogrid[: len(NAMES), : len(NAMES)])  # of two materials
_HARDEST_N_S, _STRONGEST_W = 10.0, 1e3  # bounds what an unstable simulation can do


@dataclass(frozen=True)
class Strike:
    """Two materials that met; `at` is when, as a share of the block."""

    materials: tuple[str, str]
    impulse_n_s: float
    at: float


@dataclass(frozen=True)
class Heard:
    """What the contacts did in one block: strikes, and by material how much force times speed rubbed on it.

    Of two surfaces the quieter one, which is the softer, is the one that is heard rubbing.
    """

    strikes: tuple[Strike, ...] = ()
    rubbing_w: Mapping[str, float] = field(default_factory=dict)


class ContactSound:
    """Listens to all contacts of one simulation.

    Two geoms strike each other in the physics step in which they come to touch, with the impulse of their approach:
    speed times the mass behind it. Of several geoms of the same two bodies only the hardest counts.
    """

    def __init__(self, simulation: Simulation) -> None:
        self._simulation = simulation
        model = simulation.model
        self._rows = ContactRows(simulation)
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
        contact = data.contact
        seen = contact.geom.tobytes() + contact.flex.tobytes() if self._has_flexes else contact.geom.tobytes()
        if seen != self._seen:
            self._seen = seen if self._compare(contact) else b""

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

    def _pairs(self, contact: Any) -> NDArray[np.intc]:  # (contacts, 2)
        """The two geoms of every contact; a flex is numbered behind the geoms."""
        geoms: NDArray[np.intc] = contact.geom
        if not self._has_flexes:
            return geoms
        return np.where(geoms >= 0, geoms, self._simulation.model.ngeom + contact.flex)

    def _compare(self, contact: Any) -> bool:
        """Find out who is new; returns whether nobody who is near has yet to touch."""
        first, second = self._pairs(contact).T
        numbers = first * len(self._owner) + second
        is_solved = contact.efc_address >= 0
        has_all = np.count_nonzero(is_solved) == is_solved.size
        touching = set((numbers if has_all else numbers[is_solved]).tolist())
        new = touching - self._touching
        hardest: dict[tuple[int, int], tuple[int, int, float]] = {}
        candidates = enumerate(zip(numbers.tolist(), is_solved.tolist(), strict=True)) if new else ()
        for index in [index for index, (pair, is_touching) in candidates if is_touching and pair in new]:
            speed_m_s, mass_kg = self._rows.blow(contact, index)
            impulse = min(speed_m_s * mass_kg, _HARDEST_N_S)
            first_geom, second_geom = first.item(index), second.item(index)
            bodies = self._owner[first_geom], self._owner[second_geom]
            if speed_m_s > _GENTLE_M_S and impulse > hardest.get(bodies, (0, 0, 0.0))[2]:
                hardest[bodies] = first_geom, second_geom, impulse
        self._touching = touching
        self._struck += [(self._steps, *struck) for struck in hardest.values()]
        return bool(has_all)

    def _rubbing_w(self) -> dict[str, float]:
        if not self._simulation.data.ncon:
            return {}
        contact = self._simulation.data.contact
        speed_m_s = self._rows.slide_m_s(contact)
        sliding = np.flatnonzero(speed_m_s > _CREEP_M_S)
        if not sliding.size:
            return {}
        force_n = self._rows.some_normal_forces_n(contact, sliding.tolist())
        power_w = np.minimum(np.array(force_n) * (speed_m_s[sliding] - _CREEP_M_S), _STRONGEST_W)
        of_both = self._number[self._pairs(contact)[sliding]]  # (sliding, 2)
        by_number = np.bincount(_SOFTER[of_both[:, 0], of_both[:, 1]], power_w, len(NAMES))
        # What is no number, in a simulation that has just become unstable, is not heard.
        return {name: rubbed_w for name, rubbed_w in zip(NAMES, by_number.tolist(), strict=True) if rubbed_w > 0.0}
