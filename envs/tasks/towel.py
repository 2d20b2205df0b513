"""The towel of fold_towel in the simulator: its size and fabric, how it lies, and what shape it has."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from envs.engine import mujoco
from envs.simulation import Simulation

FloatArray = NDArray[np.float64]

SIDE = 9  # vertices along an edge; vertex `row * SIDE + column`, rows from near to far, columns from right to left
CREASE_ROW = SIDE // 2
FLAP_CELLS = 2  # how many cells of either edge a turned corner takes with it: the fold runs along the mesh
_CORNERS = {
    "near_right": 0,
    "near_left": SIDE - 1,
    "far_right": SIDE * (SIDE - 1),
    "far_left": SIDE * SIDE - 1,
}


@dataclass(frozen=True)
class Fabric:
    """What towels are made of. Stiffnesses are factors on what the scene compiles."""

    areal_kg_m2: float
    stretch: float
    bend: float
    friction: float  # on itself; the table has its own


# Weights and frictions as sold and measured: linen 180, waffle 260, terry 420 g/m2.
FABRICS = {
    "waffle": Fabric(areal_kg_m2=0.26, stretch=1.0, bend=0.15, friction=0.9),
    "terry": Fabric(areal_kg_m2=0.42, stretch=1.2, bend=0.3, friction=1.1),
    "linen": Fabric(areal_kg_m2=0.18, stretch=1.5, bend=0.08, friction=0.7),
}


def vertex(row: int, column: int) -> int:
    return row * SIDE + column


def corner(name: str) -> int:
    """The vertex of a corner: "near_left", "near_right", "far_left" or "far_right"."""
    return _CORNERS[name]


class Towel:
    """The towel's vertices, each a body of its own on three slides along the world's axes."""

    def __init__(self, simulation: Simulation) -> None:
        model = simulation.model
        bodies = [model.body(f"towel_{index}") for index in range(SIDE * SIDE)]
        self.bodies = np.array([body.id for body in bodies])
        first_joints = np.array([body.jntadr[0] for body in bodies])
        self.qpos = model.jnt_qposadr[first_joints][:, None] + np.arange(3)  # (vertices, 3)
        self.dof = model.jnt_dofadr[first_joints][:, None] + np.arange(3)  # (vertices, 3)
        self._dofs = slice(int(self.dof[0, 0]), int(self.dof[-1, -1]) + 1)  # the vertices' one after the other
        row, column = np.divmod(np.arange(SIDE * SIDE), SIDE)
        self.is_edge = np.isin(row, (0, SIDE - 1)) | np.isin(column, (0, SIDE - 1))  # (vertices,)
        self._model = model
        self._rest = model.body_pos[self.bodies].copy()
        self._centre = self._rest.mean(axis=0)
        self._mass = float(model.body_mass[self.bodies].sum())
        self._pristine = {
            name: getattr(model, name).copy()
            for name in ("flex_size", "flexedge_length0", "flex_stiffness", "flex_bending", "flex_friction")
        }
        self._body_mass = model.body_mass[self.bodies].copy()
        self._body_inertia = model.body_inertia[self.bodies].copy()
        self.compiled_size_m = float(np.ptp(self._rest[:, 0]))
        self.size_m = self.compiled_size_m

    def cut(self, size_m: float, fabric: Fabric) -> None:
        """Give the towel a size and a fabric. `mj_setConst` must follow: factors of the metric hang on all of it.

        A membrane's and a hinge's stiffness matrices go with the inverse square of the length; a model compiled at
        that size holds the same numbers.
        """
        model, pristine = self._model, self._pristine
        scale = size_m / self.compiled_size_m
        self.size_m = size_m
        model.body_pos[self.bodies] = self._centre + (self._rest - self._centre) * [scale, scale, 1.0]
        model.flex_size[:] = pristine["flex_size"] * [scale, scale, 1.0]
        model.flexedge_length0[:] = pristine["flexedge_length0"] * scale
        model.flex_stiffness[:] = pristine["flex_stiffness"] * (fabric.stretch / scale**2)
        model.flex_bending[:] = pristine["flex_bending"] * (fabric.bend / scale**2)
        model.flex_friction[:] = pristine["flex_friction"]
        model.flex_friction[:, 0] = fabric.friction
        heavier = fabric.areal_kg_m2 * size_m**2 / self._mass
        model.body_mass[self.bodies] = self._body_mass * heavier
        model.body_inertia[self.bodies] = self._body_inertia * heavier

    def lay(self, data: mujoco.MjData, middle_m: FloatArray, turn_rad: float, turned_corner: str = "none") -> None:
        """Lay the towel flat around a place on the table, (2,), one corner turned in if asked for."""
        flat = self._model.body_pos[self.bodies] - self._centre
        if turned_corner != "none":
            flat = _turn_in(flat, self.size_m, turned_corner, float(self._model.flex_radius[0]))
        c, s = np.cos(turn_rad), np.sin(turn_rad)
        turned = flat @ np.array([[c, s, 0.0], [-s, c, 0.0], [0.0, 0.0, 1.0]])
        place = turned + np.array([middle_m[0], middle_m[1], self._centre[2]])
        data.qpos[self.qpos] = place - self._model.body_pos[self.bodies]
        data.qvel[self.dof] = 0.0

    def vertices(self, data: mujoco.MjData) -> FloatArray:  # (vertices, 3)
        """Where the vertices are, in the world."""
        return np.asarray(data.flexvert_xpos)

    def speed_m_s(self, data: mujoco.MjData) -> float:
        """Of the fastest vertex."""
        velocity = data.qvel[self._dofs].reshape(-1, 3)
        return math.sqrt(np.square(velocity).sum(axis=1).max())

    def covered(self, data: mujoco.MjData) -> float:
        """Area of the convex hull of the towel's shadow on the table, as a share of the flat towel's."""
        import cv2

        hull = cv2.convexHull(self.vertices(data)[:, :2].astype(np.float32))
        return float(cv2.contourArea(hull)) / self.size_m**2


def _turn_in(flat: FloatArray, size_m: float, name: str, radius_m: float) -> FloatArray:  # (vertices, 3)
    """Mirror one corner across a line that cuts it off, and lay it on top."""
    depth, side = name.split("_")
    inwards = np.array([1.0 if depth == "near" else -1.0, 1.0 if side == "right" else -1.0, 0.0]) / np.sqrt(2.0)
    tip = -inwards * size_m / np.sqrt(2.0)
    reach_m = FLAP_CELLS * size_m / (SIDE - 1) / np.sqrt(2.0)
    along = (flat - tip) @ inwards  # (vertices,)
    beyond = np.maximum(reach_m - along, 0.0)[:, None]
    lifted = np.minimum(2.0 * beyond, 2.2 * radius_m) * [0.0, 0.0, 1.0]
    mirrored: FloatArray = flat + 2.0 * beyond * inwards + lifted
    return mirrored
