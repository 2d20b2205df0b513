"""Touch: what the taxel pads of the finger tips feel, from MuJoCo's contacts."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from envs.engine import mujoco
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
        self._pad_of_geom = {model.geom(pad.name).id: index for index, pad in enumerate(self._pads)}
        self._sites = [model.site(pad.name).id for pad in self._pads]

    def forces_n(self) -> FloatArray:  # (pads, rows, columns)
        """Forces without noise or saturation."""
        simulation = self._simulation
        data = simulation.data
        touch = np.zeros((len(self._pads), self._pads[0].rows, self._pads[0].columns))
        if not data.ncon:
            return touch
        for index in np.flatnonzero(np.isin(data.contact.geom, list(self._pad_of_geom)).any(axis=1)).tolist():
            contact = data.contact[index]
            for geom in contact.geom:
                pad = self._pad_of_geom.get(int(geom))
                if pad is not None:
                    self._spread(touch[pad], contact.pos, simulation.contact_normal_n(index), self._sites[pad])
        return touch

    def read(self, rng: np.random.Generator) -> FloatArray:  # (pads, rows, columns)
        """Forces as the pads report them: noisy, never negative, saturated."""
        noisy = self.forces_n()
        noisy += rng.normal(0.0, NOISE_N, noisy.shape)
        ceiling = np.array([pad.max_force_n for pad in self._pads])[:, None, None]
        return np.clip(noisy, 0.0, ceiling)

    def _spread(self, taxels: FloatArray, position: FloatArray, force_n: float, site: int) -> None:
        data = self._simulation.data
        in_pad = np.zeros(3)
        mujoco.mju_mulMatTVec(in_pad, data.site_xmat[site].reshape(3, 3), position - data.site_xpos[site])
        rows, columns = taxels.shape
        row = np.clip((in_pad[1] / PAD_LENGTH_M + 0.5) * (rows - 1), 0, rows - 1 - 1e-9)
        column = np.clip((in_pad[0] / PAD_WIDTH_M + 0.5) * (columns - 1), 0, columns - 1 - 1e-9)
        r, c = int(row), int(column)
        down, right = row - r, column - c
        taxels[r : r + 2, c : c + 2] += force_n * np.outer([1 - down, down], [1 - right, right])
