"""The senses of a body on cables: latency, what is missing, and what fails in the middle of an episode."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from episode_samples import header_of, success
from virtual_station import PATIENCE, SERVO_ROBOT, station_env, virtual_station
from waiting import wait_until

from assets.devices import Devices, Importance, ImuDevice, SoundDevice
from assets.robot import RobotSpec
from envs.body import NEVER_S
from envs.connections import require_connections
from envs.episodes.archive import Archive
from envs.episodes.records import Tick
from envs.errors import BodyError
from envs.real_senses import RealSenses, sense_reader
from hardware.errors import StaleDeviceError

LONG_S = 20.0
HOME = SERVO_ROBOT.home


def with_importance(importance: Importance) -> RobotSpec:
    """The station's robot; its IMU, its microphone and its camera are as important as is said, and touch stops."""
    devices = Devices(imu=ImuDevice(importance=importance), sound=SoundDevice(importance=importance))
    cameras = tuple(replace(camera, importance=importance) for camera in SERVO_ROBOT.cameras)
    return replace(
        SERVO_ROBOT, devices=devices, cameras=cameras, max_age=replace(SERVO_ROBOT.max_age, imu_s=1.0, sound_s=1.0)
    )


def test_every_device_has_its_own_latency_taken_off_its_stamps() -> None:
    late = Devices(imu=ImuDevice(latency_s=0.5), sound=SoundDevice(latency_s=0.7))
    cameras = tuple(replace(camera, latency_s=0.9) for camera in SERVO_ROBOT.cameras)
    spec = replace(SERVO_ROBOT, devices=late, cameras=cameras)
    with virtual_station(spec) as station:
        begun_s = time.monotonic()
        senses = station.closing(RealSenses(spec, station.ports, PATIENCE))
        readings = senses.read(time.monotonic())
        now_s = time.monotonic()
        for stamp_s, latency_s in (
            (readings.touch_stamp_s, 0.0),
            (readings.imu.stamp_s, 0.5),
            (readings.sound_stamp_s, 0.7),
            (readings.images["head"].stamp_s, 0.9),
        ):
            assert begun_s - latency_s <= stamp_s <= now_s - latency_s


def test_the_figures_of_every_device_stand_by_its_connection() -> None:
    with virtual_station() as station:
        senses = station.closing(RealSenses(SERVO_ROBOT, station.ports, PATIENCE))
        wait_until(lambda: all(figures.samples > 2 for figures in senses.figures.values()))
        assert list(senses.figures) == ["touch", "imu", "microphone", "camera.head"]
        assert all(figures.worst_gap_s > 0.0 and figures.reconnects == 0 for figures in senses.figures.values())


@pytest.mark.parametrize("is_plugged_in", [False, True], ids=["left out", "dead"])
def test_what_is_only_noted_reads_zero_and_black_of_no_time_where_it_is_missing(is_plugged_in: bool) -> None:
    spec = with_importance("note")
    with virtual_station(spec) as station:
        dead = {"imu": "/dev/no-such-line", "microphone": "127.0.0.1:1", "camera.head": "http://127.0.0.1:1/"}
        ports = {**{name: port for name, port in station.ports.items() if name not in dead}}
        ports |= dead if is_plugged_in else {}
        require_connections(spec, ports)
        senses = station.closing(RealSenses(spec, ports, replace(PATIENCE, first_reading_s=LONG_S)))
        senses.begin_episode()
        readings = senses.read(time.monotonic())
        assert readings.touch_stamp_s > 1.0
        assert readings.imu.stamp_s == readings.sound_stamp_s == readings.images["head"].stamp_s == NEVER_S
        assert not readings.imu.acceleration_m_s2.any()
        assert (readings.sound.shape, readings.sound_count, readings.sound.any()) == ((8000,), 0, False)
        assert (readings.images["head"].pixels.shape, readings.images["head"].pixels.any()) == ((6, 8, 3), False)


@pytest.mark.parametrize("importance", ["stop", "start"])
def test_what_is_needed_to_start_must_be_plugged_in_and_speak(importance: Importance) -> None:
    spec = with_importance(importance)
    with virtual_station(spec) as station:
        with pytest.raises(BodyError, match="missing are imu"):
            require_connections(spec, {name: port for name, port in station.ports.items() if name != "imu"})
        dead = {**station.ports, "imu": "/dev/no-such-line"}
        with pytest.raises(StaleDeviceError, match=r"IMU on /dev/no-such-line"):
            RealSenses(spec, dead, replace(PATIENCE, first_reading_s=0.5))


def test_an_episode_without_its_microphone_is_recorded_with_a_note(tmp_path: Path) -> None:
    spec = with_importance("note")
    with virtual_station(spec) as station:
        env = station_env(station, microphone="127.0.0.1:1")
        _, info = env.reset(seed=1)
        archive = Archive(tmp_path / "archive")
        with archive.record(header_of(spec, body="serial")) as recorder:
            for step in range(3):
                found = tuple(fault for fault in info["faults"] if fault not in info["state"].faults)
                recorder.tick(Tick(step, info["state"], info["sent_rad"], "nobody", 0, faults=found))
                *_, info = env.step(HOME)
                assert info["stop"] is None
            recorder.finish(success())
    episode = archive.open(recorder.episode_id)
    assert ("note", "stale sound", "has never come") in {
        (fault.severity, fault.source, fault.message) for fault in episode.sheet.faults
    }
    assert (episode.sheet.skew["sound"].missing, episode.sheet.skew["imu"].missing) == (3, 0)
    assert not episode.sound.any()


@pytest.mark.parametrize(("importance", "is_stopped"), [("stop", True), ("start", False)])
def test_a_device_that_fails_in_an_episode_stops_it_or_is_noted(importance: Importance, is_stopped: bool) -> None:
    spec = with_importance(importance)
    with virtual_station(spec) as station:
        env = station_env(station)
        env.reset(seed=1)
        station.replug("imu")  # under a new name: the old one is dead
        stale: list[Any] = []
        deadline_s = time.monotonic() + LONG_S
        info: dict[str, Any] = {}
        while not stale and time.monotonic() < deadline_s:
            *_, truncated, info = env.step(HOME)
            stale = [fault for fault in info["faults"] if fault.source == "stale imu"]
            if truncated and info["stop"] is None:  # the task's time was up
                env.reset(seed=1)
        assert [fault.severity for fault in stale] == ["soft" if is_stopped else "note"]
        assert (info["stop"] is not None) == is_stopped
        if is_stopped:
            assert "stale imu" in info["stop"].reason


def test_a_sense_that_the_robot_does_not_have_is_named() -> None:
    with pytest.raises(BodyError, match=r"no sense 'nose'; it has touch, imu, microphone, camera\.head"):
        sense_reader(SERVO_ROBOT, "nose", "/dev/null")


def test_a_robot_without_senses_reads_zeros_of_the_asking_time() -> None:
    bare = replace(SERVO_ROBOT, cameras=(), pads=(), sound_hz=None, has_imu=False)
    senses = RealSenses(bare, {}, PATIENCE)
    readings = senses.read(12.0)
    assert (readings.touch_stamp_s, readings.imu.stamp_s, readings.sound_stamp_s) == (12.0, 12.0, 12.0)
    np.testing.assert_array_equal(readings.touch_n, np.zeros((0, 0, 0)))
    senses.close()
