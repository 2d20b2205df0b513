"""Touch: what the taxel pads of the finger tips feel, from MuJoCo's contacts."""

from __future__ import annotations

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
        self._sites = np.array([model.site(pad.name).id for pad in self._pads])
        self._shape = len(self._pads), self._pads[0].rows, self._pads[0].columns
        self._ceiling_n = np.array([pad.max_force_n for pad in self._pads])[:, None, None]
        self._rows = ContactRows(simulation)

    def forces_n(self) -> FloatArray:  # (pads, rows, columns)
        """Forces without noise or saturation."""
        data = self._simulation.data
        if not data.ncon:
            return np.zeros(self._shape)
        contact = data.contact
        pads = self._pad_of_geom[contact.geom]  # (contacts, 2)
        contacts, sides = np.nonzero(pads >= 0)
        if not contacts.size:
            return np.zeros(self._shape)
        force_n = self._rows.normal_forces_n(contact)[contacts]
        return self._spread(pads[contacts, sides], contact.pos[contacts], force_n)

    def read(self, rng: np.random.Generator) -> FloatArray:  # (pads, rows, columns)
        """Forces as the pads report them: noisy, never negative, saturated."""
        noisy = self.forces_n()
        noisy += rng.normal(0.0, NOISE_N, self._shape)
        return np.asarray(np.minimum(np.maximum(noisy, 0.0), self._ceiling_n))

    def _spread(self, pads: NDArray[np.intp], position: FloatArray, force_n: FloatArray) -> FloatArray:
        """Forces at places in the world, one a row, shared by the taxels of their pads."""
        data, sites = self._simulation.data, self._sites[pads]
        _, rows, columns = self._shape
        from_site = position - data.site_xpos[sites]  # (touches, 3)
        in_pad = (from_site[:, None, :] @ data.site_xmat[sites].reshape(-1, 3, 3))[:, 0]
        row = _within(in_pad[:, 1] / PAD_LENGTH_M, rows)
        column = _within(in_pad[:, 0] / PAD_WIDTH_M, columns)
        r, c = row.astype(np.intp), column.astype(np.intp)
        down, right = row - r, column - c
        first = (pads * rows + r) * columns + c
        taxels = np.concatenate([first, first + 1, first + columns, first + columns + 1])
        shares = np.concatenate([(1 - down) * (1 - right), (1 - down) * right, down * (1 - right), down * right])
        forces = np.bincount(taxels, np.tile(force_n, 4) * shares, int(np.prod(self._shape)))
        return np.asarray(forces.reshape(self._shape))


def _within(share: FloatArray, taxels: int) -> FloatArray:
    """From a place along the pad, -0.5 to 0.5, to one among so many taxels, the last never quite reached."""
    return np.minimum(np.maximum((share + 0.5) * (taxels - 1), 0.0), taxels - 1 - 1e-9)
