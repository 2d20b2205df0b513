"""What goes wrong at a body on cables: servos that fall silent or stop, pulled cables, sensors that send nothing."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
import pytest
from real_bodies import AT_A_ROBOTS_PACE, HOME, reset
from virtual_station import PATIENCE, SERVO_ROBOT, VirtualStation, station_env
from waiting import wait_until

from envs.body import JointTarget
from envs.clock import WallClock
from envs.real_body import RealBody
from hardware.errors import PortError, StaleDeviceError
from hardware.virtual_servo import VirtualServo

LONG_S = 20.0


def servo(station: VirtualStation, bus: str, servo_id: int) -> VirtualServo:
    return station.servos.buses[bus].servo(servo_id)


def test_a_silent_servo_coasts_for_two_periods_and_then_stops_the_body(station: VirtualStation, body: RealBody) -> None:
    reset(body)
    moved = body.exchange(JointTarget(np.array([0.1, 0.3, 0.0])))
    servo(station, "arm", 2).is_silent = True
    states = [body.exchange(HOME) for _ in range(3)]
    assert [[(fault.severity, fault.source) for fault in state.faults] for state in states] == [
        [("note", "servo elbow")],
        [("note", "servo elbow")],
        [("soft", "servo elbow")],
    ]
    assert all(state.position_rad[1] == states[0].position_rad[1] for state in states)
    assert states[0].joints_stamp_s > moved.joints_stamp_s
    servo(station, "arm", 2).is_silent = False
    assert body.exchange(HOME).faults == ()


def test_a_servo_that_reports_an_error_stops_the_body(station: VirtualStation, body: RealBody) -> None:
    reset(body)
    servo(station, "hand", 3).raise_hardware_error(0x04)  # overheating
    alert, cause, _ = body.exchange(HOME).faults  # and its torque is off
    assert (alert.severity, alert.source) == ("note", "servo grip")
    assert (cause.severity, cause.source) == ("soft", "servo grip")
    assert "overheating" in cause.message


def test_an_episode_may_begin_long_after_its_reset(station: VirtualStation) -> None:
    env = station_env(station, AT_A_ROBOTS_PACE)
    _, info = env.reset(seed=1)
    wait_until(lambda: servo(station, "arm", 2).watchdog_tripped and servo(station, "hand", 3).watchdog_tripped)
    before_rad = info["state"].position_rad
    for _ in range(15):
        *_, info = env.step(before_rad + 0.2)
        assert info["stop"] is None
    np.testing.assert_allclose(info["state"].position_rad - before_rad, 0.2, atol=0.1)


def test_a_robot_that_left_home_before_the_first_step_does_not_jump(station: VirtualStation) -> None:
    env = station_env(station, AT_A_ROBOTS_PACE)
    env.reset(seed=1)
    wait_until(lambda: servo(station, "arm", 2).watchdog_tripped)
    with station.lock:
        station.blocked[1] = True
        station.position_rad[1] += 0.5
    *_, truncated, info = env.step(SERVO_ROBOT.home)
    assert truncated
    assert "elbow (+0.50 rad)" in info["stop"].reason


def test_servos_that_stopped_by_themselves_end_the_episode_at_the_next_step(station: VirtualStation) -> None:
    env = station_env(station, AT_A_ROBOTS_PACE)
    env.reset(seed=1)
    *_, truncated, info = env.step(SERVO_ROBOT.home)
    assert not truncated
    wait_until(lambda: servo(station, "arm", 2).watchdog_tripped)  # nobody speaks to the servos
    *_, truncated, info = env.step(SERVO_ROBOT.home)
    assert truncated
    assert info["stop"].severity == "soft"
    assert "elbow" in info["stop"].reason
    assert "stopped; allowed are 0.8 s" in info["stop"].reason
    env.reset(seed=2)
    *_, truncated, info = env.step(SERVO_ROBOT.home)
    assert info["stop"] is None


def test_one_servo_that_stopped_by_itself_is_noticed_within_a_second(station: VirtualStation, body: RealBody) -> None:
    reset(body)
    body.exchange(HOME)
    with station.lock:
        station.servos.buses["arm"].advance(time.monotonic() + LONG_S)  # a bus that was cut off, and is back
    faults = [fault for _ in range(25) for fault in body.exchange(HOME).faults]
    assert any("heard nothing for too long" in fault.message for fault in faults)
    assert reset(body).faults == ()


def test_a_pulled_cable_stops_softly_and_is_found_again_at_the_next_reset(
    station: VirtualStation, tmp_path_factory: pytest.TempPathFactory
) -> None:
    by_id = tmp_path_factory.mktemp("by-id") / "arm"  # a name that survives replugging
    by_id.symlink_to(station.ports["arm"])
    env = station_env(station, arm=str(by_id))
    env.reset(seed=1)
    station.replug("arm")
    *_, truncated, info = env.step(SERVO_ROBOT.home)
    assert truncated
    assert info["stop"].severity == "soft"
    assert isinstance(info["error"], PortError)
    by_id.unlink()
    by_id.symlink_to(station.ports["arm"])
    env.reset(seed=2)
    *_, truncated, info = env.step(SERVO_ROBOT.home)
    assert info["stop"] is None


def test_a_sensor_that_sends_nothing_is_named_and_holds_no_cable(station: VirtualStation) -> None:
    ports = {**station.ports, "microphone": "127.0.0.1:1"}
    body = station.closing(RealBody(SERVO_ROBOT, WallClock(1 / 25), ports, replace(PATIENCE, first_reading_s=0.3)))
    with pytest.raises(StaleDeviceError, match=r"microphone 127\.0\.0\.1:1"):
        reset(body)
    body.close()
    whole = station.closing(RealBody(SERVO_ROBOT, WallClock(1 / 25), station.ports, PATIENCE))
    assert reset(whole).faults == ()
