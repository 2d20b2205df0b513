"""Touch: what the taxel pads of the finger tips feel, from MuJoCo's contacts."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from envs.contact_rows import ContactRows
from envs.simulation import Simulation

FloatArray = NDArray[np.float64]

PAD_LENGTH_M = 0.034
PAD_WIDTH_M = 0.017
NOISE_N = 0.02


class TouchSense:
    """Normal forces on each pad, spread over its taxels.

    A pad is the geom of its name; the site of its name lies in its middle, z out of the pad, x across the finger. The
    force of a contact is shared bilinearly by the four nearest taxels, so that the taxels sum to the contact forces.
    """

    def __init__(self, simulation: Simulation) -> None:
        self._simulation = simulation
        model = simulation.model
        self._pads = simulation.robot.pads
        # A flex has no geom: it is -1 in a contact, and so finds the last entry.
        self._pad_of_geom = np.full(model.ngeom + 1, -1)
        self._pad_of_geom[[model.geom(pad.name).id for pad in self._pads]] = range(len(self._pads))
        self._sites = [model.site(pad.name).id for pad in self._pads]
        self._shape = len(self._pads), self._pads[0].rows, self._pads[0].columns
        self._ceiling_n = np.array([pad.max_force_n for pad in self._pads])[:, None, None]
        self._taxels = math.prod(self._shape)
        self._rows = ContactRows(simulation)
        self._seen = b""
        self._touching: list[int] = []  # contacts, and the pads that they touch; looked up only when they have changed
        self._touched: list[int] = []

    def forces_n(self) -> FloatArray:  # (pads, rows, columns)
        """Forces without noise or saturation."""
        data = self._simulation.data
        if not data.ncon:
            return np.zeros(self._shape)
        contact = data.contact
        geoms = contact.geom
        seen = geoms.tobytes()
        if seen != self._seen:
            pads = self._pad_of_geom[geoms]  # (contacts, 2)
            contacts, sides = np.nonzero(pads >= 0)
            self._seen, self._touching, self._touched = seen, contacts.tolist(), pads[contacts, sides].tolist()
        if not self._touching:
            return np.zeros(self._shape)
        forces_n = self._rows.some_normal_forces_n(contact, self._touching)
        return self._spread(contact, forces_n)

    def read(self, rng: np.random.Generator) -> FloatArray:  # (pads, rows, columns)
        """Forces as the pads report them: noisy, never negative, saturated."""
        noisy = rng.standard_normal(self._shape)
        noisy *= NOISE_N
        noisy += self.forces_n()
        np.maximum(noisy, 0.0, out=noisy)
        return np.asarray(np.minimum(noisy, self._ceiling_n, out=noisy))

    def _spread(self, contact: Any, forces_n: Sequence[float]) -> FloatArray:
        """The forces of the contacts that touch a pad, shared by its taxels."""
        site_xpos, site_xmat, places = self._simulation.data.site_xpos, self._simulation.data.site_xmat, contact.pos
        _, rows, columns = self._shape
        taxels_n = [0.0] * self._taxels
        for index, pad, force_n in zip(self._touching, self._touched, forces_n, strict=True):
            site = self._sites[pad]
            x, y, z = places[index].tolist()
            site_x, site_y, site_z = site_xpos[site].tolist()
            turned = site_xmat[site].tolist()
            x, y, z = x - site_x, y - site_y, z - site_z
            across_m = x * turned[0] + y * turned[3] + z * turned[6]
            along_m = x * turned[1] + y * turned[4] + z * turned[7]
            row, down = _within(along_m / PAD_LENGTH_M, rows)
            column, right = _within(across_m / PAD_WIDTH_M, columns)
            first = (pad * rows + row) * columns + column
            taxels_n[first] += force_n * ((1.0 - down) * (1.0 - right))
            if right:
                taxels_n[first + 1] += force_n * ((1.0 - down) * right)
            if down:
                taxels_n[first + columns] += force_n * (down * (1.0 - right))
            if down and right:
                taxels_n[first + columns + 1] += force_n * (down * right)
        return np.array(taxels_n).reshape(self._shape)


def _within(share: float, taxels: int) -> tuple[int, float]:
    """From a place along the pad, -0.5 to 0.5, to the taxel before it and how far it is on the way to the next one."""
    if taxels == 1:
        return 0, 0.0
    place = min(max(0.0, (share + 0.5) * (taxels - 1)), taxels - 1 - 1e-9)
    return int(place), place - int(place)
