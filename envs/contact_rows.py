"""What MuJoCo's solver knows of the contacts, all contacts at once.

A contact has rows in the `efc` arrays: with elliptic cones the normal and then the tangents; with pyramidal ones, for
each tangent, the normal plus and minus friction times that tangent. A contact that is not solved has no rows.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from envs.engine import mujoco
from envs.simulation import Simulation

FloatArray = NDArray[np.float64]


def normal_forces_n(simulation: Simulation) -> FloatArray:  # (contacts,)
    """Normal force of every contact as of the last step; what `mj_contactForce` says, contact by contact."""
    data = simulation.data
    first = data.contact.efc_address
    solved = np.flatnonzero(first >= 0)
    forces = np.zeros(first.size)
    if not solved.size:
        return forces
    if _is_elliptic(simulation):
        forces[solved] = data.efc_force[first[solved]]
    else:
        # Contacts lie behind all other constraints, in their order, so each one's rows end where the next one's begin.
        forces[solved] = np.add.reduceat(data.efc_force, first[solved])
    return forces


def slide_m_s(simulation: Simulation) -> FloatArray:  # (contacts,)
    """Speed at which the two surfaces of every contact slide over each other; zero where there is no friction."""
    data = simulation.data
    contact = data.contact
    first, dim = contact.efc_address, contact.dim
    rubbing = np.flatnonzero((first >= 0) & (dim >= 3))
    speeds = np.zeros(first.size)
    if not rubbing.size:
        return speeds
    row, velocity = first[rubbing], data.efc_vel
    if _is_elliptic(simulation):
        speeds[rubbing] = np.hypot(velocity[row + 1], velocity[row + 2])
    else:
        friction = contact.friction[rubbing]
        along = (velocity[row] - velocity[row + 1]) / (2 * friction[:, 0])
        across = (velocity[row + 2] - velocity[row + 3]) / (2 * friction[:, 1])
        speeds[rubbing] = np.hypot(along, across)
    return speeds


def blow(simulation: Simulation, contact: int) -> tuple[float, float]:
    """How fast the two sides of a contact approached each other before the last step, in m/s, and the mass behind it.

    The mass in kg is the reciprocal of MuJoCo's approximate inverse inertia along the normal; a fixed side has none.
    """
    data = simulation.data
    both = data.contact[contact]
    row = both.efc_address
    inverse = float(data.efc_diagA[row])
    if both.dim == 1 or _is_elliptic(simulation):
        return -float(data.efc_vel[row]), 1.0 / inverse
    # The rows of a pyramid have 2 mu^2 (1 + friction^2) times the inverse inertia of the normal.
    scale = 2.0 * float(both.mu) ** 2 * (1.0 + float(both.friction[0]) ** 2)
    return -0.5 * float(data.efc_vel[row] + data.efc_vel[row + 1]), scale / inverse


def _is_elliptic(simulation: Simulation) -> bool:
    return bool(simulation.model.opt.cone == mujoco.mjtCone.mjCONE_ELLIPTIC)
