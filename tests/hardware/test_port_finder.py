"""Ports by the names that survive replugging, their latency timers, and which bus is which by who answers."""

from __future__ import annotations

from pathlib import Path

import pytest

from assets.robot import RobotSpec
from hardware.control_table import servo_model
from hardware.errors import PortError
from hardware.port_finder import buses_by_answers, find_ports, latency_timer_ms
from hardware.replies import PingReply


def adapter(root: Path, name: str, by_id: str | None = None, timer: str | None = None) -> Path:
    """What udev and the kernel show of one adapter; the folders of devices and of adapters lie in `root`."""
    device = root / "dev" / name
    device.parent.mkdir(parents=True, exist_ok=True)
    device.touch()
    if by_id is not None:
        link = root / "dev" / "serial" / "by-id" / by_id
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(device)
    if timer is not None:
        (root / "usb" / name).mkdir(parents=True)
        (root / "usb" / name / "latency_timer").write_text(timer)
    return device


def test_ports_are_found_by_id_first_and_each_once(tmp_path: Path) -> None:
    adapter(tmp_path, "ttyUSB0", "usb-FTDI_U2D2_A1-if00-port0", "16\n")
    adapter(tmp_path, "ttyUSB1", timer="1\n")
    adapter(tmp_path, "ttyACM0", "usb-ROBOTIS_OpenRB-150-if00")
    found = find_ports(tmp_path / "dev", tmp_path / "usb")
    by_id = tmp_path / "dev" / "serial" / "by-id"
    assert {(port.path, Path(port.device).name, port.latency_timer_ms) for port in found} == {
        (str(by_id / "usb-FTDI_U2D2_A1-if00-port0"), "ttyUSB0", 16),
        (str(by_id / "usb-ROBOTIS_OpenRB-150-if00"), "ttyACM0", None),
        (str(tmp_path / "dev" / "ttyUSB1"), "ttyUSB1", 1),
    }
    assert len(found) == 3


def test_a_computer_without_adapters_has_no_ports(tmp_path: Path) -> None:
    assert find_ports(tmp_path / "dev", tmp_path / "usb") == ()


def test_the_timer_is_found_behind_a_name_by_id_and_one_of_nonsense_is_refused(tmp_path: Path) -> None:
    adapter(tmp_path, "ttyUSB0", "usb-FTDI", "4\n")
    assert latency_timer_ms(str(tmp_path / "dev" / "serial" / "by-id" / "usb-FTDI"), tmp_path / "usb") == 4
    adapter(tmp_path, "ttyUSB3", timer="quick\n")
    with pytest.raises(PortError, match="latency_timer"):
        latency_timer_ms(str(tmp_path / "dev" / "ttyUSB3"), tmp_path / "usb")


def reply(servo_id: int, model: str) -> PingReply:
    return PingReply(servo_id, servo_model(model).number, 46)


def test_each_bus_is_where_most_of_its_servos_answer(robot: RobotSpec) -> None:
    arm = (reply(11, "XM430-W350"), reply(13, "XL430-W250"))
    hand = (reply(20, "XL330-M288"),)
    assert buses_by_answers(robot, {"/dev/a": hand, "/dev/b": arm, "/dev/c": ()}) == {"hand": "/dev/a", "arm": "/dev/b"}


def test_a_bus_with_two_equal_claims_or_none_is_left_out(robot: RobotSpec) -> None:
    arm = (reply(11, "XM430-W350"),)
    assert buses_by_answers(robot, {"/dev/a": arm, "/dev/b": arm}) == {}
    assert buses_by_answers(robot, {"/dev/a": (reply(11, "XM540-W270"),)}) == {}
