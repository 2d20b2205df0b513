"""What can be seen of a MuJoCo model: the shapes of each of its bodies, and where the bodies are."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from assets.robot import RobotSpec
from envs.engine import mujoco
from envs.errors import BodyError

FloatArray = NDArray[np.float64]
ShapeKind = Literal["sphere", "capsule", "ellipsoid", "cylinder", "box", "mesh"]

_GEOM = mujoco.mjtGeom
_KIND_OF_GEOM: dict[int, ShapeKind] = {
    int(_GEOM.mjGEOM_SPHERE): "sphere",
    int(_GEOM.mjGEOM_CAPSULE): "capsule",
    int(_GEOM.mjGEOM_ELLIPSOID): "ellipsoid",
    int(_GEOM.mjGEOM_CYLINDER): "cylinder",
    int(_GEOM.mjGEOM_BOX): "box",
    int(_GEOM.mjGEOM_MESH): "mesh",
}
_HIDDEN_GROUP = 3  # MuJoCo's viewers draw groups 0 to 2; what only collides lies above


@dataclass(frozen=True)
class Shape:
    """One geom in the frame of its body. `size` is MuJoCo's: radius, half length, or half sides."""

    kind: ShapeKind
    position_m: FloatArray  # (3,)
    quaternion_wxyz: FloatArray  # (4,)
    size_m: FloatArray  # (3,)
    rgba: FloatArray  # (4,) each from 0 to 1
    vertices_m: FloatArray | None = None  # (vertices, 3), of a mesh
    triangles: NDArray[np.int32] | None = None  # (triangles, 3), of a mesh


@dataclass(frozen=True)
class Poses:
    """Where bodies are in the world at each of some moments."""

    position_m: FloatArray  # (moments, bodies, 3)
    quaternion_wxyz: FloatArray  # (moments, bodies, 4)


def shapes_of(model: mujoco.MjModel, bodies: Collection[int]) -> dict[int, tuple[Shape, ...]]:
    """What is drawn of some bodies; a body of which nothing is drawn is left out."""
    found = {body: tuple(_shapes(model, body)) for body in bodies}
    return {body: shapes for body, shapes in found.items() if shapes}


def body_name(model: mujoco.MjModel, body: int) -> str:
    """A body's name, or its number where it has none."""
    return str(model.body(body).name) or f"body_{body}"


class RobotFigure:
    """A robot's shapes, posed by forward kinematics. Joints that the table leaves out follow those they are coupled to.

    Raises:
        BodyError: the robot has no MJCF, or it names other joints than the table.
    """

    def __init__(self, robot: RobotSpec) -> None:
        if robot.mjcf_path is None:
            raise BodyError(f"robot {robot.name!r} has no MJCF, so there is nothing of it to draw")
        self._model = mujoco.MjModel.from_xml_path(str(robot.mjcf_path))
        self._data = mujoco.MjData(self._model)
        try:
            self._qpos = np.array([self._model.joint(name).qposadr[0] for name in robot.joint_names])
        except KeyError as error:
            raise BodyError(f"robot table and MJCF of {robot.name!r} disagree: {error}") from error
        shapes = shapes_of(self._model, range(1, self._model.nbody))
        self._bodies = np.array(list(shapes))
        self._hands = [site for site in range(self._model.nsite) if self._model.site(site).name.endswith("_grasp")]
        self.names = tuple(body_name(self._model, body) for body in shapes)
        self.shapes = tuple(shapes.values())  # in the order of `names`
        self.hands = tuple(str(self._model.site(site).name) for site in self._hands)

    def pose(self, position_rad: FloatArray) -> tuple[Poses, FloatArray]:
        """The poses of the bodies in the order of `names`, and the places of `hands`, (moments, hands, 3).

        Args:
            position_rad: (moments, joints), in the order of the robot's table.
        """
        qpos = self._coupled(position_rad)
        count = len(qpos)
        position_m = np.empty((count, self._model.nbody, 3))
        quaternion_wxyz = np.empty((count, self._model.nbody, 4))
        hands_m = np.empty((count, len(self._hands), 3))
        for moment, row in enumerate(qpos):
            self._data.qpos[:] = row
            mujoco.mj_kinematics(self._model, self._data)
            position_m[moment], quaternion_wxyz[moment] = self._data.xpos, self._data.xquat
            hands_m[moment] = self._data.site_xpos[self._hands]
        return Poses(position_m[:, self._bodies], quaternion_wxyz[:, self._bodies]), hands_m

    def _coupled(self, position_rad: FloatArray) -> FloatArray:  # (moments, nq)
        """MuJoCo's positions; a `joint` equality says how a finger's outer joint follows its inner one."""
        model = self._model
        qpos = np.tile(model.qpos0, (len(position_rad), 1))
        qpos[:, self._qpos] = position_rad
        for equality in np.flatnonzero(model.eq_type == mujoco.mjtEq.mjEQ_JOINT):
            follower, leader = int(model.eq_obj1id[equality]), int(model.eq_obj2id[equality])
            if leader < 0:
                continue
            to, by = model.jnt_qposadr[follower], model.jnt_qposadr[leader]
            turned = qpos[:, by] - model.qpos0[by]
            qpos[:, to] = model.qpos0[to] + np.polynomial.polynomial.polyval(turned, model.eq_data[equality, :5])
        return qpos


def _shapes(model: mujoco.MjModel, body: int) -> Iterator[Shape]:
    first = int(model.body_geomadr[body])
    for geom in range(first, first + int(model.body_geomnum[body])):
        kind = _KIND_OF_GEOM.get(int(model.geom_type[geom]))
        material = int(model.geom_matid[geom])
        rgba = model.mat_rgba[material] if material >= 0 else model.geom_rgba[geom]
        if kind is None or model.geom_group[geom] >= _HIDDEN_GROUP or rgba[3] <= 0.0:
            continue
        vertices_m, triangles = _mesh(model, int(model.geom_dataid[geom])) if kind == "mesh" else (None, None)
        yield Shape(
            kind=kind,
            position_m=model.geom_pos[geom].copy(),
            quaternion_wxyz=model.geom_quat[geom].copy(),
            size_m=model.geom_size[geom].copy(),
            rgba=np.asarray(rgba, dtype=np.float64),
            vertices_m=vertices_m,
            triangles=triangles,
        )


def _mesh(model: mujoco.MjModel, mesh: int) -> tuple[FloatArray, NDArray[np.int32]]:
    vertex, face = int(model.mesh_vertadr[mesh]), int(model.mesh_faceadr[mesh])
    vertices_m = model.mesh_vert[vertex : vertex + int(model.mesh_vertnum[mesh])]
    triangles = model.mesh_face[face : face + int(model.mesh_facenum[mesh])]
    return np.asarray(vertices_m, dtype=np.float64), np.array(triangles, dtype=np.int32)
