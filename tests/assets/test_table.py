"""A good table is read as written; a bad one is refused by file, line and reason."""

import math
from pathlib import Path

import pytest

from assets.errors import RobotTableError
from assets.robot import RobotSpec
from assets.table import known_robots, load_robot

MJCF = """<mujoco>
  <include file="hand.xml"/>
  <worldbody><body><joint name="elbow"/><camera name="head"/></body></worldbody>
  <actuator><position name="elbow_servo" joint="elbow"/><position name="grip" tendon="grip_cord"/></actuator>
</mujoco>
"""
HAND = '<mujoco><worldbody><body><joint name="grip"/><geom name="grip_pad"/></body></worldbody></mujoco>'
TABLE = """name = "testling"
control_hz = 25
sound_hz = 16000
has_imu = true
mjcf = "robot.xml"
[max_age]
joints_s = 0.1
touch_s = 0.1
sound_s = 0.2
imu_s = 0.1
[servo_models."XM540"]
stall_torque_nm = 10.6
no_load_rpm = 30

[[joint]]
name = "elbow"
group = "arm"
lower = -1.5
upper = 1.0
home = 0.25
max_rate = 2.0
max_acceleration = 8.0
servo = { bus = "left", id = 1, model = "XM540", sign = -1, center_ticks = 2048, mode = "position" }

[[joint]]
name = "grip"
group = "hand"
lower = 0.0
upper = 1.2
home = 0.0
max_rate = 3.0
max_acceleration = 20.0
max_effort_nm = 0.4
servo = {bus="left", id=2, model="XM540", sign=1, center_ticks=1024, mode="current_position", goal_current_a=0.2}

[[camera]]
name = "head"
width = 64
height = 48
fovy_deg = 60.0
max_age_s = 0.5

[[pad]]
name = "grip_pad"
rows = 4
columns = 4
max_force_n = 20.0
"""


def write(folder: Path, table: str = TABLE) -> Path:
    (folder / "robot.toml").write_text(table)
    (folder / "robot.xml").write_text(MJCF)
    (folder / "hand.xml").write_text(HAND)
    return folder


def test_a_table_is_read_as_written(tmp_path: Path) -> None:
    spec = load_robot(write(tmp_path))
    assert spec.joint_names == ("elbow", "grip")
    assert spec.home.tolist() == [0.25, 0.0]
    assert spec.max_effort_nm.tolist() == [10.6, 0.4]
    assert [(s.servo_id, s.sign, s.goal_current_a) for s in spec.servos] == [(1, -1, None), (2, 1, 0.2)]
    assert (spec.cameras[0].width, spec.cameras[0].height) == (64, 48)
    assert spec.mjcf_path == tmp_path / "robot.xml"
    assert RobotSpec.from_dict(spec.to_dict()).digest == spec.digest


def test_folder_and_file_name_the_same_robot(tmp_path: Path) -> None:
    write(tmp_path)
    assert load_robot(str(tmp_path)).digest == load_robot(tmp_path / "robot.toml").digest


def test_the_robot_that_ships_loads_by_its_name() -> None:
    for name in known_robots():
        spec = load_robot(name)
        ticks = [
            s.center_ticks + s.sign * j.upper * 4096 / math.tau for s, j in zip(spec.servos, spec.joints, strict=True)
        ]
        assert all(0 <= tick < 4096 for tick in ticks)


# (what is written, what stands there instead, the line blamed, words of the reason)
BAD = [
    ("id=2", "id=1", 34, "stands twice; first at line 23"),
    ("id=2", "id=253", 34, "0 to 252"),
    ("id=2", "id=true", 34, "whole number"),
    ('name = "grip"\n', 'name = "elbow"\n', 26, "'elbow' stands twice; first at line 16"),
    ('name = "grip"\n', 'name = "gripp"\n', 26, "has no joint 'gripp'; did you mean 'grip'?"),
    ("home = 0.25", "home = 1.25", 20, "outside its limits [-1.5, 1]"),
    ("lower = 0.0\n", "lower = 1.2\n", 28, "not below upper"),
    ("lower = 0.0\n", "lower = -inf\n", 28, "finite"),
    ("max_rate = 3.0", "max_rate = nan", 31, "finite"),
    ("max_rate = 3.0", "max_rate = 3.2", 31, "without load"),
    ("max_rate = 3.0", "max_rate = 0.0", 31, "above 0"),
    ("upper = 1.0\n", "upper = 3.2\n", 19, "a servo has 0 to 4095"),
    ("sign=1", "sign=2", 34, "allowed is 1 or -1"),
    ('model="XM540"', 'model="XM999"', 34, "[servo_models] knows XM540"),
    ('mode="current_position"', 'mode="velocity"', 34, "allowed is 'position' or 'current_position'"),
    (", goal_current_a=0.2", "", 34, "goal_current_a"),
    ("center_ticks=1024", "center_ticks=4096", 34, "0 to 4095"),
    ("center_ticks=1024, ", "", 34, "center_ticks is missing"),
    ('group = "hand"', 'gruop = "hand"', 27, "unknown key 'gruop'; did you mean 'group'?"),
    ('group = "hand"', 'group = "hand"\ncolour = "red"', 28, "unknown key 'colour'; known keys are"),
    ('group = "hand"\n', "", 25, "group is missing"),
    ('servo = {bus="left", id=2', '#servo = {bus="left", id=2', 25, "has no servo"),
    ('name = "head"', 'name = "chest"', 37, "has no camera 'chest'"),
    ('name = "grip_pad"', 'name = "grip_pat"', 44, "did you mean 'grip_pad'?"),
    ("width = 64", "width = 0", 38, "1 or more"),
    ("fovy_deg = 60.0", "fovy_deg = 180.0", 40, "below 180"),
    ("joints_s = 0.1", "joints_s = 0", 7, "above 0"),
    ("stall_torque_nm = 10.6", "stall_torque_nm = -1", 12, "above 0"),
    ("has_imu = true", "has_imu = 1", 4, "true or false"),
    ('mjcf = "robot.xml"', 'mjcf = "lost.xml"', 5, "no MJCF"),
    ('name = "testling"', "name = testling", None, "line 1"),
]


def test_a_joint_that_is_held_must_be_noticed_before_goals_stop_leading_farther(tmp_path: Path) -> None:
    safety = (
        '[safety]\nladder = "limp"\nwatchdog_s = 0.1\nmax_lead_rad = 0.8\ntracking_error_rad = {}\n'
        "tracking_time_s = 0.5\ndamp_share = 0.15\n"
    )
    assert load_robot(write(tmp_path, TABLE + safety.format(0.79))).safety.tracking_error_rad == 0.79
    with pytest.raises(RobotTableError, match=r"tracking_error_rad is 0\.8; it must be below max_lead_rad, 0\.8"):
        load_robot(write(tmp_path, TABLE + safety.format(0.8)))


@pytest.mark.parametrize(("good", "bad", "line", "reason"), BAD, ids=[f"{bad[:24]}" for _, bad, _, _ in BAD])
def test_a_bad_table_is_refused_by_line_and_reason(
    tmp_path: Path, good: str, bad: str, line: int | None, reason: str
) -> None:
    assert TABLE.count(good) == 1
    with pytest.raises(RobotTableError) as caught:
        load_robot(write(tmp_path, TABLE.replace(good, bad)))
    message = str(caught.value)
    assert reason in message
    assert message.startswith(f"{tmp_path / 'robot.toml'}:{line}: " if line else f"{tmp_path / 'robot.toml'}: ")


def test_pads_of_two_sizes_are_refused(tmp_path: Path) -> None:
    second = '[[pad]]\nname = "elbow_pad"\nrows = 2\ncolumns = 4\nmax_force_n = 20.0\n'
    with pytest.raises(RobotTableError, match="all pads must have the size of the first"):
        load_robot(write(tmp_path, TABLE + second))


def test_a_joint_that_no_actuator_moves_is_refused(tmp_path: Path) -> None:
    write(tmp_path)
    (tmp_path / "robot.xml").write_text(MJCF.replace('name="grip" ', ""))
    with pytest.raises(RobotTableError, match="has no actuator for joint 'grip'"):
        load_robot(tmp_path)


def test_a_servo_written_as_a_table_of_its_own_is_blamed_by_its_own_line(tmp_path: Path) -> None:
    inline = next(line for line in TABLE.splitlines() if line.startswith("servo = { bus"))
    block = '[joint.servo]\nbus = "left"\nid = 1\nmodel = "XM540"\nsign = 7\ncenter_ticks = 2048\nmode = "position"'
    with pytest.raises(RobotTableError, match=r":23: .*sign is 7"):
        load_robot(write(tmp_path, TABLE.replace(inline, block)))


def test_an_unknown_robot_is_answered_with_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(RobotTableError, match=r"give a folder with a robot\.toml, or one of"):
        load_robot(tmp_path / "nobody")
