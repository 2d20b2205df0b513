"""Describe a robot that is known only from a dataset: a unit, a group and limits for each channel."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assets.robot import CameraSpec, JointSpec, RobotSpec, Unit

VELOCITY_BEFORE = "observation.velocity_before"  # derived at import: with the velocity it shows acceleration

_HAND = re.compile(r"hand|gripper|finger|thumb", re.IGNORECASE)
_PARTS = (
    ("hand", _HAND),
    ("head", re.compile(r"head|neck", re.IGNORECASE)),
    ("waist", re.compile(r"waist|torso|spine", re.IGNORECASE)),
    ("leg", re.compile(r"leg|hip|knee|ankle", re.IGNORECASE)),
    ("arm", re.compile(r"arm|shoulder|elbow|wrist", re.IGNORECASE)),
)
_LIMIT_MARGIN = 0.05  # of the seen range, on both sides
_RATE_MARGIN = 1.5  # over the fastest seen motion


def flat_names(names: Any, count: int) -> tuple[str, ...]:
    """Channel names of a feature: LeRobot has them as a list, a list of lists, a mapping, or not at all."""
    if isinstance(names, Mapping):
        names = next((value for value in names.values() if isinstance(value, list)), list(names))
    while isinstance(names, list) and len(names) == 1 and isinstance(names[0], list):
        names = names[0]
    flat = tuple(str(name) for name in names) if isinstance(names, list) else ()
    return flat if len(flat) == count and len(set(flat)) == count else tuple(f"joint_{i}" for i in range(count))


def group_of(name: str) -> str:
    """The part of the body that a channel's name speaks of: `left_arm`, `right_hand`, ..., or `body`."""
    part = next((part for part, pattern in _PARTS if pattern.search(name)), "body")
    side = re.search(r"left|right", name, re.IGNORECASE)
    if side is None:
        return part
    return f"{side.group().lower()}_{'arm' if part == 'body' else part}"


def describe_robot(
    name: str,
    fps: float,
    joint_names: Sequence[str],
    state: NDArray[np.floating[Any]],
    action: NDArray[np.floating[Any]],
    same_episode: NDArray[np.bool_],
    cameras: Sequence[tuple[str, int, int]],
) -> RobotSpec:
    """A RobotSpec whose limits are the seen range plus 5 %, and whose rates are 1.5 times the fastest seen.

    What a dataset cannot tell (effort limits, fields of view) is 0. Such a robot can be learned from, not driven.

    Args:
        state: (rows, joints) measured positions.
        action: (rows, joints) commanded positions.
        same_episode: (rows - 1,), whether a row and the next are of one episode.
        cameras: name, width and height of each camera.
    """
    both = np.concatenate([state, action]).astype(np.float64)
    signed_rate = np.diff(action.astype(np.float64), axis=0) * fps
    acceleration = np.abs(np.diff(signed_rate, axis=0)) * fps
    rate = np.abs(signed_rate)
    rate[~same_episode] = 0.0
    acceleration[~(same_episode[1:] & same_episode[:-1])] = 0.0
    joints = []
    for i, joint in enumerate(joint_names):
        lower, upper = float(both[:, i].min()), float(both[:, i].max())
        unit: Unit = "ratio" if _HAND.search(joint) and lower >= 0.0 and upper <= 1.0 else "rad"
        margin = max(_LIMIT_MARGIN * (upper - lower), 0.01)
        joints.append(
            JointSpec(
                name=joint,
                group=group_of(joint),
                lower=0.0 if unit == "ratio" else lower - margin,
                upper=1.0 if unit == "ratio" else upper + margin,
                home=float(np.median(state[:, i])),
                max_rate=_RATE_MARGIN * float(rate[:, i].max(initial=0.0)),
                max_acceleration=_RATE_MARGIN * float(acceleration[:, i].max(initial=0.0)),
                max_effort_nm=0.0,
                unit=unit,
            )
        )
    views = tuple(CameraSpec(camera, width, height, 0.0, 2.0 / fps) for camera, width, height in cameras)
    return RobotSpec(name=name, control_hz=fps, joints=tuple(joints), cameras=views)
