"""Stale and missing readings, judged by how important the robot's table says their device is."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from analytic_body import AnalyticBody
from small_robot import SMALL_ROBOT

from assets.devices import Devices, Importance, ImuDevice, SoundDevice, TouchDevice
from assets.robot import RobotSpec
from envs.body import NEVER_S, BodyState, Fault
from envs.clock import SimClock
from envs.errors import StaleReadingError
from envs.health import HealthCheck
from envs.scenario import Scenario

NOW_S = 10.0
SOURCES = ["touch", "imu", "sound", "image/head"]


def robot(importance: Importance) -> RobotSpec:
    devices = Devices(
        TouchDevice(importance=importance), ImuDevice(importance=importance), SoundDevice(importance=importance)
    )
    cameras = tuple(replace(camera, importance=importance) for camera in SMALL_ROBOT.cameras)
    return replace(SMALL_ROBOT, devices=devices, cameras=cameras)


def check(importance: Importance) -> HealthCheck:
    clock = SimClock(0.04)
    clock.start(NOW_S)
    return HealthCheck(robot(importance), clock)


def state_with(source: str, stamp_s: float) -> BodyState:
    """A state that is fresh, but for one reading."""
    body = AnalyticBody(SimClock(0.04))
    state = body.reset(Scenario("pointing", {"mark": 0.5, "colour": "red"}), np.random.default_rng(0))
    stamps = dict.fromkeys(SOURCES, NOW_S) | {source: stamp_s}
    return replace(
        state,
        joints_stamp_s=NOW_S,
        touch_stamp_s=stamps["touch"],
        imu=replace(state.imu, stamp_s=stamps["imu"]),
        sound_stamp_s=stamps["sound"],
        images={"head": replace(state.images["head"], stamp_s=stamps["image/head"])},
    )


@pytest.mark.parametrize("source", SOURCES)
def test_a_stale_reading_that_stops_is_a_soft_fault_with_its_age(source: str) -> None:
    (fault,) = check("stop").examine(state_with(source, NOW_S - 0.5))
    assert (fault.severity, fault.source) == ("soft", f"stale {source}")
    assert "is 0.500 s old; allowed is 0." in fault.message


@pytest.mark.parametrize("importance", ["start", "note"])
@pytest.mark.parametrize("source", SOURCES)
def test_a_stale_reading_that_does_not_stop_is_the_same_note_at_every_step(source: str, importance: Importance) -> None:
    health = check(importance)
    (fault,) = health.examine(state_with(source, NOW_S - 0.5))
    assert (fault.severity, fault.source) == ("note", f"stale {source}")
    assert health.examine(state_with(source, NOW_S - 0.7)) == (fault,)


@pytest.mark.parametrize("importance", ["stop", "start"])
@pytest.mark.parametrize("source", SOURCES)
def test_no_episode_begins_without_what_is_needed_to_start(source: str, importance: Importance) -> None:
    health = check(importance)
    with pytest.raises(StaleReadingError, match=f"stale {source} is"):
        health.refuse_to_start(state_with(source, NOW_S - 0.5))
    with pytest.raises(StaleReadingError, match=f"stale {source} has never come"):
        health.refuse_to_start(state_with(source, NEVER_S))


@pytest.mark.parametrize("source", SOURCES)
def test_what_is_only_noted_may_be_missing_at_the_start_and_is_said_ever_after(source: str) -> None:
    health, state = check("note"), state_with(source, NEVER_S)
    health.refuse_to_start(state)
    assert health.examine(state) == (Fault("note", f"stale {source}", "has never come"),)


def test_a_camera_that_is_not_in_the_state_has_never_come() -> None:
    state = replace(state_with("touch", NOW_S), images={})
    with pytest.raises(StaleReadingError, match="image/head has never come"):
        check("start").refuse_to_start(state)
    assert check("note").examine(state) == (Fault("note", "stale image/head", "has never come"),)


def test_joints_are_always_needed() -> None:
    state = replace(state_with("touch", NOW_S), joints_stamp_s=NOW_S - 1.0)
    (fault,) = check("note").examine(state)
    assert (fault.severity, fault.source) == ("soft", "stale joints")
