"""Where the hands were: in metres by forward kinematics where there is a model, else as arm joints in radians."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from assets.errors import AssetError
from assets.robot import RobotSpec
from assets.table import load_robot
from envs.body import FloatArray

SIDES = ("left", "right")
Unit = Literal["m", "rad"]


@dataclass(frozen=True)
class Limb:
    """One arm's way and its fingers'."""

    side: str
    path: FloatArray  # (ticks, axes) of the hand; axes are x, y, z in metres, or the arm's joints in radians
    fingers_rad: FloatArray  # (ticks, finger joints)
    unit: Unit


def limbs_of(robot: RobotSpec, position_rad: FloatArray) -> tuple[Limb, ...]:
    """The limbs of a robot at measured joint positions, (ticks, joints).

    A robot is known by its table: where `assets` holds one of this name with the same joints, its model tells where the
    hands are. Else the joints of `left_arm` and `right_arm` stand for them; of a robot without such groups, all joints.
    """
    hands = _hand_places(robot, position_rad)
    limbs = []
    for side in SIDES:
        arm, fingers = robot.group(f"{side}_arm"), robot.group(f"{side}_hand")
        if side in hands:
            limbs.append(Limb(side, hands[side], position_rad[:, fingers], "m"))
        elif len(arm):
            limbs.append(Limb(side, position_rad[:, arm], position_rad[:, fingers], "rad"))
    return tuple(limbs) or (Limb("", position_rad, position_rad[:, :0], "rad"),)


def _hand_places(robot: RobotSpec, position_rad: FloatArray) -> dict[str, FloatArray]:
    path = robot.mjcf_path or _known_model(robot.name, robot.joint_names)
    if path is None:
        return {}
    model, addresses, sites = _model(path, robot.joint_names)
    if not sites:
        return {}
    from envs.engine import mujoco

    data = mujoco.MjData(model)
    places = np.empty((len(position_rad), len(sites), 3))
    ids = list(sites.values())
    for row, position in enumerate(position_rad):
        data.qpos[addresses] = position
        mujoco.mj_kinematics(model, data)
        places[row] = data.site_xpos[ids]
    return {side: places[:, place] for place, side in enumerate(sites)}


@lru_cache(maxsize=8)
def _known_model(name: str, joint_names: tuple[str, ...]) -> Path | None:
    try:
        known = load_robot(name)
    except AssetError:
        return None  # a robot that is known only from recordings
    return known.mjcf_path if known.joint_names == joint_names else None


@lru_cache(maxsize=4)
def _model(path: Path, joint_names: tuple[str, ...]) -> tuple[Any, NDArray[np.intp], dict[str, int]]:
    from envs.engine import mujoco

    model = mujoco.MjModel.from_xml_path(str(path))
    addresses = np.array([model.joint(name).qposadr[0] for name in joint_names])
    names = {side: mujoco.mj_name2id(model, mujoco.mjtObj.mjOBJ_SITE, f"{side}_grasp") for side in SIDES}
    return model, addresses, {side: site for side, site in names.items() if site >= 0}
