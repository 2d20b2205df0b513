"""`retake robot calibrate`, and the verbs that go by what it has kept: limits, checks, watching, and moving a robot."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest
from one_line import one_line
from robot_cables import cables, pairs
from sweeping_hand import SweepingHand, calibrate_by

from assets.calibration import Calibration, ChannelCalibration, calibrated
from assets.table import load_robot
from experiments import collect, robot
from experiments.calibrations import chosen_calibration, keep_calibration, new_calibration, told_calibration
from experiments.command import UsageError
from experiments.robot_setup import NOT_DONE
from hardware import control_table as table
from hardware.servo_units import ServoUnits
from hardware.virtual_robot import VirtualRobot

TUDI = load_robot("tudi")

pytestmark = pytest.mark.usefixtures("in_an_empty_folder")


def shifted(ticks: int) -> Calibration:
    """As if every horn had been put on a little further round, and one servo had a homing offset."""
    channels = []
    for own in TUDI.servos:
        lowest, highest = ServoUnits(own).limit_ticks(*limits_rad(own.joint))
        offset = 40 if own.joint == "left_elbow" else 0
        channels.append(
            ChannelCalibration(own.joint, lowest + ticks, highest + ticks, own.center_ticks + ticks, offset)
        )
    return new_calibration("robot", TUDI, tuple(channels))


def limits_rad(joint: str) -> tuple[float, float]:
    known = TUDI.joints[TUDI.joint_index[joint]]
    return known.lower, known.upper


@pytest.mark.parametrize("kept_in", ["calibration", "elsewhere"])
def test_the_command_for_narrowed_limits_works_on_a_wired_and_calibrated_robot(
    kept_in: str, capsys: pytest.CaptureFixture[str]
) -> None:
    made = shifted(150)
    keep_calibration(Path(kept_in), made)
    given = [] if kept_in == "calibration" else ["--calibration", kept_in]
    buses = VirtualRobot(calibrated(TUDI, made)).buses
    elbow = buses["left"].servo(23)
    for register, ticks in ((table.HOMING_OFFSET, 40), (table.MIN_POSITION_LIMIT, 2500)):
        assert not elbow.write(register.address, register.encode(ticks))
    elbow.sense(2048 + 150 + 300)
    with cables(buses) as paths:
        check = ["check", "--json", *given, "--ports", *pairs(paths)]
        assert robot.main(check) == robot.NOT_READY
        refusals = [f for f in json.loads(capsys.readouterr().out)["findings"] if f["severity"] == "refuses"]
        assert len(refusals) == 1, refusals
        finding = refusals[0]
        assert "min position limit is 2500, the table needs 2198" in finding["problem"]
        assert robot.main([*finding["command"].split()[2:], "--yes"]) == 0
        assert f"by calibration {made.digest}" in capsys.readouterr().out
        assert robot.main(check) == 0
    limits = [elbow.get(register) for register in (table.MIN_POSITION_LIMIT, table.MAX_POSITION_LIMIT)]
    assert limits == [2198, 3697]
    assert elbow.get(table.HOMING_OFFSET) == 40


def test_the_command_for_a_twin_that_is_not_calibrated_writes_what_the_table_has(
    capsys: pytest.CaptureFixture[str],
) -> None:
    keep_calibration(Path("calibration"), shifted(150))
    buses = VirtualRobot(TUDI).buses
    elbow = buses["left"].servo(23)
    assert not elbow.write(table.MIN_POSITION_LIMIT.address, table.MIN_POSITION_LIMIT.encode(2500))
    with cables(buses) as paths:
        check = ["check", "--json", "--ports", *pairs(paths), "control=/no/such/socket"]
        assert robot.main(check) == robot.NOT_READY
        (finding,) = [f for f in json.loads(capsys.readouterr().out)["findings"] if f["severity"] == "refuses"]
        assert robot.main([*finding["command"].split()[2:], "--yes"]) == 0
    assert elbow.get(table.MIN_POSITION_LIMIT) == 2048


def test_watching_tells_positions_by_the_calibration_in_use(capsys: pytest.CaptureFixture[str]) -> None:
    made = shifted(150)
    keep_calibration(Path("calibration"), made)
    virtual = VirtualRobot(calibrated(TUDI, made))
    virtual.sense(TUDI.home, np.zeros(27), np.zeros(27))
    with cables(virtual.buses) as paths:
        words = ["monitor", "--seconds", "0.3", "--json", "--ports", *pairs(paths)]
        assert robot.main(words) == 0
        watched = json.loads(capsys.readouterr().out)["servos"]
        assert robot.main([*words, "control=/no/such/socket"]) == 0
        by_table = json.loads(capsys.readouterr().out)["servos"]
    offset_rad = 150 * 2 * np.pi / 4096
    elbow = TUDI.joint_index["left_elbow"]
    assert watched[elbow]["position_rad"] - by_table[elbow]["position_rad"] != 0
    # One homing offset in this calibration was never written to the servo.
    others = [place for place in range(27) if place != elbow]
    np.testing.assert_allclose([watched[place]["position_rad"] for place in others], TUDI.home[others], atol=0.002)
    away_rad = [abs(by_table[place]["position_rad"] - TUDI.home[place]) for place in others]
    np.testing.assert_allclose(away_rad, offset_rad, atol=0.002)


def test_a_robot_swept_by_hand_is_calibrated_at_enter_and_checked_by_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    virtual = VirtualRobot(TUDI)
    zero = np.zeros(27)
    hand = SweepingHand(TUDI, lambda rad: virtual.sense(rad, zero, zero), before=12 * 27, answers=3)
    monkeypatch.setattr("sys.stdin", hand.terminal)
    with cables(virtual.buses, hand) as paths:
        out = ["--out", str(tmp_path / "kept")]
        said = calibrate_by(hand, [*out, "--ports", *pairs(paths)], capsys)
        (path,) = (tmp_path / "kept" / "tudi").glob("robot-*.json")
        made = Calibration.read(path)
        assert made.digest in said
        for own in TUDI.servos:
            assert abs(made.by_joint[own.joint].center - own.center_ticks) <= 2, own.joint
        command = ["check", "--json", "--calibration", str(tmp_path / "kept"), "--ports", *pairs(paths)]
        assert robot.main(command) == 0
        report = json.loads(capsys.readouterr().out)
        assert report["calibration"] == made.digest
        assert not [finding for finding in report["findings"] if finding["severity"] != "mended"]


def test_a_robot_that_nobody_moves_is_not_calibrated(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with cables(VirtualRobot(TUDI).buses) as paths:
        assert robot.main(["calibrate", "--yes", "--seconds", "1.5", "--ports", *pairs(paths)]) == 2
    assert "nothing was calibrated. waist_yaw: it was" in capsys.readouterr().err
    assert not (tmp_path / "calibration").exists()


@pytest.mark.parametrize("words", [["--yes"], []])
def test_limits_that_a_person_has_narrowed_are_named_and_stay_where_nothing_is_calibrated(
    words: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    buses = VirtualRobot(TUDI).buses
    elbow = buses["left"].servo(23)
    for register, ticks in ((table.MIN_POSITION_LIMIT, 2500), (table.MAX_POSITION_LIMIT, 3000)):
        assert not elbow.write(register.address, register.encode(ticks))
    before = {servo: servo.read(0, 64) for bus in buses.values() for servo in bus.servos}
    keys, terminal = os.openpty()
    with cables(buses) as paths, os.fdopen(terminal, "r") as stream:
        monkeypatch.setattr("sys.stdin", stream)
        os.write(keys, b"y\nn\n")
        code = robot.main(["calibrate", "--seconds", "0.5", *words, "--ports", *pairs(paths)])
    os.close(keys)
    said = capsys.readouterr()
    assert "left_elbow 2500 to 3000 (the table wants 1499 ticks)" in said.out
    assert "put them into robot.toml to keep them" in said.out
    if words:
        assert code == 2
        assert "nothing was calibrated" in said.err
    else:
        assert code == NOT_DONE
        assert "nothing was touched" in said.out
    assert {servo: servo.read(0, 64) for bus in buses.values() for servo in bus.servos} == before


def test_the_newest_calibration_is_used_and_another_robots_is_refused(tmp_path: Path) -> None:
    assert chosen_calibration(None, TUDI) is None
    with pytest.raises(UsageError, match="has no robot calibration of tudi"):
        chosen_calibration(tmp_path, TUDI)
    older = Calibration("robot", "tudi", "2026-01-02T10:00:00+00:00", ())
    newer = Calibration("robot", "tudi", "2026-02-01T09:00:00+00:00", ())
    for made in (newer, older):
        keep_calibration(Path("calibration"), made)
    assert chosen_calibration(None, TUDI) == newer
    kept = keep_calibration(tmp_path, new_calibration("exoskeleton", TUDI, ()))
    with pytest.raises(Exception, match="of exoskeleton 'tudi', not of robot 'tudi'"):
        chosen_calibration(kept, TUDI)


def test_a_robot_that_will_move_tells_its_calibration_and_asks_where_it_has_none(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: list[str] = []

    def answer(question: str) -> str:
        asked.append(question)
        return "Ada"

    assert told_calibration(None, TUDI, answer) is None
    (question,) = asked
    assert question.startswith(f"no calibration of tudi in {tmp_path / 'calibration'}")
    kept = keep_calibration(Path("calibration"), made := shifted(150))
    for given in (None, kept, Path("calibration")):
        assert told_calibration(given, TUDI, answer) == made
        assert f"calibration {kept}, digest {made.digest}" in capsys.readouterr().out
    assert len(asked) == 1


def test_a_calibration_for_the_simulated_body_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--archive", str(tmp_path / "archive"), "--calibration", str(tmp_path)]
    assert collect.main(words) == 2
    assert "nothing to calibrate" in one_line(capsys.readouterr().err)
    assert not (tmp_path / "archive").exists()
