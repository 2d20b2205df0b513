"""A worn exoskeleton as a pilot, its servos moved by the test and its clock turned by hand."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from serial_cable import SerialCable
from virtual_station import SERVO_ROBOT

from assets.exoskeleton import isomorphic_joints
from envs.connections import AT_A_ROBOT
from envs.errors import PilotError
from envs.pilots.exoskeleton import BETA, HOLD_AFTER_S, MIN_CUTOFF_HZ, ExoskeletonPilot
from envs.scenario import Scenario
from hardware.exoskeleton import ServoExoskeleton
from hardware.port import InProcessPort
from hardware.smoothing import OneEuroFilter
from hardware.virtual_robot import VirtualExoskeleton
from hardware.virtual_wire import SimulatedClock, VirtualPort

PERIOD_S = 0.04
TICK_RAD = 2 * np.pi / 4096
SCENARIO = Scenario("pointing", {"mark": 0.0, "colour": "red"})
Rig = tuple[ExoskeletonPilot, VirtualExoskeleton, "Clock"]


class Clock:
    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def rig() -> Callable[..., Rig]:
    def make(joints: int = 3, smoothing: OneEuroFilter | None = None) -> Rig:
        clock = Clock()
        worn = isomorphic_joints(SERVO_ROBOT)[:joints]
        virtual = VirtualExoskeleton(worn)
        virtual.hold(SERVO_ROBOT.home[:joints])
        port = InProcessPort(virtual.bus.feed, clock)
        exoskeleton = ServoExoskeleton(SERVO_ROBOT, worn, port, smoothing, max_age_s=HOLD_AFTER_S)
        pilot = ExoskeletonPilot(SERVO_ROBOT, exoskeleton, now=clock)
        pilot.reset(SCENARIO, np.random.default_rng(0))
        return pilot, virtual, clock

    return make


def command(pilot: ExoskeletonPilot, sent_rad: np.ndarray) -> np.ndarray | None:
    target = pilot.command({}, {"sent_rad": sent_rad})
    return None if target is None else target.position_rad


def test_a_trainer_where_the_robot_is_leads_at_once_and_exactly(rig: Callable[..., Rig]) -> None:
    pilot, virtual, clock = rig()
    for share in (0.0, 0.05, 0.12, 0.2):
        shown_rad = SERVO_ROBOT.home + share
        virtual.hold(shown_rad)
        np.testing.assert_allclose(command(pilot, SERVO_ROBOT.home), shown_rad, atol=TICK_RAD)
        clock.now_s += PERIOD_S


def test_a_trainer_elsewhere_begins_where_the_robot_is_and_leads_in_the_end(rig: Callable[..., Rig]) -> None:
    pilot, virtual, clock = rig()
    shown_rad = np.array([0.6, 0.8, 0.5])
    virtual.hold(shown_rad)
    way = []
    for _ in range(40):
        way.append(command(pilot, SERVO_ROBOT.home))
        clock.now_s += PERIOD_S
    np.testing.assert_allclose(way[0], SERVO_ROBOT.home, atol=TICK_RAD)
    np.testing.assert_allclose(way[-1], shown_rad, atol=TICK_RAD)
    # The steepest of minimum jerk is 15/8 of the mean speed.
    assert np.abs(np.diff(way, axis=0)).max() <= 0.6 / 1.5 * 15 / 8 * PERIOD_S + TICK_RAD


def test_while_the_difference_fades_the_trainers_own_motion_passes_whole(rig: Callable[..., Rig]) -> None:
    still, _, still_clock = rig()
    moving, virtual, clock = rig()
    start_rad = SERVO_ROBOT.home + 0.3
    command(still, start_rad), command(moving, start_rad)
    clock.now_s = still_clock.now_s = clock.now_s + PERIOD_S
    virtual.hold(SERVO_ROBOT.home + 0.1)
    np.testing.assert_allclose(command(moving, start_rad), np.add(command(still, start_rad), 0.1), atol=1.5 * TICK_RAD)


def test_a_trainer_too_far_away_is_refused_by_joint(rig: Callable[..., Rig]) -> None:
    pilot, virtual, _ = rig()
    virtual.hold(SERVO_ROBOT.home + np.array([0.0, 1.0, 0.0]))
    with pytest.raises(PilotError, match=r"elbow \(-1\.00 rad\); take"):
        command(pilot, SERVO_ROBOT.home)


def test_joints_that_nobody_wears_stay_where_the_episode_began(rig: Callable[..., Rig]) -> None:
    pilot, virtual, clock = rig(joints=1)
    begin_rad = np.array([0.0, 0.7, 0.4])
    command(pilot, begin_rad)
    clock.now_s += PERIOD_S
    virtual.hold(np.array([0.2]))
    np.testing.assert_allclose(command(pilot, np.array([0.1, 0.6, 0.2])), [0.2, 0.7, 0.4], atol=TICK_RAD)


def test_readings_that_stay_away_hold_the_robot_and_then_end_the_command(rig: Callable[..., Rig]) -> None:
    pilot, virtual, clock = rig()
    command(pilot, SERVO_ROBOT.home)
    virtual.bus.servo(2).is_silent = True
    clock.now_s += 0.08
    assert command(pilot, SERVO_ROBOT.home) is not None
    clock.now_s += 0.08
    assert command(pilot, SERVO_ROBOT.home) is None
    clock.now_s += 0.3
    assert command(pilot, SERVO_ROBOT.home) is None
    clock.now_s += 0.3
    with pytest.raises(PilotError, match="elbow"):
        command(pilot, SERVO_ROBOT.home)


def test_a_silent_servo_holds_a_robots_control_loop_up_by_less_than_5_ms_beyond_the_wire() -> None:
    worn = isomorphic_joints(SERVO_ROBOT)
    virtual, clock = VirtualExoskeleton(worn), SimulatedClock(100.0)
    virtual.hold(SERVO_ROBOT.home)
    port = VirtualPort(virtual.bus, clock, baud=1_000_000)
    exoskeleton = ServoExoskeleton(SERVO_ROBOT, worn, port, max_age_s=HOLD_AFTER_S, reply_margin_s=AT_A_ROBOT.reply_s)
    pilot = ExoskeletonPilot(SERVO_ROBOT, exoskeleton, now=clock)
    pilot.reset(SCENARIO, np.random.default_rng(0))
    wire_s = (14 + len(worn) + 15 * len(worn)) * 1e-5  # a sync read, and answers of four bytes each
    virtual.bus.servo(2).is_silent = True
    before_s = clock.now_s
    assert command(pilot, SERVO_ROBOT.home) is not None
    assert AT_A_ROBOT.reply_s <= clock.now_s - before_s <= wire_s + 0.005


def test_after_a_gap_the_lead_is_taken_up_without_a_jump(rig: Callable[..., Rig]) -> None:
    pilot, virtual, clock = rig()
    sent_rad = command(pilot, SERVO_ROBOT.home)
    virtual.bus.servo(1).is_silent = True
    clock.now_s += 0.2
    assert command(pilot, sent_rad) is None
    virtual.bus.servo(1).is_silent = False
    virtual.hold(SERVO_ROBOT.home + 0.4)
    np.testing.assert_allclose(command(pilot, sent_rad), sent_rad, atol=TICK_RAD)


def test_an_exoskeleton_that_is_not_there_cannot_lead() -> None:
    worn = isomorphic_joints(SERVO_ROBOT)
    deaf = ServoExoskeleton(SERVO_ROBOT, worn, InProcessPort(lambda data, now_s: b""))
    with pytest.raises(PilotError, match="Check power"):
        ExoskeletonPilot(SERVO_ROBOT, deaf).reset(SCENARIO, np.random.default_rng(0))


def test_the_smoothing_lags_a_steady_motion_by_less_than_a_control_period(rig: Callable[..., Rig]) -> None:
    pilot, virtual, clock = rig(smoothing=OneEuroFilter(MIN_CUTOFF_HZ, BETA))
    rate_rad_s, lag_s = 0.5, 0.0
    for step in range(30):
        shown_rad = SERVO_ROBOT.home + rate_rad_s * step * PERIOD_S
        virtual.hold(shown_rad)
        followed_rad = command(pilot, SERVO_ROBOT.home)
        lag_s = float((shown_rad - followed_rad).max()) / rate_rad_s
        clock.now_s += PERIOD_S
    assert lag_s < PERIOD_S


def test_a_trainer_whose_cable_was_replugged_leads_again_from_the_next_reset(tmp_path: Path) -> None:
    worn = isomorphic_joints(SERVO_ROBOT)
    virtual = VirtualExoskeleton(worn)
    virtual.hold(SERVO_ROBOT.home)
    rng = np.random.default_rng(0)
    with SerialCable(tmp_path, virtual.bus.feed) as cable:
        exoskeleton = ServoExoskeleton(SERVO_ROBOT, worn, cable.path, max_age_s=5.0, reply_margin_s=5.0)
        pilot = ExoskeletonPilot(SERVO_ROBOT, exoskeleton)
        pilot.reset(SCENARIO, rng)
        assert command(pilot, SERVO_ROBOT.home) is not None
        cable.pull()
        with pytest.raises(PilotError, match="Replug it"):
            command(pilot, SERVO_ROBOT.home)
        with pytest.raises(PilotError, match="cannot open serial port"):
            pilot.reset(SCENARIO, rng)
        cable.plug()
        pilot.reset(SCENARIO, rng)
        np.testing.assert_allclose(command(pilot, SERVO_ROBOT.home), SERVO_ROBOT.home, atol=TICK_RAD)
        pilot.close()
        pilot.reset(SCENARIO, rng)
        assert command(pilot, SERVO_ROBOT.home) is not None
        pilot.close()
