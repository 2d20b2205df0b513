"""Wrong configurations of every kind: each is told with its fix, and what matters keeps torque off."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from baud_line import BaudLine, servo

from assets.calibration import Calibration, ChannelCalibration, calibrated
from assets.robot import RobotSpec
from hardware import control_table as table
from hardware.bus import DynamixelBus
from hardware.control_table import Register
from hardware.errors import ServoError
from hardware.robot_check import check_robot
from hardware.robot_report import Finding, RobotReport
from hardware.servo_expectation import Difference, judged
from hardware.servo_memory import ServoMemory
from hardware.servos import ServoChain
from hardware.virtual_servo import VirtualServo

HOME_TICKS = {12: 2048, 11: 2600, 13: 1024, 20: 1700}


@pytest.fixture
def line(robot: RobotSpec, clock: Any) -> BaudLine:
    """The robot as the factory left its servos, but for ids and baud rate, standing within its limits."""
    servos: dict[str, list[VirtualServo]] = {"arm": [], "hand": []}
    for own in robot.servos:
        servos[own.bus].append(servo(own.servo_id, own.model, ticks=HOME_TICKS[own.servo_id]))
    return BaudLine(servos, clock)


def look(robot: RobotSpec, line: BaudLine, calibration: Calibration | None = None) -> RobotReport:
    return check_robot(robot, {"arm": "arm", "hand": "hand"}, calibration=calibration, opener=line.open)


def connect(robot: RobotSpec, line: BaudLine) -> None:
    ServoChain(robot, {name: line.open(name, 1_000_000) for name in line.servos}).connect()


def refusing(report: RobotReport) -> list[Finding]:
    return [finding for finding in report.findings if finding.needs_person]


def swap(line: BaudLine, servo_id: int, other: VirtualServo) -> None:
    line.servos["arm"] = [each for each in line.servos["arm"] if each.servo_id != servo_id] + [other]


def all_limp(line: BaudLine) -> bool:
    return all(each.target is None for servos in line.servos.values() for each in servos)


def test_a_long_return_delay_and_a_wrong_mode_are_told_and_mended_by_connecting(
    robot: RobotSpec, line: BaudLine
) -> None:
    told = {(finding.place, finding.problem): finding.severity for finding in look(robot, line).findings}
    assert told["elbow (bus arm, id 11)", "return delay time is 250, the table needs 0"] == "mended"
    grip = line.servos["hand"][0]
    assert told["grip (bus hand, id 20)", "operating mode is 3 (position), the table needs 5 (current_position)"] == (
        "mended"
    )
    connect(robot, line)
    assert grip.get(table.OPERATING_MODE) == 5
    assert not [finding for finding in look(robot, line).findings if finding.severity == "mended"]


def test_a_servo_lost_at_another_baud_rate_is_found_and_the_way_back_told(robot: RobotSpec, line: BaudLine) -> None:
    swap(line, 11, servo(11, "XM430-W350", 2_000_000, ticks=2600))
    (finding,) = refusing(look(robot, line))
    assert finding.problem == "no XM430-W350 answers at 1000000 baud, but one does at 2000000"
    assert finding.command == "setup-servo --joint elbow --from-id 11"


def test_a_servo_out_of_the_box_is_known_as_new_and_offered_to_the_joint_that_lacks_one(
    robot: RobotSpec, line: BaudLine
) -> None:
    swap(line, 11, servo(1, "XM430-W350", 57_600))
    missing, new = refusing(look(robot, line))
    assert missing.place == "elbow (bus arm, id 11)"
    assert "XM430-W350 with id 1 at 57600 baud" in new.problem
    assert new.fix.startswith("a new servo: adopt it with setup-servo as elbow")
    assert new.command == "setup-servo --joint elbow --from-id 1"


def test_a_new_servo_of_a_model_that_nobody_lacks_is_a_stranger(robot: RobotSpec, line: BaudLine) -> None:
    swap(line, 11, servo(1, "XM540-W270", 57_600))
    _, stranger = refusing(look(robot, line))
    assert stranger.fix == "unplug it, or enter it in the robot table"
    assert stranger.command is None


def test_a_servo_that_is_nowhere_leaves_power_and_cable_to_check(robot: RobotSpec, line: BaudLine) -> None:
    line.servos["hand"].clear()
    (finding,) = refusing(look(robot, line))
    assert (finding.problem, finding.command) == ("no XL330-M288 answers", None)


def test_two_servos_with_one_id_are_refused_by_check_and_by_connecting(robot: RobotSpec, line: BaudLine) -> None:
    line.servos["arm"].append(servo(12, "XM540-W270"))
    (finding,) = refusing(look(robot, line))
    assert finding.problem == "2 servos answer to id 12"
    with pytest.raises(ServoError, match=r"bus arm: several servos answer to id 12 \(shoulder\)"):
        connect(robot, line)
    assert all_limp(line)


@pytest.mark.parametrize(
    ("other", "complaint", "command"),
    [
        (servo(11, "XM540-W270", ticks=2600), "model number is XM540-W270, the table needs XM430-W350", None),
        (servo(11, "XM430-W350", firmware=37, ticks=2600), "firmware 37 has no bus watchdog", None),
        (servo(11, "XM430-W350", ticks=100), "stands at 4.449 rad, outside its limits 0.000 to 2.000", "calibrate"),
    ],
    ids=["model", "firmware", "position"],
)
def test_another_servo_in_the_place_of_one_is_refused_by_check_and_by_connecting(
    robot: RobotSpec, line: BaudLine, other: VirtualServo, complaint: str, command: str | None
) -> None:
    swap(line, 11, other)
    (finding,) = refusing(look(robot, line))
    assert finding.problem.startswith(complaint)
    assert finding.command == command
    with pytest.raises(ServoError, match=complaint.split(",")[0]):
        connect(robot, line)
    assert all_limp(line)


def test_an_overload_is_refused_with_the_command_that_reboots(robot: RobotSpec, line: BaudLine) -> None:
    line.servos["arm"][0].raise_hardware_error(0x20)
    (finding,) = refusing(look(robot, line))
    assert (finding.problem, finding.command) == ("hardware error: overload", "reboot --ids 12")
    with pytest.raises(ServoError, match=r"retake robot reboot --ids 12"):
        connect(robot, line)
    assert all_limp(line)


def calibration_with(robot: RobotSpec, offset: int) -> Calibration:
    channels = tuple(
        ChannelCalibration(own.joint, 0, 4095, own.center_ticks, homing_offset=offset) for own in robot.servos
    )
    return Calibration("robot", robot.name, "2026-01-01T00:00:00+00:00", channels)


def test_a_homing_offset_changed_since_the_calibration_is_refused(robot: RobotSpec, line: BaudLine) -> None:
    measured = calibration_with(robot, 100)
    report = look(robot, line, measured)
    assert report.calibration == measured.digest
    assert {finding.problem for finding in refusing(report)} == {"homing offset is 0, the table needs 100"}
    assert {finding.command for finding in refusing(report)} == {"calibrate"}
    with pytest.raises(ServoError, match="homing offset is 0, the table needs 100"):
        connect(calibrated(robot, measured), line)
    assert all_limp(line)
    assert not refusing(look(robot, line, calibration_with(robot, 0)))


def test_a_joint_outside_its_measured_travel_is_good_to_know(robot: RobotSpec, line: BaudLine) -> None:
    measured = calibration_with(robot, 0)
    narrow = replace(measured, channels=tuple(replace(c, lowest=0, highest=900) for c in measured.channels))
    told = [finding for finding in look(robot, line, narrow).findings if finding.severity == "advice"]
    assert {finding.place.split()[0] for finding in told} == {"shoulder", "elbow", "wrist", "grip"}
    assert look(robot, line, narrow).is_ready


def memory_of(line: BaudLine, **changed: tuple[Register, int]) -> ServoMemory:
    """What the elbow's servo says of itself, some registers changed."""
    bus = DynamixelBus(line.open("arm", 1_000_000), "arm")
    data = bytearray(ServoMemory.read(bus, 11).data)
    for register, value in changed.values():
        data[register.address : register.address + register.size] = register.encode(value)
    return ServoMemory(11, bytes(data))


def told_of(robot: RobotSpec, memory: ServoMemory) -> list[Difference]:
    elbow = next(own for own in robot.servos if own.joint == "elbow")
    return [each for each in judged(robot, elbow, memory) if each.severity != "mended"]


@pytest.mark.parametrize(
    ("volts", "severities"), [(94, ["refuses"]), (95, []), (120, []), (160, []), (161, ["refuses"])]
)
def test_a_supply_outside_the_models_range_refuses_torque(
    robot: RobotSpec, line: BaudLine, volts: int, severities: list[str]
) -> None:
    told = told_of(robot, memory_of(line, volts=(table.PRESENT_VOLTAGE, volts)))
    assert [each.severity for each in told] == severities


@pytest.mark.parametrize(
    ("celsius", "limit", "severities"),
    [(69, 80, []), (70, 80, ["advice"]), (77, 80, ["refuses"]), (60, 62, ["refuses"]), (78, 100, ["refuses"])],
)
def test_a_servo_near_its_own_or_its_models_temperature_limit_refuses_torque(
    robot: RobotSpec, line: BaudLine, celsius: int, limit: int, severities: list[str]
) -> None:
    memory = memory_of(line, now=(table.PRESENT_TEMPERATURE, celsius), limit=(table.TEMPERATURE_LIMIT, limit))
    assert [each.severity for each in told_of(robot, memory)] == severities


def test_guards_may_be_stricter_than_the_factorys_but_not_weaker(robot: RobotSpec, line: BaudLine) -> None:
    elbow = next(own for own in robot.servos if own.joint == "elbow")
    weak = memory_of(line, limit=(table.TEMPERATURE_LIMIT, 95), mask=(table.SHUTDOWN, 0x04))
    writes = {each.register: each.expected for each in judged(robot, elbow, weak) if each.severity == "mended"}
    assert writes[table.TEMPERATURE_LIMIT] == 80
    assert writes[table.SHUTDOWN] == 0x34
    strict = memory_of(line, limit=(table.TEMPERATURE_LIMIT, 60), mask=(table.SHUTDOWN, 0x3D))
    registers = [each.register for each in judged(robot, elbow, strict)]
    assert table.TEMPERATURE_LIMIT not in registers
    assert table.SHUTDOWN not in registers


def test_a_current_limit_below_the_goal_current_is_left_to_a_person(robot: RobotSpec, line: BaudLine) -> None:
    line.servos["hand"][0].write(table.CURRENT_LIMIT.address, table.CURRENT_LIMIT.encode(100))
    (finding,) = refusing(look(robot, line))
    assert "current limit is 100, below the goal current 250" in finding.problem
    assert finding.command == "setup-servo --joint grip --from-id 20"


@pytest.mark.parametrize(("register", "ticks"), [(table.MIN_POSITION_LIMIT, 1800), (table.MAX_POSITION_LIMIT, 2900)])
def test_limits_of_position_that_a_person_has_narrowed_are_left_to_a_person(
    robot: RobotSpec, line: BaudLine, register: Register, ticks: int
) -> None:
    elbow = next(own for own in line.servos["arm"] if own.servo_id == 11)
    assert not elbow.write(register.address, register.encode(ticks))
    (finding,) = refusing(look(robot, line))
    assert finding.problem.startswith(f"{register.name} is {ticks}, the table needs")
    assert finding.command == "setup-servo --joint elbow --from-id 11"
    with pytest.raises(ServoError, match="setup-servo --joint elbow --from-id 11"):
        connect(robot, line)
    assert elbow.get(register) == ticks
    assert all_limp(line)
