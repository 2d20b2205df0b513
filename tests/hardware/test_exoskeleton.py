"""The exoskeleton: joint map, the seam of a turn, silent servos; and the filter that calms it."""

from __future__ import annotations

from math import exp, pi
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from serial_cable import SerialCable

from assets.calibration import Calibration, ChannelCalibration
from assets.exoskeleton import ExoskeletonJoint, isomorphic_joints
from assets.robot import RobotSpec
from hardware import control_table as table
from hardware.control_table import servo_model
from hardware.dynamixel import StatusError
from hardware.errors import BusError, PortError, SensorError, ServoError, StaleDeviceError
from hardware.exoskeleton import ServoExoskeleton
from hardware.port import InProcessPort
from hardware.smoothing import OneEuroFilter
from hardware.virtual import VirtualBus
from hardware.virtual_servo import VirtualServo

QUARTER = 1024


@pytest.fixture
def worn() -> VirtualBus:
    servos = (VirtualServo(servo_id, servo_model("XL330-M288")) for servo_id in (1, 2, 3, 4))
    return VirtualBus(servos, chain="continue")


@pytest.fixture
def exoskeleton(robot: RobotSpec, worn: VirtualBus, clock: Any) -> ServoExoskeleton:
    joints = (ExoskeletonJoint(2, "elbow", sign=-1, offset_rad=0.5), ExoskeletonJoint(3, "shoulder"))
    return ServoExoskeleton(robot, joints, InProcessPort(worn.feed, clock))


def test_each_servo_moves_the_joint_that_it_is_mapped_to(
    exoskeleton: ServoExoskeleton, worn: VirtualBus, robot: RobotSpec
) -> None:
    worn.servo(2).sense(2048 - QUARTER // 2)
    worn.servo(3).sense(2048 - QUARTER // 2)
    reading = exoskeleton.connect()
    np.testing.assert_allclose(reading.position_rad, [0.5 + pi / 4, -pi / 4])
    assert exoskeleton.joint_names == ("elbow", "shoulder")
    assert [robot.joint_names[index] for index in exoskeleton.robot_index] == ["elbow", "shoulder"]


def test_connecting_lets_every_servo_go(exoskeleton: ServoExoskeleton, worn: VirtualBus) -> None:
    worn.servo(2).write(table.TORQUE_ENABLE.address, b"\x01")
    exoskeleton.connect()
    assert worn.servo(2).target is None
    assert worn.servo(2).get(table.RETURN_DELAY) == 0


def test_a_joint_is_followed_across_the_seam_of_its_turn(exoskeleton: ServoExoskeleton, worn: VirtualBus) -> None:
    worn.servo(3).sense(4090)
    first = exoskeleton.connect().position_rad[1]
    worn.servo(3).sense(10)
    assert exoskeleton.read().position_rad[1] - first == pytest.approx(16 * 2 * pi / 4096)


def test_a_silent_servo_keeps_its_value_until_it_is_too_old(
    exoskeleton: ServoExoskeleton, worn: VirtualBus, clock: Any
) -> None:
    exoskeleton.connect()
    worn.servo(2).is_silent = True
    clock.now_s += 0.05
    reading = exoskeleton.read()
    assert set(reading.missing) == {"elbow"}
    assert reading.stamp_s == clock.now_s - 0.05
    clock.now_s += 0.06
    with pytest.raises(StaleDeviceError, match="elbow"):
        exoskeleton.read()


def test_a_servo_that_never_answers_is_named_at_once(exoskeleton: ServoExoskeleton, worn: VirtualBus) -> None:
    worn.servo(3).is_silent = True
    with pytest.raises(BusError, match="servo 3"):
        exoskeleton.connect()


@pytest.mark.parametrize(
    ("joints", "complaint"),
    [
        ((ExoskeletonJoint(1, "tail"),), "tail"),
        ((ExoskeletonJoint(1, "elbow"), ExoskeletonJoint(1, "wrist")), "once"),
        ((), "once"),
    ],
)
def test_a_map_that_cannot_hold_is_refused(robot: RobotSpec, joints: Any, complaint: str) -> None:
    with pytest.raises(SensorError, match=complaint):
        ServoExoskeleton(robot, joints, InProcessPort(lambda data, now_s: b""))


def test_an_isomorphic_exoskeleton_reads_over_a_pseudo_terminal(robot: RobotSpec, worn: VirtualBus, serve: Any) -> None:
    for servo, position_rad in zip(worn.servos, (0.1, 0.2, 0.3, 0.4), strict=True):
        servo.sense(2048 + round(position_rad * 4096 / (2 * pi)))
    exoskeleton = ServoExoskeleton(
        robot, isomorphic_joints(robot), serve(worn.feed), smoothing=OneEuroFilter(), max_age_s=5.0, reply_margin_s=5.0
    )
    np.testing.assert_allclose(exoskeleton.connect().position_rad, [0.1, 0.2, 0.3, 0.4], atol=pi / 4096)
    exoskeleton.close()
    with pytest.raises(PortError):
        exoskeleton.read()


def test_a_cable_that_was_replugged_is_read_again_after_connecting(
    robot: RobotSpec, worn: VirtualBus, tmp_path: Path
) -> None:
    with SerialCable(tmp_path, worn.feed) as cable:
        exoskeleton = ServoExoskeleton(robot, isomorphic_joints(robot), cable.path, max_age_s=5.0, reply_margin_s=5.0)
        exoskeleton.connect()
        for _ in range(2):
            cable.pull()
            with pytest.raises(PortError, match="Replug it and connect again"):
                exoskeleton.read()
            with pytest.raises(PortError, match="cannot open serial port"):
                exoskeleton.connect()
            cable.plug()
            worn.servo(3).sense(2048 + QUARTER // 2)
            assert exoskeleton.connect().position_rad[2] == pytest.approx(pi / 4)
        exoskeleton.close()


def test_a_closed_exoskeleton_can_be_connected_again(robot: RobotSpec, worn: VirtualBus, serve: Any) -> None:
    exoskeleton = ServoExoskeleton(robot, isomorphic_joints(robot), serve(worn.feed), max_age_s=5.0, reply_margin_s=5.0)
    exoskeleton.close()
    assert exoskeleton.connect().missing == {}
    exoskeleton.close()


def test_without_speed_the_filter_is_a_low_pass_of_its_cutoff() -> None:
    smooth = OneEuroFilter(min_cutoff_hz=1.0, beta=0.0)
    dt_s = 1e-4
    smooth(np.zeros(1), 0.0)
    for step in range(1, 2001):
        value = smooth(np.ones(1), step * dt_s)
    assert value[0] == pytest.approx(1 - exp(-2 * pi * 1.0 * 0.2), rel=1e-3)  # step response of a first-order low-pass


def test_the_filter_calms_noise_at_rest_and_keeps_up_with_motion() -> None:
    rng = np.random.default_rng(0)
    stamps_s = np.arange(0.0, 4.0, 0.02)
    noise = rng.normal(0.0, 0.002, len(stamps_s))
    calm = OneEuroFilter()
    rest = np.array([calm(np.array([value]), stamp)[0] for value, stamp in zip(noise, stamps_s, strict=True)])
    assert rest[50:].std() < 0.6 * noise.std()
    quick = OneEuroFilter()
    swing = 2.0 * stamps_s  # 2 rad/s
    moved = np.array([quick(np.array([value]), stamp)[0] for value, stamp in zip(swing, stamps_s, strict=True)])
    assert swing[-1] - moved[-1] < 2.0 * 0.05  # less than 50 ms behind


def test_a_value_that_is_not_newer_changes_nothing() -> None:
    smooth = OneEuroFilter()
    smooth(np.zeros(1), 1.0)
    assert smooth(np.ones(1), 1.0) == 0.0


class StubbornServo(VirtualServo):
    """Takes every setting but those that would let go."""

    def write(self, address: int, data: bytes) -> StatusError:
        if address in (table.STARTUP_CONFIGURATION.address, table.TORQUE_ENABLE.address):
            return StatusError.NONE
        return super().write(address, data)


def test_settings_that_switch_torque_on_by_themselves_are_cleared(
    exoskeleton: ServoExoskeleton, worn: VirtualBus
) -> None:
    servo = worn.servo(2)
    servo.write(table.STARTUP_CONFIGURATION.address, b"\x03")
    servo.write(table.DRIVE_MODE.address, b"\x09")
    exoskeleton.connect()
    assert servo.get(table.STARTUP_CONFIGURATION) == 0b10
    assert servo.get(table.DRIVE_MODE) == 0b1


def test_a_servo_that_does_not_let_go_keeps_the_trainer_out(robot: RobotSpec, clock: Any) -> None:
    stubborn = StubbornServo(2, servo_model("XL330-M288"))
    VirtualServo.write(stubborn, table.STARTUP_CONFIGURATION.address, b"\x01")
    VirtualServo.write(stubborn, table.TORQUE_ENABLE.address, b"\x01")
    port = InProcessPort(VirtualBus([stubborn]).feed, clock)
    exoskeleton = ServoExoskeleton(robot, (ExoskeletonJoint(2, "elbow"),), port)
    with pytest.raises(ServoError, match=r"servo 2 \(elbow\).*startup configuration, torque enable"):
        exoskeleton.connect()


def test_torque_that_comes_on_later_is_noticed_within_a_second(exoskeleton: ServoExoskeleton, worn: VirtualBus) -> None:
    exoskeleton.connect()
    worn.servo(3).write(table.TORQUE_ENABLE.address, b"\x01")
    for _ in range(23):
        exoskeleton.read()
    with pytest.raises(ServoError, match="torque has come on at shoulder"):
        exoskeleton.read()


def calibrated(robot: RobotSpec, worn: VirtualBus, clock: Any, **channel: int) -> ServoExoskeleton:
    travel = {"lowest": 3800, "highest": 4800, "center": 4300, **channel}
    own = Calibration("exoskeleton", robot.name, "2025-01-01", (ChannelCalibration("elbow", **travel),))
    joints = (ExoskeletonJoint(2, "elbow", scale=0.5),)
    return ServoExoskeleton(robot, joints, InProcessPort(worn.feed, clock), calibration=own)


def test_a_calibrated_travel_may_cross_the_seam_and_its_centre_is_zero(
    robot: RobotSpec, worn: VirtualBus, clock: Any
) -> None:
    exoskeleton = calibrated(robot, worn, clock)
    worn.servo(2).sense(4300 - 4096)
    assert exoskeleton.connect().position_rad[0] == pytest.approx(0.0)
    worn.servo(2).sense(4000)
    assert exoskeleton.read().position_rad[0] == pytest.approx(-300 * pi / 4096)
    assert exoskeleton.calibration_digest is not None


def test_ticks_outside_the_calibrated_travel_are_not_followed(robot: RobotSpec, worn: VirtualBus, clock: Any) -> None:
    exoskeleton = calibrated(robot, worn, clock)
    worn.servo(2).sense(4000)
    before = exoskeleton.connect().position_rad
    worn.servo(2).sense(2500)
    reading = exoskeleton.read()
    assert reading.position_rad.tolist() == before.tolist()
    assert "outside its calibrated travel, 3800 to 4800" in reading.missing["elbow"]
    clock.now_s += 0.2
    with pytest.raises(StaleDeviceError, match="calibrated travel"):
        exoskeleton.read()


def test_a_homing_that_changed_since_the_calibration_is_refused(robot: RobotSpec, worn: VirtualBus, clock: Any) -> None:
    worn.servo(2).sense(4000)
    with pytest.raises(ServoError, match="homing offset 0, and had 1024"):
        calibrated(robot, worn, clock, homing_offset=1024).connect()
