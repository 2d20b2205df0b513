"""`retake robot calibrate --subject exoskeleton`: what is measured of a worn device is what its reader then follows."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import numpy as np
import pytest
from robot_cables import cables
from sweeping_hand import SweepingHand, calibrate_by

from assets.calibration import Calibration
from assets.exoskeleton import LineLayout, ServoLayout, isomorphic_joints, load_exoskeleton
from assets.robot import RobotSpec
from assets.table import load_robot
from experiments import collect, robot
from experiments.calibrations import chosen_calibration
from hardware.exoskeleton import ServoExoskeleton
from hardware.exoskeleton_stream import LineChannels
from hardware.pseudo_terminal import PseudoTerminal
from hardware.virtual_robot import VirtualExoskeleton

TUDI = load_robot("tudi")
ELBOWS = tuple(TUDI.joint_index[name] for name in ("left_elbow", "right_elbow"))

# Geared one to two, turned round, and worn so that the middle of its servo is no zero.
GEARED = """
kind = "servos"

[[joint]]
joint = "left_elbow"
servo = 7
sign = -1
scale = 2.0
offset_rad = 0.4

[[joint]]
joint = "right_elbow"
servo = 9
"""

# Rough ranges: the true ones are measured. The left sensor begins again at 4096, in the middle of its travel.
LINES = """
kind = "lines"
fields = 3

[[joint]]
joint = "left_elbow"
field = 2
raw_lowest = 0
raw_highest = 2000
turn = 4096

[[joint]]
joint = "right_elbow"
field = 0
raw_lowest = 0
raw_highest = 1000
sign = -1
"""
LEFT_RAW, RIGHT_RAW = (3500, 5100), (240, 1010)  # the true ends of the travels

pytestmark = pytest.mark.usefixtures("in_an_empty_folder")


def made_of(table: str) -> ServoLayout | LineLayout:
    Path("worn.toml").write_text(table)
    return load_exoskeleton(Path("worn.toml"), TUDI)


def calibrate(hand: SweepingHand, capsys: pytest.CaptureFixture[str], path: str, *more: str) -> Calibration:
    calibrate_by(hand, ["--subject", "exoskeleton", *more, "--ports", f"exoskeleton={path}"], capsys)
    made = chosen_calibration(None, TUDI, "exoskeleton")
    assert made is not None
    return made


def test_one_of_the_robots_own_build_is_calibrated_at_the_home_pose(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    worn = VirtualExoskeleton(isomorphic_joints(TUDI))
    worn.hold(TUDI.home)
    hand = SweepingHand(TUDI, worn.hold, before=4 * 27)
    monkeypatch.setattr("sys.stdin", hand.terminal)
    with cables({"exoskeleton": worn.bus}, hand) as paths:
        made = calibrate(hand, capsys, paths["exoskeleton"])
    assert {abs(channel.center - 2048) <= 2 for channel in made.channels} == {True}


def test_gears_and_offsets_of_its_table_are_reckoned_with(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    layout = made_of(GEARED)
    assert isinstance(layout, ServoLayout)
    worn = VirtualExoskeleton(layout.joints)
    hand = SweepingHand(TUDI, lambda rad: worn.hold(rad[list(ELBOWS)]), before=4 * 2)
    worn.hold(TUDI.home[list(ELBOWS)])
    monkeypatch.setattr("sys.stdin", hand.terminal)
    with cables({"exoskeleton": worn.bus}, hand) as paths:
        made = calibrate(hand, capsys, paths["exoskeleton"], "--exoskeleton", "worn.toml")
    shown_rad = np.array([0.9, 1.3])
    worn.hold(shown_rad)
    with (
        cables({"exoskeleton": worn.bus}) as paths,
        closing(
            ServoExoskeleton(
                TUDI, layout.joints, paths["exoskeleton"], max_age_s=5.0, reply_margin_s=0.5, calibration=made
            )
        ) as exoskeleton,
    ):
        np.testing.assert_allclose(exoskeleton.connect().position_rad, shown_rad, atol=0.01)


def raw_line(position_rad: np.ndarray, spec: RobotSpec = TUDI) -> bytes:
    """What the lines' exoskeleton sends where its joints stand: the ends of its travels are the robot's limits."""
    raw = []
    for place, (lowest, highest), sign in zip(ELBOWS, (LEFT_RAW, RIGHT_RAW), (1, -1), strict=True):
        share = (position_rad[place] - spec.lower[place]) / (spec.upper[place] - spec.lower[place])
        raw.append(round(lowest + (share if sign > 0 else 1.0 - share) * (highest - lowest)))
    return b"%d 77 %d\r\n" % (raw[1], raw[0] % 4096)


@contextmanager
def talking(hand: SweepingHand, held: list[np.ndarray]) -> Iterator[str]:
    terminal, is_over = PseudoTerminal(), threading.Event()

    def talk() -> None:
        while not is_over.wait(0.01):
            terminal.send(raw_line(held[-1]))
            hand()

    talker = threading.Thread(target=talk)
    talker.start()
    try:
        yield terminal.path
    finally:
        is_over.set()
        talker.join()
        terminal.close()


def test_one_that_sends_lines_is_calibrated_by_the_ends_of_its_travels(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    layout = made_of(LINES)
    assert isinstance(layout, LineLayout)
    held = [TUDI.home]
    hand = SweepingHand(TUDI, held.append)
    monkeypatch.setattr("sys.stdin", hand.terminal)
    with talking(hand, held) as path:
        made = calibrate(hand, capsys, path, "--exoskeleton", "worn.toml")
    by_joint = made.by_joint
    assert by_joint["left_elbow"].highest - by_joint["left_elbow"].lowest == pytest.approx(1600, abs=10)
    assert (by_joint["right_elbow"].lowest, by_joint["right_elbow"].highest) == pytest.approx(RIGHT_RAW, abs=10)
    shown_rad = TUDI.home.copy()
    shown_rad[list(ELBOWS)] = 0.7, 1.6
    raw = tuple(map(int, raw_line(shown_rad).split()))
    state = LineChannels(layout, made).feed(raw, 1.0)
    np.testing.assert_allclose(state.position_rad, shown_rad[list(ELBOWS)], atol=0.03)


def test_lines_that_nobody_moves_are_not_calibrated(capsys: pytest.CaptureFixture[str]) -> None:
    made_of(LINES)
    words = ["calibrate", "--subject", "exoskeleton", "--exoskeleton", "worn.toml", "--yes", "--seconds", "1"]
    with talking(SweepingHand(TUDI, lambda rad: None), [TUDI.home]) as path:
        assert robot.main([*words, "--ports", f"exoskeleton={path}"]) == 2
        assert "left_elbow: it was not moved" in capsys.readouterr().err
        assert robot.main([*words, "--zero", "home", "--ports", f"exoskeleton={path}"]) == 2
        assert "--zero home is for servos" in capsys.readouterr().err


def test_a_folder_without_an_exoskeletons_calibration_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ports = ["--pilot", "exoskeleton", "--ports", "exoskeleton=/dev/null"]
    assert collect.main(["--archive", "archive", "--exoskeleton-calibration", str(tmp_path), *ports]) == 2
    assert "retake robot calibrate --subject exoskeleton" in capsys.readouterr().err
    assert not Path("archive").exists()
