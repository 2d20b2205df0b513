"""The chain of servos as joints: units, setup, partial answers, stops."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from math import pi
from typing import Any

import numpy as np
import pytest
from driving import drive

from assets.robot import RobotSpec
from hardware import control_table as table
from hardware.control_table import OperatingMode
from hardware.errors import BusError, PortError, ServoError
from hardware.port import InProcessPort
from hardware.pseudo_terminal import PseudoTerminal
from hardware.servos import ServoChain
from hardware.virtual import VirtualBus

HOME_RAD = {"shoulder": 0.2, "elbow": 0.5, "wrist": -0.3, "grip": 0.4}
HOME_TICKS = {  # by the table: center + sign * rad * 4096 / 2 pi, rounded by hand
    12: 2048 + 130,
    11: 3000 - 326,
    13: 1024 - 196,
    20: 2048 - 261,
}


def stand_at_home(buses: dict[str, VirtualBus]) -> None:
    for bus in buses.values():
        for servo in bus.servos:
            servo.sense(HOME_TICKS[servo.servo_id])


@pytest.fixture
def chain(robot: RobotSpec, virtual_buses: dict[str, VirtualBus], clock: Any) -> ServoChain:
    stand_at_home(virtual_buses)
    return ServoChain(robot, {name: InProcessPort(bus.feed, clock, name) for name, bus in virtual_buses.items()})


def goals(buses: dict[str, VirtualBus]) -> dict[int, int]:
    return {servo.servo_id: servo.get(table.GOAL_POSITION) for bus in buses.values() for servo in bus.servos}


def all_limp(buses: dict[str, VirtualBus]) -> bool:
    return all(servo.target is None for bus in buses.values() for servo in bus.servos)


def test_ticks_become_radians_by_the_joint_table(
    chain: ServoChain, robot: RobotSpec, virtual_buses: dict[str, VirtualBus], clock: Any
) -> None:
    state = chain.connect()
    np.testing.assert_allclose(state.position_rad, [HOME_RAD[name] for name in robot.joint_names], atol=pi / 4096)
    virtual_buses["arm"].servo(11).sense(2000, velocity_ticks=10, current_ticks=100)
    clock.now_s += 1.0  # no servo gets there at once
    state = chain.read()
    assert state.position_rad[1] == pytest.approx(1000 * 2 * pi / 4096)
    assert state.velocity_rad_s[1] == pytest.approx(-10 * 0.023981, rel=1e-4)
    assert state.effort_nm[1] == pytest.approx(-0.269 / 2.3 * 4.1)


def test_connecting_sets_every_servo_up_and_holds_it_where_it_stands(
    chain: ServoChain, virtual_buses: dict[str, VirtualBus]
) -> None:
    chain.connect()
    assert goals(virtual_buses) == HOME_TICKS
    for bus in virtual_buses.values():
        for servo in bus.servos:
            assert servo.torque_on
            assert servo.get(table.RETURN_DELAY) == 0
            assert servo.get(table.BUS_WATCHDOG) == 10
    arm, hand = virtual_buses["arm"], virtual_buses["hand"]
    assert arm.servo(12).get(table.OPERATING_MODE) == OperatingMode.POSITION
    assert hand.servo(20).get(table.OPERATING_MODE) == OperatingMode.CURRENT_POSITION
    assert hand.servo(20).get(table.GOAL_CURRENT) == 250
    limits = [arm.servo(11).get(register) for register in (table.MIN_POSITION_LIMIT, table.MAX_POSITION_LIMIT)]
    assert limits == [3000 - 1304, 3000]


def obedient(buses: dict[str, VirtualBus]) -> Callable[[], None]:
    def obey() -> None:
        for bus in buses.values():
            for servo in bus.servos:
                servo.sense(servo.get(table.GOAL_POSITION))

    return obey


def test_goals_reach_their_servos(chain: ServoChain, virtual_buses: dict[str, VirtualBus], clock: Any) -> None:
    chain.connect()
    state = drive(chain, np.array([1.0, 2.0, 0.5, 0.0]), clock, obedient(virtual_buses))
    assert goals(virtual_buses) == {12: 2048 + 652, 11: 3000 - 1304, 13: 1024 + 326, 20: 2048}
    assert not state.missing
    assert not state.alerts


def test_goals_beyond_the_limits_are_clipped_so_that_no_servo_drops_them(
    chain: ServoChain, virtual_buses: dict[str, VirtualBus], clock: Any
) -> None:
    chain.connect()
    drive(chain, np.array([9.0, -9.0, 0.0, 9.0]), clock, obedient(virtual_buses))
    assert chain.held_back == ("shoulder", "elbow", "grip")
    assert goals(virtual_buses) == {12: 2048 + 652, 11: 3000, 13: 1024, 20: 2048 - 652}


@pytest.mark.parametrize("bad", [np.array([0.0, np.nan, 0.0, 0.0]), np.zeros(3)])
def test_goals_that_are_no_goals_are_refused(
    chain: ServoChain, virtual_buses: dict[str, VirtualBus], bad: np.ndarray
) -> None:
    chain.connect()
    with pytest.raises(ServoError, match="4 finite numbers"):
        chain.write_goals(bad)
    assert goals(virtual_buses) == HOME_TICKS


def test_a_silent_servo_keeps_its_last_value_and_its_old_stamp(
    chain: ServoChain, virtual_buses: dict[str, VirtualBus], clock: Any
) -> None:
    before = chain.connect()
    virtual_buses["arm"].servo(12).is_silent = True
    virtual_buses["arm"].servo(12).sense(0)
    clock.now_s += 0.04
    assert set(chain.read().missing) == {"shoulder", "elbow", "wrist"}  # silence spreads along the chain, once
    after = chain.read()
    assert set(after.missing) == {"shoulder"}
    assert after.position_rad[0] == before.position_rad[0]
    np.testing.assert_allclose(after.stamp_s - before.stamp_s, [0.0, 0.04, 0.04, 0.04])


def test_a_hardware_alert_names_its_joint(chain: ServoChain, virtual_buses: dict[str, VirtualBus]) -> None:
    chain.connect()
    virtual_buses["hand"].servo(20).raise_hardware_error(0x20)
    assert chain.read().alerts == ("grip",)


def test_servos_stop_by_themselves_when_we_fall_silent_and_rearm_where_they_stand(
    chain: ServoChain, virtual_buses: dict[str, VirtualBus], clock: Any
) -> None:
    chain.connect()
    chain.write_goals(np.array([0.21, 0.51, -0.29, 0.41]))
    assert goals(virtual_buses) != HOME_TICKS
    assert chain.tripped() == ()
    clock.now_s += 0.3
    assert chain.tripped() == ("shoulder", "elbow", "wrist", "grip")
    assert goals(virtual_buses) == HOME_TICKS
    chain.rearm()
    drive(chain, np.array([1.0, 2.0, 0.5, 0.0]), clock, obedient(virtual_buses))
    assert goals(virtual_buses)[12] == 2048 + 652


def test_limp_tries_every_servo_and_tells_which_did_not_consent(
    chain: ServoChain, virtual_buses: dict[str, VirtualBus]
) -> None:
    chain.connect()
    virtual_buses["arm"].servo(11).is_silent = True
    (failure,) = chain.limp()
    assert "elbow" in failure
    assert all_limp(virtual_buses)


def test_hold_makes_the_measured_position_the_goal(chain: ServoChain, virtual_buses: dict[str, VirtualBus]) -> None:
    chain.connect()
    chain.write_goals(np.array([1.0, 2.0, 0.5, 0.0]))
    assert goals(virtual_buses) != HOME_TICKS
    chain.hold()
    assert goals(virtual_buses) == HOME_TICKS


def test_closing_makes_the_robot_limp_and_may_be_repeated(
    chain: ServoChain, virtual_buses: dict[str, VirtualBus]
) -> None:
    chain.connect()
    chain.close()
    chain.close()
    assert all_limp(virtual_buses)


def test_a_servo_of_another_model_is_refused_with_both_names(
    robot: RobotSpec, virtual_buses: dict[str, VirtualBus], clock: Any
) -> None:
    servos = tuple(dataclasses.replace(s, model="XM540-W270") if s.joint == "elbow" else s for s in robot.servos)
    other = dataclasses.replace(robot, servos=servos)
    chain = ServoChain(other, {name: InProcessPort(bus.feed, clock) for name, bus in virtual_buses.items()})
    with pytest.raises(ServoError, match=r"elbow.*XM430-W350.*XM540-W270"):
        chain.connect()
    assert all_limp(virtual_buses)


def test_a_homing_offset_is_left_to_a_person(chain: ServoChain, virtual_buses: dict[str, VirtualBus]) -> None:
    assert not virtual_buses["arm"].servo(12).write(table.HOMING_OFFSET.address, table.HOMING_OFFSET.encode(100))
    with pytest.raises(ServoError, match="homing offset"):
        chain.connect()
    assert virtual_buses["arm"].servo(12).get(table.HOMING_OFFSET) == 100


def test_a_servo_that_does_not_answer_is_named_and_the_others_are_limp(
    chain: ServoChain, virtual_buses: dict[str, VirtualBus]
) -> None:
    virtual_buses["hand"].servos.clear()
    with pytest.raises(BusError, match=r"bus hand.*servo 20"):
        chain.connect()
    assert all_limp(virtual_buses)


def test_a_servo_at_a_low_return_level_is_brought_to_answer(
    chain: ServoChain, virtual_buses: dict[str, VirtualBus]
) -> None:
    servo = virtual_buses["arm"].servo(12)
    assert not servo.write(table.STATUS_RETURN_LEVEL.address, b"\x00")
    chain.connect()
    assert servo.get(table.STATUS_RETURN_LEVEL) == 2


@pytest.mark.parametrize("names", [("arm",), ("arm", "hand", "leg")])
def test_ports_must_fit_the_tables_buses(robot: RobotSpec, names: tuple[str, ...]) -> None:
    with pytest.raises(ServoError, match="buses"):
        ServoChain(robot, {name: InProcessPort(lambda data, now_s: b"") for name in names})


def test_a_goal_current_beyond_the_models_limit_is_refused(
    robot: RobotSpec, virtual_buses: dict[str, VirtualBus], clock: Any
) -> None:
    stand_at_home(virtual_buses)
    servos = tuple(dataclasses.replace(s, goal_current_a=3.0) if s.joint == "grip" else s for s in robot.servos)
    chain = ServoChain(
        dataclasses.replace(robot, servos=servos),
        {name: InProcessPort(bus.feed, clock) for name, bus in virtual_buses.items()},
    )
    with pytest.raises(ServoError, match=r"grip.*3\.0 A.*1\.75 A"):
        chain.connect()


def test_a_missing_port_leaves_no_other_port_open(robot: RobotSpec, tmp_path: Any) -> None:
    terminal = PseudoTerminal()
    ports = {"arm": terminal.path, "hand": str(tmp_path / "absent")}
    for _ in range(2):  # a port still open would refuse the second attempt for another reason
        with pytest.raises(PortError, match="absent"):
            ServoChain(robot, ports)
    terminal.close()


def test_the_chain_works_over_pseudo_terminals(
    robot: RobotSpec, virtual_buses: dict[str, VirtualBus], serve: Any
) -> None:
    stand_at_home(virtual_buses)
    ports = {name: serve(bus.feed) for name, bus in virtual_buses.items()}
    chain = ServoChain(robot, ports, watchdog_s=2.5, reply_margin_s=1.0)
    chain.connect()
    chain.write_goals(np.array([0.2, 0.51, -0.3, 0.4]))
    state = chain.read()
    assert not state.missing
    np.testing.assert_allclose(state.position_rad, [HOME_RAD[name] for name in robot.joint_names], atol=pi / 4096)
    assert goals(virtual_buses)[11] == 3000 - 332
    chain.close()
    assert all_limp(virtual_buses)
