"""Holding a payload costs the servos little: what the table promises about torque, held against MuJoCo."""

from __future__ import annotations

import mujoco
import numpy as np
import pytest

from assets.robot import RobotSpec
from assets.table import load_robot
from experiments.bench.payload import GOAL, PAYLOAD_KG, Holding, holdings, workspace


@pytest.fixture(scope="module")
def robot() -> RobotSpec:
    return load_robot("tudi")


@pytest.fixture(scope="module")
def held(robot: RobotSpec) -> list[Holding]:
    return list(holdings(robot, PAYLOAD_KG, list(workspace(3))))


def test_holding_300_g_anywhere_in_the_workspace_takes_at_most_30_percent_of_stall_torque(
    robot: RobotSpec, held: list[Holding]
) -> None:
    worst = np.max([holding.share for holding in held], axis=0)
    too_much = {
        name: round(float(share), 3) for name, share in zip(robot.joint_names, worst, strict=True) if share > GOAL
    }
    assert too_much == {}


def test_the_hand_is_where_the_payload_is_said_to_be(held: list[Holding]) -> None:
    assert max(holding.reach_error_m for holding in held) < 1e-3


def test_the_torque_is_that_of_a_model_whose_hand_holds_the_mass(robot: RobotSpec, held: list[Holding]) -> None:
    spec = mujoco.MjSpec.from_file(str(robot.mjcf_path))
    load = spec.body("right_hand").add_body(pos=spec.site("right_grasp").pos)
    load.add_geom(type=mujoco.mjtGeom.mjGEOM_SPHERE, size=[0.01, 0, 0], mass=PAYLOAD_KG, contype=0, conaffinity=0)
    model = spec.compile()
    data = mujoco.MjData(model)
    joints = [model.joint(name) for name in robot.joint_names]
    for holding in held[::7]:
        data.qpos[[joint.qposadr[0] for joint in joints]] = holding.position_rad
        mujoco.mj_forward(model, data)
        gravity_nm = np.zeros(model.nv)
        mujoco.mj_rne(model, data, 0, gravity_nm)
        torque_nm = gravity_nm[[joint.dofadr[0] for joint in joints]]
        carrying = holding.share > 0
        np.testing.assert_allclose(
            holding.share[carrying], np.abs(torque_nm / robot.max_effort_nm)[carrying], atol=2e-5
        )
