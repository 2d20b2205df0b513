"""The things of a simulated episode: their shapes as the scenario made them, and where they were at each snapshot."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from assets.robot import RobotSpec
from envs.engine import mujoco
from envs.episodes.reading import Episode
from envs.sim_body import SimBody
from envs.simulation import Simulation
from envs.snapshot import Snapshot
from envs.tasks.known import load_rules, load_task
from experiments.viewer.figure import Poses, Shape, body_name, shapes_of

FloatArray = NDArray[np.float64]
_CLOTH_RGBA = np.array([0.55, 0.65, 0.8, 1.0])


@dataclass(frozen=True)
class Cloth:
    """A sheet of a scene as the triangles of its physics."""

    name: str
    triangles: NDArray[np.int32]  # (triangles, 3)
    vertices_m: FloatArray  # (moments, vertices, 3)
    rgba: FloatArray  # (4,)


@dataclass(frozen=True)
class Scene:
    """What stands around the robot. Colours and sizes are those at the first snapshot."""

    ticks: NDArray[np.int64]  # (moments,) of the snapshots
    names: tuple[str, ...]
    shapes: tuple[tuple[Shape, ...], ...]  # in the order of `names`
    poses: Poses
    cloths: tuple[Cloth, ...]


def recorded_scene(episode: Episode, robot: RobotSpec) -> Scene | None:
    """The scene of an episode; None where it has no snapshots, which only simulated bodies leave.

    Raises:
        EnvError: the task, the scene or the robot is no longer what it was when this was recorded.
    """
    header = episode.sheet.header
    if not episode.snapshots:
        return None
    task, first, rng = load_task(header.task), next(iter(episode.snapshots.values())), np.random.default_rng(0)
    body = SimBody(robot, task, load_rules(task.name), images=False, is_twin=header.body == "fast-twin")
    try:
        body.set_up(first.scenario, first, rng)
        body.reset(first.scenario, rng)
        return _scene(body.simulation, episode.snapshots)
    finally:
        body.close()


def _scene(simulation: Simulation, snapshots: Mapping[int, Snapshot]) -> Scene:
    model, data = simulation.model, simulation.data
    robot_root = int(model.body_rootid[model.jnt_bodyid[model.joint(simulation.robot.joint_names[0]).id]])
    around = [body for body in range(model.nbody) if body == 0 or int(model.body_rootid[body]) != robot_root]
    shapes = shapes_of(model, around)
    bodies = np.array(list(shapes))
    position_m = np.empty((len(snapshots), len(bodies), 3))
    quaternion_wxyz = np.empty((len(snapshots), len(bodies), 4))
    vertices_m = np.empty((len(snapshots), model.nflexvert, 3))
    for moment, snapshot in enumerate(snapshots.values()):
        simulation.restore(snapshot.physics, snapshot.equality)
        position_m[moment], quaternion_wxyz[moment] = data.xpos[bodies], data.xquat[bodies]
        vertices_m[moment] = data.flexvert_xpos
    return Scene(
        ticks=np.array(list(snapshots), dtype=np.int64),
        names=tuple(body_name(model, body) for body in shapes),
        shapes=tuple(shapes.values()),
        poses=Poses(position_m, quaternion_wxyz),
        cloths=tuple(_cloth(simulation, flex, vertices_m) for flex in range(model.nflex) if model.flex_dim[flex] == 2),
    )


def _cloth(simulation: Simulation, flex: int, vertices_m: FloatArray) -> Cloth:
    model = simulation.model
    first, count = int(model.flex_vertadr[flex]), int(model.flex_vertnum[flex])
    data, triangles = int(model.flex_elemdataadr[flex]), int(model.flex_elemnum[flex])
    material = int(model.flex_matid[flex])
    return Cloth(
        name=mujoco.mj_id2name(model, mujoco.mjtObj.mjOBJ_FLEX, flex) or f"cloth_{flex}",
        triangles=model.flex_elem[data : data + 3 * triangles].reshape(-1, 3).astype(np.int32),
        vertices_m=vertices_m[:, first : first + count],
        rgba=_CLOTH_RGBA if material < 0 else np.asarray(model.mat_rgba[material], dtype=np.float64),
    )
