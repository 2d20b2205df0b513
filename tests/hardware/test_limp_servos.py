"""A robot's servos swept by hand: torque off, read, given their homing offsets, and proved to count by them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import pytest

from assets.calibration import ChannelCalibration
from assets.robot import RobotSpec
from hardware import control_table as table
from hardware.bus import DynamixelBus
from hardware.calibrating import Sweep, SweptJoint
from hardware.control_table import servo_model
from hardware.dynamixel import StatusError
from hardware.errors import BusError, ServoError
from hardware.exoskeleton import ExoskeletonJoint
from hardware.limp_servos import LimpServo, LimpServos, Take, off_travel, robot_servos, worn_servos
from hardware.port import InProcessPort
from hardware.virtual import VirtualBus
from hardware.virtual_servo import VirtualServo


class Counting(VirtualServo):
    """Counts by its homing offset: the present position is where the encoder stands, plus the offset."""

    encoder_ticks = 2048

    def write(self, address: int, data: bytes) -> StatusError:
        error = super().write(address, data)
        if address == table.HOMING_OFFSET.address and not error:
            self._put(table.PRESENT_POSITION, self.encoder_ticks + self.get(table.HOMING_OFFSET))
        return error


class Deaf(VirtualServo):
    """Keeps a homing offset without counting by it."""

    def write(self, address: int, data: bytes) -> StatusError:
        error = super().write(address, data)
        if address == table.HOMING_OFFSET.address:
            self._put(table.PRESENT_POSITION, 2048)
        return error


def limp(robot: RobotSpec, clock: Any, kind: type[VirtualServo]) -> tuple[LimpServos, dict[str, VirtualServo]]:
    made = {own.joint: kind(own.servo_id, servo_model(own.model)) for own in robot.servos}
    for each in made.values():
        each.write(table.TORQUE_ENABLE.address, b"\x01")
    buses = {
        name: DynamixelBus(
            InProcessPort(VirtualBus(made[own.joint] for own in robot.servos if own.bus == name).feed, clock), name
        )
        for name in ("arm", "hand")
    }
    return robot_servos(robot, buses), made


def channel(joint: str, offset: int, lowest: int = 1500, highest: int = 3000) -> ChannelCalibration:
    return ChannelCalibration(joint, lowest, highest, 2000, homing_offset=offset)


def test_the_robot_is_let_go_in_the_modes_of_the_table_and_read_by_joint(robot: RobotSpec, clock: Any) -> None:
    servos, made = limp(robot, clock, VirtualServo)
    assert not any(each.torque_on for each in made.values())
    assert made["grip"].get(table.OPERATING_MODE) == 5
    made["wrist"].sense(777)
    ticks, stamp_s = servos.read()
    assert ticks == {"shoulder": 2048, "elbow": 2048, "wrist": 777, "grip": 2048}
    assert stamp_s == clock.now_s
    made["elbow"].is_silent = True
    assert "elbow" not in servos.read()[0]


def test_offsets_are_written_where_they_change_and_read_back(robot: RobotSpec, clock: Any) -> None:
    servos, made = limp(robot, clock, Counting)
    wanted = [channel("shoulder", 300), *(channel(name, 0) for name in ("elbow", "wrist", "grip"))]
    assert servos.write_offsets(wanted) == ("shoulder",)
    assert made["shoulder"].get(table.HOMING_OFFSET) == 300
    assert servos.read()[0]["shoulder"] == 2348


def test_a_servo_that_does_not_count_by_its_offset_is_refused_and_all_offsets_are_put_back(
    robot: RobotSpec, clock: Any
) -> None:
    servos, made = limp(robot, clock, Deaf)
    moved = [channel("shoulder", 300), channel("elbow", 500, lowest=2500, highest=3500), channel("wrist", 0)]
    with pytest.raises(ServoError, match=r"elbow reads 2048, outside its travel 2500 to 3500"):
        servos.write_offsets([*moved, channel("grip", 0)])
    assert {each.get(table.HOMING_OFFSET) for each in made.values()} == {0}


def test_positions_outside_the_travel_are_named() -> None:
    channels = [channel("elbow", 0), channel("wrist", 0)]
    assert off_travel({"elbow": 1450, "wrist": 3050}, channels) == []
    assert off_travel({"elbow": 1400}, channels) == ["elbow reads 1400, outside its travel 1500 to 3000"]


def test_an_exoskeleton_is_let_go_and_never_written_to(robot: RobotSpec, clock: Any) -> None:
    worn = [VirtualServo(servo_id, servo_model("XL330-M288")) for servo_id in (1, 2)]
    for each in worn:
        each.write(table.TORQUE_ENABLE.address, b"\x01")
    bus = DynamixelBus(InProcessPort(VirtualBus(worn).feed, clock), "exoskeleton")
    joints = (ExoskeletonJoint(1, "elbow", sign=-1), ExoskeletonJoint(2, "wrist"))
    servos = worn_servos(robot, joints, "exoskeleton", bus)
    assert not any(each.torque_on for each in worn)
    assert [(own.joint.joint, own.joint.sign, own.joint.largest_offset) for own in servos.servos] == [
        ("elbow", -1, None),
        ("wrist", 1, None),
    ]
    assert servos.write_offsets([channel("elbow", 0), channel("wrist", 0)]) == ()


def test_a_missing_servo_stops_before_anything_is_swept(robot: RobotSpec, clock: Any) -> None:
    with pytest.raises(BusError, match="servo 12"):
        robot_servos(
            robot,
            {name: DynamixelBus(InProcessPort(VirtualBus([]).feed, clock), name) for name in ("arm", "hand")},
        )


def test_what_a_servo_held_is_put_back_where_another_is_missing_or_the_sweep_fails(
    robot: RobotSpec, clock: Any
) -> None:
    servos, made = limp(robot, clock, VirtualServo)
    assert (made["wrist"].get(table.MIN_POSITION_LIMIT), made["wrist"].get(table.MAX_POSITION_LIMIT)) == (0, 4095)
    servos.old.put_back()
    assert made["grip"].get(table.OPERATING_MODE) == 3
    for register, value in ((table.MIN_POSITION_LIMIT, 900), (table.MAX_POSITION_LIMIT, 1200)):
        made["wrist"].write(register.address, register.encode(value))
    arm = VirtualBus([made["shoulder"], made["elbow"], made["wrist"]])
    buses = {
        "arm": DynamixelBus(InProcessPort(arm.feed, clock), "arm"),
        "hand": DynamixelBus(InProcessPort(VirtualBus([]).feed, clock), "hand"),
    }
    with pytest.raises(BusError, match="servo 20"):
        robot_servos(robot, buses)
    limits = (made["wrist"].get(table.MIN_POSITION_LIMIT), made["wrist"].get(table.MAX_POSITION_LIMIT))
    assert limits == (900, 1200)


def test_what_cannot_be_put_back_is_named_with_its_old_value_and_the_others_are(robot: RobotSpec, clock: Any) -> None:
    made = {own.joint: VirtualServo(own.servo_id, servo_model(own.model)) for own in robot.servos}
    for each in (made["shoulder"], made["wrist"]):
        each.write(table.MIN_POSITION_LIMIT.address, table.MIN_POSITION_LIMIT.encode(900))
    buses = {
        name: DynamixelBus(
            InProcessPort(VirtualBus(made[own.joint] for own in robot.servos if own.bus == name).feed, clock), name
        )
        for name in ("arm", "hand")
    }
    servos = robot_servos(robot, buses)

    def sweep_badly() -> None:
        with servos.old.back_after_failure():
            made["shoulder"].is_silent = True
            raise ServoError("the sweep was bad")

    with pytest.raises(
        ServoError, match=r"the sweep was bad; and not put back: .*shoulder: min position limit was 900"
    ):
        sweep_badly()
    assert made["wrist"].get(table.MIN_POSITION_LIMIT) == 900


class Seamed(VirtualServo):
    """Its encoder starts again at each turn; its present position is the encoder's plus the homing offset."""

    wraps_late = False  # whether the turn starts again behind the offset instead

    def hold(self, ticks: int) -> None:
        self._encoder = ticks % table.TICKS_PER_TURN
        position = self._encoder + self.get(table.HOMING_OFFSET)
        self._put(table.PRESENT_POSITION, position % table.TICKS_PER_TURN if self.wraps_late else position)

    def write(self, address: int, data: bytes) -> StatusError:
        error = super().write(address, data)
        if address == table.HOMING_OFFSET.address:
            self.hold(self._encoder)
        return error


class WrapsLate(Seamed):
    wraps_late = True


PATH_RAD = np.concatenate([np.linspace(1.45, 0.0, 30), np.linspace(0.0, 2.3, 40), np.linspace(2.3, 1.45, 30)])


class SeamInside:
    """An elbow whose seam, at 0.15 rad, lies inside its travel; it has been swept and given its homing offset."""

    def __init__(self, kind: type[Seamed], clock: Any) -> None:
        self.elbow = kind(23, servo_model("XM540-W270"))
        joint = SweptJoint("elbow", 1, 0.0, 2.3, 1.45)
        bus = DynamixelBus(InProcessPort(VirtualBus([self.elbow]).feed, clock), "left")
        self.servos = LimpServos([LimpServo("left", 23, joint)], {"left": bus})
        sweep = Sweep([joint])
        for place, rad in enumerate(PATH_RAD):
            sweep.add(self.held(rad), 0.02 * place)
        (self.measured,) = sweep.channels()
        assert self.measured.homing_offset == 1024
        assert self.servos.write_offsets([self.measured]) == ("elbow",)

    def held(self, rad: float) -> dict[str, int]:
        self.elbow.hold(round(4000 + rad * 4096 / (2 * np.pi)))
        return self.servos.read()[0]

    def prove(self, path_rad: Iterable[float]) -> None:
        def sweep_again(take: Take) -> None:
            for rad in path_rad:
                take(self.held(rad), 0.0)

        self.servos.prove([self.measured], sweep_again)


@pytest.mark.parametrize("kind", [Seamed, WrapsLate])
def test_an_offset_stays_only_if_a_second_sweep_proves_that_it_moved_the_seam(kind: type[Seamed], clock: Any) -> None:
    arm = SeamInside(kind, clock)
    if kind is WrapsLate:
        arm.prove(PATH_RAD)
        assert arm.elbow.get(table.HOMING_OFFSET) == 1024
    else:
        with pytest.raises(ServoError, match="the seam of its encoder is still inside the travel"):
            arm.prove(PATH_RAD)
        assert arm.elbow.get(table.HOMING_OFFSET) == 0


@pytest.mark.parametrize("kind", [Seamed, WrapsLate])
@pytest.mark.parametrize(
    "path_rad",
    [[], [1.45] * 3, np.linspace(0.6, 1.8, 20), np.linspace(0.2, 2.3, 40)],
    ids=["no reading", "a still hand", "half", "not across the seam"],
)
def test_a_second_sweep_that_shows_too_little_proves_nothing(
    path_rad: Iterable[float], kind: type[Seamed], clock: Any
) -> None:
    arm = SeamInside(kind, clock)
    with pytest.raises(ServoError, match="elbow: not moved from stop to stop in the second sweep"):
        arm.prove(path_rad)
    assert arm.elbow.get(table.HOMING_OFFSET) == 0


def test_breaking_off_a_second_sweep_puts_the_offsets_back(clock: Any) -> None:
    arm = SeamInside(WrapsLate, clock)

    def broken_off(take: Take) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        arm.servos.prove([arm.measured], broken_off)
    assert arm.elbow.get(table.HOMING_OFFSET) == 0
