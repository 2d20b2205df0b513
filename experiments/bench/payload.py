"""How hard the servos work to hold a payload still, wherever the task takes the hand."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from assets.robot import RobotSpec
from assets.table import load_robot
from envs.engine import mujoco
from envs.pilots.kinematics import SHOULDER_IN_WORLD, HandKinematics, facing
from envs.pilots.pick_fruit_expert import ABOVE_BASKET_M, RELEASE_M, TILT
from envs.tasks.pick_fruit_rules import OVER_MM
from experiments.bench.rows import BenchOptions, Row
from experiments.workers import progress_bar

FloatArray = NDArray[np.float64]

PAYLOAD_KG = 0.3
GOAL = 0.30  # of stall torque: what a servo can hold for hours
GRAVITY_M_S2 = 9.81
# Where ripe fruit hang (by the factors' ranges), and how far one is lifted off its branch.
FRUIT_M = ((0.30, 0.38), (-0.24, -0.06), (0.80, 0.97))
BASKET_M = (0.22, -0.36, 0.652)  # the basket's site in the scene
_IK_ROUNDS = 25
_IK_PERIOD_S = 0.04


@dataclass(frozen=True)
class Payload(BenchOptions):
    """Torque that holds a payload still over the task's workspace, as a share of stall torque.

    Example: retake bench payload --payload-kg 0.5
    """

    payload_kg: float = PAYLOAD_KG
    """Mass in the right hand, in kg."""
    robot: str = "tudi"
    """Which robot of assets/."""


@dataclass(frozen=True)
class Holding:
    """What holding still costs at one place. The joints are those that carry the hand: waist and arm."""

    place_m: FloatArray  # (3,)
    position_rad: FloatArray  # (joints,)
    share: FloatArray  # (joints,) of stall torque; 0 for joints that do not carry the hand
    reach_error_m: float


def measure(config: Payload) -> list[Row]:
    robot = load_robot(config.robot)
    places = list(workspace(3 if config.quick else 5))
    found: list[Holding] = []
    with progress_bar("places in the workspace", len(places)) as advance:
        for holding in holdings(robot, config.payload_kg, places):
            found.append(holding)
            advance("")
    shares = np.stack([holding.share for holding in found])
    rows = []
    for index in np.flatnonzero(shares.any(axis=0)):
        worst = found[int(shares[:, index].argmax())]
        place = ", ".join(f"{metre:.2f}" for metre in worst.place_m)
        rows.append(
            Row(
                robot.joint_names[index],
                float(shares[:, index].max()),
                f"of {robot.max_effort_nm[index]:g} Nm",
                goal=GOAL,
                note=f"worst with the hand at ({place}) m",
            )
        )
    error_mm = 1e3 * max(holding.reach_error_m for holding in found)
    return [*rows, Row("reach error", error_mm, "mm", goal=1.0, note=f"worst of {len(found)} places")]


def workspace(fineness: int) -> Iterator[FloatArray]:
    """Places of the hand: a grid over where fruit hang, and what lies above the basket's middle."""
    for place in product(*(np.linspace(lower, upper, fineness) for lower, upper in FRUIT_M)):
        yield np.array(place)
    beside_m = OVER_MM / 1e3
    for height_m in (RELEASE_M, ABOVE_BASKET_M):
        for x_m, y_m in ((0, 0), (beside_m, 0), (-beside_m, 0), (0, beside_m), (0, -beside_m)):
            yield np.add(BASKET_M, (x_m, y_m, height_m))


def holdings(robot: RobotSpec, payload_kg: float, places: list[FloatArray]) -> Iterator[Holding]:
    """Static inverse dynamics at each place, fingers pointing as the expert points them.

    A joint holds its own arm's weight, which is MuJoCo's bias force at rest, and the payload's, which the transposed
    Jacobian of the grasp site takes to the joints: `tau = g(q) + J(q)^T (0, 0, m g)`.
    """
    kinematics = HandKinematics(robot, "right")
    model = kinematics.model
    data = mujoco.MjData(model)
    joints = [model.joint(name) for name in robot.joint_names]
    qpos = np.array([joint.qposadr[0] for joint in joints])
    dof = np.array([joint.dofadr[0] for joint in joints])
    carries = np.isin(np.arange(len(joints)), np.concatenate([robot.group("waist"), robot.group("right_arm")]))
    weight_n = np.array([0.0, 0.0, payload_kg * GRAVITY_M_S2])
    for place in places:
        kinematics.reset(robot.home)
        for _ in range(_IK_ROUNDS):
            position_rad = kinematics.solve(place, facing(_pointing(place)), _IK_PERIOD_S)
        data.qpos[:], data.qvel[:] = model.qpos0, 0.0
        data.qpos[qpos] = position_rad
        mujoco.mj_forward(model, data)
        jacobian = np.zeros((3, model.nv))
        mujoco.mj_jacSite(model, data, jacobian, None, model.site("right_grasp").id)
        torque_nm = (data.qfrc_bias + jacobian.T @ weight_n)[dof]
        error_m = float(np.linalg.norm(kinematics.hand_position() - place))
        yield Holding(place, position_rad, np.where(carries, np.abs(torque_nm) / robot.max_effort_nm, 0.0), error_m)


def _pointing(place: FloatArray) -> FloatArray:  # (3,)
    away = place - SHOULDER_IN_WORLD
    away[2] *= 0.3
    if place[1] < FRUIT_M[1][0]:
        away[2] -= TILT
    return np.array(away / np.linalg.norm(away))
