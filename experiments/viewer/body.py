"""Robot and scene in 3-D: each shape once, and a transform of its body at each moment."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from envs.episodes.reading import Episode
from experiments.viewer.figure import Poses, RobotFigure, Shape
from experiments.viewer.log import EpisodeLog, import_rerun
from experiments.viewer.scene import Scene

WORLD, ROBOT, SCENE, PATHS, FOUND = "world", "world/robot", "world/scene", "world/path", "world/found"
FloatArray = NDArray[np.float64]
_PATH_COLOURS = ([15, 118, 110], [224, 138, 60])
_FOUND_COLOUR = [200, 30, 45]


def log_robot(log: EpisodeLog, episode: Episode, figure: RobotFigure) -> None:
    """The robot as it was measured at every step, and the path of each hand."""
    rr = import_rerun()
    log.static(WORLD, rr.ViewCoordinates.RIGHT_HAND_Z_UP)
    poses, hands_m = figure.pose(episode.position_rad)
    _log_bodies(log, ROBOT, figure.names, figure.shapes, poses, np.arange(episode.ticks))
    for number, hand in enumerate(figure.hands):
        if episode.ticks > 1:
            line = rr.LineStrips3D([hands_m[:, number]], colors=_PATH_COLOURS[number % 2], radii=0.0015)
            log.static(f"{PATHS}/{hand}", line)
    _log_found(log, episode, hands_m)


def _log_found(log: EpisodeLog, episode: Episode, hands_m: FloatArray) -> None:
    """Where the hands were in the moments that the judge of quality speaks of, drawn over their paths."""
    rr = import_rerun()
    verdict = episode.sheet.quality
    pieces: dict[str, list[FloatArray]] = defaultdict(list)
    for moment in verdict.moments if verdict else ():
        first, last = np.searchsorted(log.time_s, [moment.start_s, moment.end_s])
        piece = hands_m[first : last + 1]
        pieces[moment.kind] += [piece[:, number] for number in range(hands_m.shape[1]) if len(piece) > 1]
    for kind, strips in pieces.items():
        if strips:
            log.static(f"{FOUND}/{kind}", rr.LineStrips3D(strips, colors=_FOUND_COLOUR, radii=0.005))


def log_scene(log: EpisodeLog, scene: Scene) -> None:
    """What stands around the robot, where it was at each snapshot."""
    rr = import_rerun()
    _log_bodies(log, SCENE, scene.names, scene.shapes, scene.poses, scene.ticks)
    for cloth in scene.cloths:
        path, (moments, vertices, _) = f"{SCENE}/{cloth.name}", cloth.vertices_m.shape
        log.static(
            path, rr.Mesh3D.from_fields(triangle_indices=cloth.triangles, albedo_factor=_colours([cloth.rgba])[0])
        )
        places = rr.Mesh3D.columns(vertex_positions=cloth.vertices_m.reshape(-1, 3).astype(np.float32))
        log.rows(path, places.partition([vertices] * moments), scene.ticks)


def _log_bodies(
    log: EpisodeLog,
    root: str,
    names: Sequence[str],
    shapes: Sequence[Sequence[Shape]],
    poses: Poses,
    ticks: NDArray[np.int64],
) -> None:
    rr = import_rerun()
    for body, (name, of_body) in enumerate(zip(names, shapes, strict=True)):
        path = f"{root}/{name}"
        columns = rr.Transform3D.columns(
            translation=poses.position_m[:, body].astype(np.float32),
            quaternion=_xyzw(poses.quaternion_wxyz[:, body]).astype(np.float32),
        )
        log.rows(path, columns, ticks)
        for kind in sorted({shape.kind for shape in of_body}):
            drawn = [shape for shape in of_body if shape.kind == kind]
            if kind == "mesh":
                for number, shape in enumerate(drawn):
                    log.static(f"{path}/mesh_{number}", *_mesh(shape))
            else:
                log.static(f"{path}/{kind}", _solids(kind, drawn))


def _solids(kind: str, shapes: Sequence[Shape]) -> Any:
    """Shapes of one kind as one archetype."""
    rr = import_rerun()
    place = np.array([shape.position_m for shape in shapes])
    turn = _xyzw(np.array([shape.quaternion_wxyz for shape in shapes]))
    size = np.array([shape.size_m for shape in shapes])
    looks = {"colors": _colours([shape.rgba for shape in shapes]), "fill_mode": "solid"}
    if kind == "box":
        return rr.Boxes3D(half_sizes=size, centers=place, quaternions=turn, **looks)
    if kind in ("sphere", "ellipsoid"):
        half = np.repeat(size[:, :1], 3, axis=1) if kind == "sphere" else size
        return rr.Ellipsoids3D(half_sizes=half, centers=place, quaternions=turn, **looks)
    lengths = 2.0 * size[:, 1]
    if kind == "cylinder":
        return rr.Cylinders3D(lengths=lengths, radii=size[:, 0], centers=place, quaternions=turn, **looks)
    # rerun's capsule begins at its place, MuJoCo's has it in the middle.
    begin = place - size[:, 1:2] * _z_axis(turn)
    return rr.Capsules3D(lengths=lengths, radii=size[:, 0], translations=begin, quaternions=turn, **looks)


def _mesh(shape: Shape) -> tuple[Any, Any]:
    rr = import_rerun()
    colour = _colours([shape.rgba])[0]
    pose = rr.InstancePoses3D(translations=[shape.position_m], quaternions=[_xyzw(shape.quaternion_wxyz[None])[0]])
    return rr.Mesh3D(vertex_positions=shape.vertices_m, triangle_indices=shape.triangles, albedo_factor=colour), pose


def _colours(rgba: Sequence[FloatArray]) -> NDArray[np.uint8]:  # (shapes, 4)
    return np.round(255.0 * np.clip(np.array(rgba), 0.0, 1.0)).astype(np.uint8)


def _xyzw(quaternion_wxyz: FloatArray) -> FloatArray:  # (..., 4)
    return np.roll(quaternion_wxyz, -1, axis=-1)


def _z_axis(quaternion_xyzw: FloatArray) -> FloatArray:  # (shapes, 3)
    """Where z points after a rotation: the third column of its matrix."""
    x, y, z, w = quaternion_xyzw.T
    return np.stack([2 * (x * z + w * y), 2 * (y * z - w * x), 1 - 2 * (x * x + y * y)], axis=-1)
