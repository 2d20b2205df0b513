"""An exoskeleton's table is read as written; a bad one is refused by file, line and reason."""

from pathlib import Path

import pytest
from small_robot import SMALL_ROBOT

from assets.calibration import Calibration, ChannelCalibration
from assets.errors import CalibrationError, RobotTableError
from assets.exoskeleton import (
    ExoskeletonJoint,
    LineJoint,
    LineLayout,
    ServoLayout,
    isomorphic_joints,
    load_exoskeleton,
    require_calibration_of,
)
from assets.table import load_robot

SERVOS = """kind = "servos"
[[joint]]
joint = "elbow"
servo = 7
sign = -1
scale = 0.5
offset_rad = 0.25
[[joint]]
joint = "grip"
servo = 8
"""
LINES = """kind = "lines"
fields = 21
stuck_s = 2.0
[[joint]]
joint = "elbow"
field = 17
raw_lowest = 300
raw_highest = 3800
[[joint]]
joint = "shoulder"
field = 19
raw_lowest = -100
raw_highest = 900
lowest_rad = -1.0
highest_rad = 1.0
sign = -1
turn = 4096
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "worn.toml"
    path.write_text(text)
    return path


def test_tables_of_servos_and_of_lines_are_read_as_written(tmp_path: Path) -> None:
    joints = (ExoskeletonJoint(7, "elbow", -1, 0.25, 0.5), ExoskeletonJoint(8, "grip"))
    assert load_exoskeleton(written(tmp_path, SERVOS), SMALL_ROBOT) == ServoLayout(joints)
    lines = (
        LineJoint(17, "elbow", 300, 3800, 0.0, 2.0),
        LineJoint(19, "shoulder", -100, 900, -1.0, 1.0, sign=-1, turn=4096),
    )
    assert load_exoskeleton(written(tmp_path, LINES), SMALL_ROBOT) == LineLayout(lines, 21, stuck_s=2.0)


def test_the_exoskeleton_that_ships_is_of_its_robots_own_build() -> None:
    tudi = load_robot("tudi")
    assert load_exoskeleton("tudi", tudi) == ServoLayout(isomorphic_joints(tudi))


def test_a_robot_without_a_table_of_its_own_is_taught_by_one_of_its_build(tmp_path: Path) -> None:
    (tmp_path / "robot.toml").write_text("")
    assert load_exoskeleton(tmp_path, SMALL_ROBOT) == ServoLayout(isomorphic_joints(SMALL_ROBOT))


@pytest.mark.parametrize(
    ("text", "old", "new", "line", "reason"),
    [
        (SERVOS, 'kind = "servos"', 'kind = "magnets"', 1, "'servos', 'lines'"),
        (SERVOS, "servo = 8", "servo = 7", 10, "servo 7 stands twice; first at line 4"),
        (SERVOS, "servo = 8", "servo = 253", 10, "0 to 252"),
        (SERVOS, '"grip"', '"tail"', 9, "no joint 'tail'; it has shoulder"),
        (SERVOS, '"grip"', '"elbow"', 9, "joint 'elbow' stands twice"),
        (SERVOS, "sign = -1", "sign = 0", 5, "1 and -1"),
        (SERVOS, "scale = 0.5", "scale = 0.0", 6, "above 0"),
        (SERVOS, "offset_rad = 0.25", "offset_rad = 90", 7, "at most one turn"),
        (SERVOS, "servo = 8", "servos = 8", 10, "did you mean 'servo'"),
        (LINES, "fields = 21\n", "", 1, "fields is missing"),
        (LINES, "field = 17", "field = 21", 6, "0 to 20"),
        (LINES, "raw_lowest = 300", "raw_lowest = 3800", 7, "not below"),
        (LINES, "lowest_rad = -1.0", "lowest_rad = 1.0", 14, "not below"),
        (LINES, "turn = 4096", "turn = 1000", 17, "less than one turn"),
    ],
)
def test_what_cannot_be_true_is_refused_by_line(
    tmp_path: Path, text: str, old: str, new: str, line: int, reason: str
) -> None:
    assert old in text
    path = written(tmp_path, text.replace(old, new))
    with pytest.raises(RobotTableError) as refused:
        load_exoskeleton(path, SMALL_ROBOT)
    assert str(refused.value).startswith(f"{path}:{line}: ")
    assert reason in str(refused.value)


def test_a_calibration_of_something_else_is_refused() -> None:
    channels = (ChannelCalibration("elbow", 100, 3000, 1500),)
    own = Calibration("exoskeleton", "small", "2025-01-01T00:00:00+00:00", channels)
    require_calibration_of(SMALL_ROBOT, ["elbow"], own)
    with pytest.raises(CalibrationError, match="lacks grip"):
        require_calibration_of(SMALL_ROBOT, ["elbow", "grip"], own)
    for subject, robot in (("robot", "small"), ("exoskeleton", "tudi")):
        other = Calibration(subject, robot, own.made, channels)  # type: ignore[arg-type]
        with pytest.raises(CalibrationError, match="not of the exoskeleton for 'small'"):
            require_calibration_of(SMALL_ROBOT, ["elbow"], other)
