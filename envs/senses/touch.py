"""Touch: what the taxel pads of the finger tips feel, from MuJoCo's contacts."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from envs.contact_rows import normal_forces_n
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
        self._sites = np.array([model.site(pad.name).id for pad in self._pads])

    def forces_n(self) -> FloatArray:  # (pads, rows, columns)
        """Forces without noise or saturation."""
        data = self._simulation.data
        touch = np.zeros((len(self._pads), self._pads[0].rows, self._pads[0].columns))
        if not data.ncon:
            return touch
        pads = self._pad_of_geom[data.contact.geom]  # (contacts, 2)
        contacts, sides = np.nonzero(pads >= 0)
        if contacts.size:
            forces = normal_forces_n(self._simulation)[contacts]
            self._spread(touch, pads[contacts, sides], data.contact.pos[contacts], forces)
        return touch

    def read(self, rng: np.random.Generator) -> FloatArray:  # (pads, rows, columns)
        """Forces as the pads report them: noisy, never negative, saturated."""
        noisy = self.forces_n()
        noisy += rng.normal(0.0, NOISE_N, noisy.shape)
        ceiling = np.array([pad.max_force_n for pad in self._pads])[:, None, None]
        return np.clip(noisy, 0.0, ceiling)

    def _spread(self, touch: FloatArray, pads: NDArray[np.intp], position: FloatArray, force_n: FloatArray) -> None:
        """Add forces at places in the world, one a row, to the taxels of their pads."""
        data, sites = self._simulation.data, self._sites[pads]
        from_site = position - data.site_xpos[sites]  # (touches, 3)
        in_pad = (from_site[:, None, :] @ data.site_xmat[sites].reshape(-1, 3, 3))[:, 0]
        _, rows, columns = touch.shape
        row = np.clip((in_pad[:, 1] / PAD_LENGTH_M + 0.5) * (rows - 1), 0, rows - 1 - 1e-9)
        column = np.clip((in_pad[:, 0] / PAD_WIDTH_M + 0.5) * (columns - 1), 0, columns - 1 - 1e-9)
        r, c = row.astype(np.intp), column.astype(np.intp)
        down, right = row - r, column - c
        for beside, of_row in ((0, 1.0 - down), (1, down)):
            np.add.at(touch, (pads, r + beside, c), force_n * of_row * (1.0 - right))
            np.add.at(touch, (pads, r + beside, c + 1), force_n * of_row * right)
