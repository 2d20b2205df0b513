"""`retake robot` as a user types it: exit codes, one clear line, what is written, and what is left alone."""

from __future__ import annotations

import io
import json
import re

import pytest
from baud_line import servo as a_servo
from one_line import one_line
from robot_cables import cables, pairs

from assets.table import load_robot
from experiments import robot
from experiments.workers import console
from hardware import control_table as table
from hardware.virtual import VirtualBus
from hardware.virtual_robot import VirtualRobot

TUDI = load_robot("tudi")

pytestmark = pytest.mark.usefixtures("in_an_empty_folder")


def test_a_check_without_ports_says_which_connections_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    assert robot.main(["check"]) == 2
    told = one_line(capsys.readouterr().err)
    for connection in {servo.bus for servo in TUDI.servos}:
        assert f"{connection}=/dev/ttyUSB" in told


def test_a_robot_on_its_cables_is_ready_and_one_without_a_cable_is_not(capsys: pytest.CaptureFixture[str]) -> None:
    with cables(VirtualRobot(TUDI).buses) as paths:
        assert robot.main(["check", "--json", "--ports", *pairs(paths), "touch=/dev/null"]) == 0
        report = json.loads(capsys.readouterr().out)
        assert report["is_ready"]
        assert len(report["servos"]) == 27
        assert {servo["return_delay_us"] for servo in report["servos"]} == {500.0}
        assert robot.main(["check", "--ports", *pairs(paths)[1:]]) == robot.NOT_READY
        shown = capsys.readouterr().out
        assert "bus body: no port was given" in shown
        assert "not ready" in shown
        assert robot.main(["scan", "--json", "--port", *paths.values()]) == 0
        found = json.loads(capsys.readouterr().out)
        assert found["buses"] == paths
        assert [len(port["servos"]) for port in found["ports"]] == [5, 11, 11]


def test_a_shutdown_is_told_with_the_command_that_the_user_can_type(capsys: pytest.CaptureFixture[str]) -> None:
    buses = VirtualRobot(TUDI).buses
    elbow = buses["left"].servo(23)
    elbow.raise_hardware_error(0x20)
    with cables(buses) as paths:
        assert robot.main(["check", "--json", "--ports", *pairs(paths)]) == robot.NOT_READY
        (finding,) = [f for f in json.loads(capsys.readouterr().out)["findings"] if f["severity"] == "refuses"]
        words = finding["command"].split()
        assert words == ["retake", "robot", "reboot", "--ids", "23", "--ports", f"left={paths['left']}"]
        assert robot.main(words[2:]) == 2  # nobody was asked
        assert "say --yes" in capsys.readouterr().err
        assert elbow.get(table.HARDWARE_ERROR_STATUS) == 0x20
        assert robot.main([*words[2:], "--yes"]) == 0
        assert "left_elbow is back" in capsys.readouterr().out
        assert elbow.get(table.HARDWARE_ERROR_STATUS) == 0


def test_a_new_servo_is_set_up_and_then_found_set_up(capsys: pytest.CaptureFixture[str]) -> None:
    new = a_servo(1, "XM540-W270")
    with cables({"left": VirtualBus([new])}) as paths:
        words = ["setup-servo", "--joint", "left_elbow", "--ports", *pairs(paths)]
        assert robot.main(words) == 2
        assert new.servo_id == 1
        assert robot.main([*words, "--yes"]) == 0
        assert "written and read back: id is 23" in capsys.readouterr().out
        assert robot.main([*words, "--yes"]) == 0
        assert "nothing was written" in capsys.readouterr().out
    assert new.servo_id == 23


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["setup-servo", "--joint", "knee", "--ports", "left=/dev/null"], "no servo for joint 'knee'"),
        (["setup-servo", "--joint", "left_elbow"], "say --ports left="),
        (["setup-servo", "--joint", "left_elbow", "--ports", "right=/dev/null"], "left_elbow hangs on bus left"),
        (["reboot", "--ids", "99", "--ports", "left=/dev/null"], "no servo of tudi on left has the id 99"),
        (["monitor", "--hz", "0", "--ports", "left=/dev/null"], "--hz is 0"),
        (["monitor", "--ports", "left=/dev/null"], "has the buses"),
        (["calibrate", "--seconds", "1"], "say --yes"),
        (["calibrate", "--seconds", "1", "--yes", "--subject", "exoskeleton"], "the exoskeleton's port is missing"),
        (["calibrate"], "say --seconds"),
        (["scan", "--port", "/dev/no-such-port"], "/dev/no-such-port"),
    ],
)
def test_bad_input_is_one_line(words: list[str], complaint: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert robot.main(words) == 2
    assert complaint in one_line(capsys.readouterr().err)


def test_watching_ends_in_one_object_with_every_servo_and_the_pace(capsys: pytest.CaptureFixture[str]) -> None:
    with cables(VirtualRobot(TUDI).buses) as paths:
        assert robot.main(["monitor", "--seconds", "0.3", "--json", "--ports", *pairs(paths)]) == 0
        watched = json.loads(capsys.readouterr().out)
        assert [servo["joint"] for servo in watched["servos"]] == list(TUDI.joint_names)
        assert {servo["temperature_c"] for servo in watched["servos"]} == {30}
        assert watched["loop"]["cycles"] >= 1
        assert robot.main(["monitor", "--seconds", "0.2", "--ports", *pairs(paths)]) == 0
        assert "readings of all servos" in capsys.readouterr().out


@pytest.mark.parametrize("width", [80, 160])
def test_every_number_that_is_watched_is_whole_on_a_narrow_terminal(
    width: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(console, "_width", width)
    buses = VirtualRobot(TUDI).buses
    buses["left"].servo(23).raise_hardware_error(0x24)
    with cables(buses) as paths:
        assert robot.main(["monitor", "--seconds", "0.3", "--ports", *pairs(paths)]) == 0
    shown = capsys.readouterr().out
    assert "…" not in shown
    assert max(map(len, shown.splitlines()[:28])) <= width
    for joint in TUDI.joint_names:
        (row,) = (line.split() for line in shown.splitlines() if f" {joint} " in line)
        numbers = row[row.index(joint) + 1 :]
        assert numbers[0][0] in "+-"
        assert len(numbers[0]) == 6
        assert "30" in numbers
        assert any(re.fullmatch(r"\d+\.\d", number) for number in numbers), row
    assert "overheating" in shown
    assert ("wire" in shown) is (width > 100)


def test_asking_needs_a_terminal(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("y\n"))
    assert robot.main(["reboot", "--ids", "23", "--ports", "left=/dev/null"]) == 2
    assert "say --yes" in capsys.readouterr().err
