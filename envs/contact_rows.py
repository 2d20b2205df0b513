"""What MuJoCo's solver knows of the contacts, all contacts at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from envs.engine import mujoco
from envs.simulation import Simulation

FloatArray = NDArray[np.float64]


class ContactRows:
    """Reads the contacts of one simulation as of its last step.

    A contact has rows in the `efc` arrays: with elliptic cones the normal and then the tangents; with pyramidal ones,
    for each tangent, the normal plus and minus friction times that tangent. A contact that is not solved has no rows.
    The methods take `simulation.data.contact`, because every look at it costs as much as the sums.
    """

    def __init__(self, simulation: Simulation) -> None:
        self._data = simulation.data
        self._is_elliptic = simulation.model.opt.cone == mujoco.mjtCone.mjCONE_ELLIPTIC

    def normal_forces_n(self, contact: Any) -> FloatArray:  # (contacts,)
        """Normal force of every contact; what `mj_contactForce` says, contact by contact."""
        first = contact.efc_address
        solved = np.flatnonzero(first >= 0)
        forces = np.zeros(first.size)
        if not solved.size:
            return forces
        if self._is_elliptic:
            forces[solved] = self._data.efc_force[first[solved]]
        else:
            # Contacts lie behind all other constraints, in their order, so each one's rows end where the next's begin.
            forces[solved] = np.add.reduceat(self._data.efc_force, first[solved])
        return forces

    def some_normal_forces_n(self, contact: Any, indices: Sequence[int]) -> list[float]:
        """Normal forces of some contacts: of a few, in less time than all take."""
        if not self._is_elliptic:
            forces = self.normal_forces_n(contact)
            return [forces.item(index) for index in indices]
        first, force = contact.efc_address, self._data.efc_force
        return [force.item(row) if (row := first.item(index)) >= 0 else 0.0 for index in indices]

    def slide_m_s(self, contact: Any) -> FloatArray:  # (contacts,)
        """Speed at which the surfaces of every contact slide over each other; zero where there is no friction."""
        first = contact.efc_address
        rubbing = np.flatnonzero((first >= 0) & (contact.dim >= 3))
        speeds = np.zeros(first.size)
        if not rubbing.size:
            return speeds
        row, velocity = first[rubbing], self._data.efc_vel
        if self._is_elliptic:
            speeds[rubbing] = np.hypot(velocity[1:][row], velocity[2:][row])
        else:
            friction = contact.friction[rubbing]
            along = (velocity[row] - velocity[row + 1]) / (2 * friction[:, 0])
            across = (velocity[row + 2] - velocity[row + 3]) / (2 * friction[:, 1])
            speeds[rubbing] = np.hypot(along, across)
        return speeds

    def blow(self, contact: Any, index: int) -> tuple[float, float]:
        """How fast the sides of one contact approached each other before the last step, in m/s, and the mass behind it.

        The mass in kg is the reciprocal of MuJoCo's approximate inverse inertia along the normal, in which a fixed side
        has no part.
        """
        data, one = self._data, contact[index]
        row = one.efc_address
        inverse = float(data.efc_diagA[row])
        if one.dim == 1 or self._is_elliptic:
            return -float(data.efc_vel[row]), 1.0 / inverse
        # The rows of a pyramid have 2 mu^2 (1 + friction^2) times the inverse inertia of the normal.
        scale = 2.0 * float(one.mu) ** 2 * (1.0 + float(one.friction[0]) ** 2)
        return -0.5 * float(data.efc_vel[row] + data.efc_vel[row + 1]), scale / inverse
