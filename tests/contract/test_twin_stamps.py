"""What the readers say of the age of their readings, held against a twin that knows when it made them.

Both processes share the monotonic clock. The twin's robot speaks what bought sensors speak.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from episode_samples import made_up_ticks

from assets.robot import RobotSpec
from assets.table import load_robot
from envs.connections import AMONG_PROCESSES
from envs.episodes.skew import SkewTally
from envs.real_senses import RealSenses, SenseReadings
from envs.twin.cables import CLICK
from envs.twin.frame_counter import read_time
from envs.twin.process import TwinProcess

ROOT = Path(__file__).resolve().parent.parent.parent
LATENCY_S = 0.25
STEPS = 60
LONG_S = 60.0
ROUNDING_S = 0.001  # of the strip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Tudi with bought sensors: a WitMotion IMU that lies on its side, pads that print lines, cameras that are late."""
    folder = tmp_path_factory.mktemp("robots") / "bought"
    folder.mkdir()
    tudi = ROOT / "assets" / "tudi"
    table = (tudi / "robot.toml").read_text(encoding="utf-8")
    for old, new in (
        ('[touch]\nprotocol = "retake"', '[touch]\nprotocol = "lines"\nnewton_per_count = 0.005'),
        ('[imu]\nprotocol = "retake"', '[imu]\nprotocol = "witmotion"'),
        ("imu_in_torso_wxyz = [1.0, 0.0, 0.0, 0.0]", "imu_in_torso_wxyz = [0.70711, 0.70711, 0.0, 0.0]"),
        ("max_age_s = 0.5\nlatency_s = 0.0", f"max_age_s = 0.5\nlatency_s = {LATENCY_S}"),
        ("max_age_s = 0.2\nlatency_s = 0.0", f"max_age_s = 0.2\nlatency_s = {LATENCY_S}"),
    ):
        assert old in table
        table = table.replace(old, new)
    (folder / "robot.toml").write_text(table, encoding="utf-8")
    (folder / "robot.xml").write_text((tudi / "robot.xml").read_text(encoding="utf-8"), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def robot(folder: Path) -> RobotSpec:
    return load_robot(folder)


@pytest.fixture(scope="module")
def twin(folder: Path) -> Iterator[TwinProcess]:
    with TwinProcess.start("pick_fruit", str(folder), frame_counter=True) as twin:
        yield twin


@pytest.fixture(scope="module")
def senses(twin: TwinProcess, robot: RobotSpec) -> Iterator[RealSenses]:
    senses = RealSenses(robot, twin.ports, AMONG_PROCESSES)
    yield senses
    senses.close()


def read_at_control_rate(senses: RealSenses) -> Iterator[tuple[float, SenseReadings]]:
    for _ in range(STEPS):
        time.sleep(0.04)
        now_s = time.monotonic()
        yield now_s, senses.read(now_s)


@pytest.mark.slow
def test_the_skew_that_an_episode_is_given_is_the_true_one_less_what_the_way_takes(
    senses: RealSenses, robot: RobotSpec
) -> None:
    """An image is stamped at its arrival less the latency. Its true moment stands in it, so the way it took is known,
    and must explain the whole difference between the figures of the stamps and those of the truth."""
    reported, true = SkewTally(robot), SkewTally(robot)
    state = made_up_ticks(robot, 1)[0].state
    ways_s = []
    for now_s, readings in read_at_control_rate(senses):
        images = {}
        for name, image in readings.images.items():
            drawn_s = read_time(image.pixels, near_s=now_s)
            assert drawn_s is not None
            arrived_s = image.stamp_s + LATENCY_S
            assert drawn_s - ROUNDING_S <= arrived_s <= time.monotonic()  # nothing arrives before it was drawn
            ways_s.append(arrived_s - drawn_s)
            images[name] = replace(image, stamp_s=drawn_s)
        reported.add(replace(state, joints_stamp_s=now_s, images=readings.images))
        true.add(replace(state, joints_stamp_s=now_s, images=images))
    for name in ("image/head", "image/wrist"):
        said, is_so = reported.figures()[name], true.figures()[name]
        assert is_so.median_s < 0.0
        assert said.median_s + LATENCY_S - is_so.median_s == pytest.approx(
            np.median(ways_s), abs=max(ways_s) - min(ways_s) + ROUNDING_S
        )
        assert is_so.repeats == said.repeats < STEPS
    assert np.median(ways_s) < LONG_S


@pytest.mark.slow
def test_a_click_is_heard_where_the_stamps_of_the_sound_say_that_it_was_made(
    senses: RealSenses, twin: TwinProcess, robot: RobotSpec
) -> None:
    assert robot.sound_hz is not None
    for _ in range(3):
        clicked_s = twin.click()
        deadline_s = time.monotonic() + LONG_S
        heard_s: float | None = None
        while heard_s is None and time.monotonic() < deadline_s:
            readings = senses.read(time.monotonic())
            loud = np.flatnonzero(readings.sound == CLICK)
            asked_s = time.monotonic()
            if loud.size:
                heard_s = readings.sound_stamp_s + LATENCY_S - (len(readings.sound) - 1 - loud[-1]) / robot.sound_hz
        assert heard_s is not None
        # Blocks that wait for the reader arrive together, and a sample may seem older than it is by what they last.
        assert clicked_s - 0.5 <= heard_s <= asked_s
        time.sleep(0.6)  # until it has left the window


@pytest.mark.slow
def test_bought_sensors_come_through_in_the_robots_own_units_and_axes(senses: RealSenses, robot: RobotSpec) -> None:
    readings = senses.read(time.monotonic())
    np.testing.assert_allclose(np.linalg.norm(readings.imu.acceleration_m_s2), 9.81, atol=1.0)
    # A limp torso sinks, as far as its waist goes: 0.6 rad forwards and 0.4 rad aside.
    assert readings.imu.acceleration_m_s2[2] > 9.81 * np.cos(0.6) * np.cos(0.4) - 0.5
    assert readings.touch_n.shape == (6, 4, 4)
    assert readings.touch_n.max() < 20.0
    figures = senses.figures
    assert (figures["touch"].damaged, figures["imu"].frozen) == (0, 0)
