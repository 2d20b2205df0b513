"""What a robot table may say of its sensors; older tables and older episodes say nothing of it."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
from test_table import TABLE, write

from assets.devices import Devices, ImuDevice, SoundDevice, TouchDevice
from assets.errors import RobotTableError
from assets.robot import RobotSpec
from assets.table import load_robot

AGES = 'touch_s = 0.1\nsound_s = 0.2\nimu_s = 0.1\n[servo_models."XM540"]'
SENSORS = """[touch]
protocol = "lines"
baud = 115_200
newton_per_count = 0.05
max_age_s = 0.15
latency_s = 0.012
importance = "start"
[imu]
protocol = "bno08x-rvc"
baud = 115_200
imu_in_torso_wxyz = [0.7071, 0, 0, -0.7071]
max_age_s = 0.05
[sound]
max_age_s = 0.3
latency_s = 0.02
importance = "note"
"""
NEW = TABLE.replace(AGES, SENSORS + '[servo_models."XM540"]').replace(
    "max_age_s = 0.5\n", 'max_age_s = 0.5\nlatency_s = 0.125\nimportance = "start"\n'
)


def line_of(text: str) -> int:
    (line,) = [number for number, words in enumerate(NEW.splitlines(), start=1) if words == text]
    return line


def test_a_table_says_how_each_sensor_is_plugged_in(tmp_path: Path) -> None:
    spec = load_robot(write(tmp_path, NEW))
    half = math.sqrt(0.5)
    assert spec.devices.touch == TouchDevice("lines", 115_200, 0.05, 0.012, "start")
    assert spec.devices.imu.imu_in_torso_wxyz == pytest.approx((half, 0, 0, -half), abs=1e-9)
    assert (spec.devices.imu.protocol, spec.devices.imu.importance) == ("bno08x-rvc", "stop")
    assert spec.devices.sound == SoundDevice(0.02, "note")
    assert (spec.cameras[0].latency_s, spec.cameras[0].importance) == (0.125, "start")
    ages = spec.max_age
    assert (ages.joints_s, ages.touch_s, ages.sound_s, ages.imu_s) == (0.1, 0.15, 0.3, 0.05)


def test_a_table_that_says_nothing_of_sensors_means_what_it_meant(tmp_path: Path) -> None:
    spec = load_robot(write(tmp_path))
    assert spec.devices == Devices(TouchDevice("retake", 921_600), ImuDevice("retake", 921_600), SoundDevice())
    assert (spec.cameras[0].latency_s, spec.cameras[0].importance) == (0.0, "stop")


def test_a_robot_comes_back_from_json_with_its_sensors(tmp_path: Path) -> None:
    spec = load_robot(write(tmp_path, NEW))
    again = RobotSpec.from_dict(json.loads(json.dumps(spec.to_dict())))
    assert again.devices == spec.devices
    assert again.cameras == spec.cameras
    assert again.digest == spec.digest


def test_a_robot_of_an_older_episode_is_the_same_robot(tmp_path: Path) -> None:
    spec = load_robot(write(tmp_path))
    fields = spec.to_dict()
    del fields["devices"]
    for camera in fields["cameras"]:
        del camera["latency_s"], camera["importance"]
    older = RobotSpec.from_dict(fields)
    assert older.digest == spec.digest
    assert older.devices == Devices()


def test_the_digest_is_of_what_the_data_are_and_not_of_how_sensors_are_plugged_in(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    same_ages = NEW.replace("0.15\nlat", "0.1\nlat").replace("0.05\n[sound]", "0.1\n[sound]").replace("= 0.3", "= 0.2")
    plugged, bare = load_robot(write(tmp_path, same_ages)), load_robot(write(tmp_path / "other"))
    assert plugged.devices != bare.devices
    assert plugged.digest == bare.digest
    assert load_robot(write(tmp_path, NEW)).digest != bare.digest  # ages are as they were: part of it


BAD = [
    ('protocol = "lines"', 'protocol = "morse"', "allowed are 'retake', 'lines', 'dexumi', 'dexumi-fsr'"),
    ("newton_per_count = 0.05", "newton_per_count = 0", "above 0"),
    ("latency_s = 0.012", "latency_s = -0.1", "0 to below 1"),
    ("latency_s = 0.02", "latency_s = 20", "0 to below 1"),
    ('importance = "note"', 'importance = "low"', "allowed are 'stop', 'start', 'note'"),
    ("imu_in_torso_wxyz = [0.7071, 0, 0, -0.7071]", "imu_in_torso_wxyz = [1, 0, 0, 1]", "a quaternion w, x, y, z"),
    ("imu_in_torso_wxyz = [0.7071, 0, 0, -0.7071]", "imu_in_torso_wxyz = [1, 0, 0]", "4 finite numbers"),
    ("imu_in_torso_wxyz = [0.7071, 0, 0, -0.7071]", "rate_unit_rad_s = 0.1", "has units of its own"),
    ("max_age_s = 0.3", "max_age = 0.3", "unknown key 'max_age'; did you mean 'max_age_s'?"),
    ("max_age_s = 0.05", "max_age_s = 0", "above 0"),
    ("latency_s = 0.02", "gain = 2", "unknown key 'gain'"),
]


@pytest.mark.parametrize(("good", "bad", "reason"), BAD, ids=[bad[:28] for _, bad, _ in BAD])
def test_a_bad_sensor_is_refused_by_line_and_reason(tmp_path: Path, good: str, bad: str, reason: str) -> None:
    with pytest.raises(RobotTableError) as caught:
        load_robot(write(tmp_path, NEW.replace(good, bad)))
    assert reason in str(caught.value)
    assert f"robot.toml:{line_of(good)}: " in str(caught.value)


def test_counts_without_their_unit_are_refused(tmp_path: Path) -> None:
    with pytest.raises(RobotTableError, match="say how many newton one is"):
        load_robot(write(tmp_path, NEW.replace("newton_per_count = 0.05\n", "")))
    with pytest.raises(RobotTableError, match="'retake' sends forces; leave it out"):
        load_robot(write(tmp_path, NEW.replace('"lines"', '"retake"')))


def test_an_age_that_stands_twice_or_nowhere_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RobotTableError, match=r"stands here and as imu_s in \[max_age\]; say it once"):
        load_robot(write(tmp_path, NEW.replace("joints_s = 0.1\n", "joints_s = 0.1\nimu_s = 0.1\n")))
    with pytest.raises(RobotTableError, match=rf":{line_of('[imu]')}: max_age_s is missing"):
        load_robot(write(tmp_path, NEW.replace("max_age_s = 0.05\n", "")))
