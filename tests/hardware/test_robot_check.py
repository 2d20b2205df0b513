"""The report on a robot: what answers, what differs from the table, and what to do about it."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from assets.robot import RobotSpec
from hardware import control_table as table
from hardware.control_table import servo_model
from hardware.errors import PortError
from hardware.port import InProcessPort
from hardware.robot_check import check_robot
from hardware.robot_report import RobotReport
from hardware.scanning import scan_port
from hardware.servos import ServoChain
from hardware.virtual import VirtualBus
from hardware.virtual_robot import VirtualRobot
from hardware.virtual_servo import VirtualServo


@pytest.fixture
def buses(robot: RobotSpec) -> dict[str, VirtualBus]:
    return VirtualRobot(robot).buses


def ports(buses: dict[str, VirtualBus], clock: Any) -> dict[str, InProcessPort]:
    return {name: InProcessPort(bus.feed, clock, name) for name, bus in buses.items()}


def needing_a_person(report: RobotReport) -> list[str]:
    return [str(finding) for finding in report.findings if finding.needs_person]


def test_a_robot_from_the_factory_can_be_connected_as_it_is(
    robot: RobotSpec, buses: dict[str, VirtualBus], clock: Any
) -> None:
    report = check_robot(robot, ports(buses, clock))
    assert report.is_ready
    assert {(servo.joint, servo.servo_id, servo.model) for servo in report.servos} == {
        (servo.joint, servo.servo_id, servo.model) for servo in robot.servos
    }
    mode = "operating mode is 3 (position), the table needs 5 (current_position); connecting writes it"
    assert f"grip (bus hand, id 20): {mode}" in map(str, report.findings)


def test_a_connected_robot_has_nothing_left_to_mend(robot: RobotSpec, buses: dict[str, VirtualBus], clock: Any) -> None:
    ServoChain(robot, ports(buses, clock)).connect()
    report = check_robot(robot, ports(buses, clock))
    assert report.findings == ()
    assert {servo.mode for servo in report.servos} == {"position", "current_position"}


def test_checking_changes_nothing(robot: RobotSpec, buses: dict[str, VirtualBus], clock: Any) -> None:
    servos = [servo for bus in buses.values() for servo in bus.servos]
    before = [servo.read(0, table.REALTIME_TICK.address) for servo in servos]
    check_robot(robot, ports(buses, clock))
    assert [servo.read(0, table.REALTIME_TICK.address) for servo in servos] == before


def test_a_fresh_servo_in_place_of_a_missing_one_gets_its_id_proposed(
    robot: RobotSpec, buses: dict[str, VirtualBus], clock: Any
) -> None:
    buses["arm"].servos = [servo for servo in buses["arm"].servos if servo.servo_id != 11]
    buses["arm"].servos.append(VirtualServo(1, servo_model("XM430-W350")))
    complaints = needing_a_person(check_robot(robot, ports(buses, clock)))
    assert len(complaints) == 2
    assert "as elbow, which gives it the id 11" in complaints[0]
    assert complaints[1].startswith("elbow (bus arm, id 11): no XM430-W350 answers")


@pytest.mark.parametrize(
    ("damage", "complaint"),
    [
        (lambda servo: servo.raise_hardware_error(0x20), "hardware error: overload"),
        (lambda servo: servo.sense(0), "stands at -3.142 rad, outside its limits -1.500 to 1.000"),
        (
            lambda servo: servo.write(table.HOMING_OFFSET.address, table.HOMING_OFFSET.encode(9)),
            "homing offset is 9, the table needs 0",
        ),
    ],
    ids=["overload", "position", "homing offset"],
)
def test_what_is_wrong_with_a_servo_is_told_with_its_place(
    robot: RobotSpec, buses: dict[str, VirtualBus], clock: Any, damage: Any, complaint: str
) -> None:
    damage(buses["arm"].servo(12))
    (told,) = needing_a_person(check_robot(robot, ports(buses, clock)))
    assert told.startswith("shoulder (bus arm, id 12)")
    assert complaint in told


def test_another_model_is_told_with_both_names(robot: RobotSpec, buses: dict[str, VirtualBus], clock: Any) -> None:
    servos = tuple(dataclasses.replace(s, model="XM540-W270") if s.joint == "elbow" else s for s in robot.servos)
    other = dataclasses.replace(robot, servos=servos)
    (told,) = needing_a_person(check_robot(other, ports(buses, clock)))
    assert "is XM430-W350, the table needs XM540-W270" in told


def test_two_servos_with_one_id_are_told_apart_from_one(
    robot: RobotSpec, buses: dict[str, VirtualBus], clock: Any
) -> None:
    buses["arm"].servos.append(VirtualServo(12, servo_model("XM540-W270")))
    (told,) = needing_a_person(check_robot(robot, ports(buses, clock)))
    assert "2 servos answer to id 12" in told


def test_ports_that_are_missing_unknown_or_broken_are_findings(
    robot: RobotSpec, buses: dict[str, VirtualBus], clock: Any
) -> None:
    given = {"arm": "/dev/no-such-port", "leg": InProcessPort(lambda data, now_s: b"", clock)}
    told = needing_a_person(check_robot(robot, given))
    assert len(told) == 3
    assert "cannot open serial port /dev/no-such-port" in told[0]
    assert "bus hand: no port was given" in told[1]
    assert "robot pocket has no such bus" in told[2]


def test_scanning_a_port_tells_id_model_and_firmware(buses: dict[str, VirtualBus], serve: Any) -> None:
    found = scan_port(serve(buses["arm"].feed), reply_margin_s=1.0)
    assert [(reply.servo_id, reply.model_name, reply.firmware) for reply in found] == [
        (11, "XM430-W350", 46),
        (12, "XM540-W270", 46),
        (13, "XL430-W250", 46),
    ]


def test_scanning_an_absent_port_is_an_error() -> None:
    with pytest.raises(PortError, match="no-such-port"):
        scan_port("/dev/no-such-port")
