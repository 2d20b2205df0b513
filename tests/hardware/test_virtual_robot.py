"""A robot of virtual servos, driven by the chain and moved by the test."""

from __future__ import annotations

from math import pi
from typing import Any

import numpy as np
import pytest
from driving import drive, obey

from assets.exoskeleton import isomorphic_joints
from assets.robot import RobotSpec
from assets.table import load_robot
from hardware.exoskeleton import ServoExoskeleton
from hardware.port import InProcessPort
from hardware.servos import ServoChain
from hardware.virtual_robot import VirtualExoskeleton, VirtualRobot

TICK_RAD = 2 * pi / 4096


def test_goals_go_in_and_states_come_out_in_joint_order(robot: RobotSpec, clock: Any) -> None:
    twin = VirtualRobot(robot)
    assert twin.goals.is_limp.all()
    chain = ServoChain(robot, {name: InProcessPort(bus.feed, clock) for name, bus in twin.buses.items()})
    np.testing.assert_allclose(chain.connect().position_rad, robot.home, atol=TICK_RAD)
    wished = np.array([0.5, 1.5, -0.5, 0.7])
    drive(chain, wished, clock, obey(twin))
    assert not twin.goals.is_limp.any()
    np.testing.assert_allclose(twin.goals.position_rad, wished, atol=TICK_RAD)
    twin.sense(np.array([0.1, 0.2, 0.3, 0.4]), np.array([1.0, -1.0, 0.5, -0.5]), np.array([2.0, -1.0, 0.5, 0.05]))
    clock.now_s += 0.5
    state = chain.read()
    np.testing.assert_allclose(state.position_rad, [0.1, 0.2, 0.3, 0.4], atol=TICK_RAD)
    np.testing.assert_allclose(state.velocity_rad_s, [1.0, -1.0, 0.5, -0.5], atol=0.012)
    np.testing.assert_allclose(state.effort_nm, [2.0, -1.0, 0.5, 0.05], atol=0.004)


def test_the_goal_current_limits_the_effort_of_a_hand(robot: RobotSpec, clock: Any) -> None:
    twin = VirtualRobot(robot)
    ServoChain(robot, {name: InProcessPort(bus.feed, clock) for name, bus in twin.buses.items()}).connect()
    np.testing.assert_allclose(twin.goals.effort_limit_nm, [10.6, 4.1, 1.5, 0.25 / 1.47 * 0.52])


def test_a_robot_whose_master_falls_silent_holds_where_it_stands(robot: RobotSpec, clock: Any) -> None:
    twin = VirtualRobot(robot)
    chain = ServoChain(robot, {name: InProcessPort(bus.feed, clock) for name, bus in twin.buses.items()})
    chain.connect()
    drive(chain, np.array([1.0, 2.0, 1.0, 1.0]), clock, obey(twin))
    half_way = np.array([0.5, 1.0, 0.5, 0.5])
    twin.sense(half_way, np.zeros(4), np.zeros(4))
    twin.advance(clock.now_s + 0.19)
    np.testing.assert_allclose(twin.goals.position_rad, [1.0, 2.0, 1.0, 1.0], atol=TICK_RAD)
    twin.advance(clock.now_s + 0.21)
    np.testing.assert_allclose(twin.goals.position_rad, half_way, atol=TICK_RAD)


@pytest.mark.parametrize("position_rad", [[0.1, 0.2, -0.3, 0.4], [-1.5, 2.0, 1.0, 0.0]])
def test_a_virtual_trainer_is_read_where_it_holds_the_joints(
    robot: RobotSpec, clock: Any, position_rad: list[float]
) -> None:
    joints = isomorphic_joints(robot)
    worn = VirtualExoskeleton(joints)
    exoskeleton = ServoExoskeleton(robot, joints, InProcessPort(worn.bus.feed, clock))
    worn.hold(np.array(position_rad))
    np.testing.assert_allclose(exoskeleton.connect().position_rad, position_rad, atol=TICK_RAD)


def test_the_reference_humanoid_connects_and_can_use_all_its_torque(clock: Any) -> None:
    tudi = load_robot()
    twin = VirtualRobot(tudi)
    chain = ServoChain(tudi, {name: InProcessPort(bus.feed, clock) for name, bus in twin.buses.items()})
    state = chain.connect()
    assert not state.missing
    np.testing.assert_allclose(state.position_rad, tudi.home, atol=TICK_RAD)
    drive(chain, tudi.upper, clock, obey(twin), periods=60)
    np.testing.assert_allclose(twin.goals.position_rad, tudi.upper, atol=TICK_RAD)
    drive(chain, tudi.lower, clock, obey(twin), periods=60)
    np.testing.assert_allclose(twin.goals.position_rad, tudi.lower, atol=TICK_RAD)
    in_position_mode = np.array([servo.operating_mode == "position" for servo in tudi.servos])
    np.testing.assert_allclose(twin.goals.effort_limit_nm[in_position_mode], tudi.max_effort_nm[in_position_mode])
