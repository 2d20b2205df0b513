"""A servo from the box becomes the servo of a joint: found, set, read back, and taken up where it was broken off."""

from __future__ import annotations

from typing import Any

import pytest
from baud_line import BaudLine, servo

from assets.robot import RobotSpec
from hardware import control_table as table
from hardware.adopting import adopt, plan_adoption
from hardware.control_table import Register
from hardware.dynamixel import StatusError
from hardware.errors import ServoError
from hardware.robot_check import check_robot
from hardware.virtual_servo import VirtualServo


def alone(clock: Any, *servos: VirtualServo) -> BaudLine:
    return BaudLine({"a": list(servos)}, clock)


def set_up(robot: RobotSpec, line: BaudLine, joint: str = "elbow", **options: Any) -> tuple[str, ...]:
    return adopt(plan_adoption(robot, joint, "a", opener=line.open, **options), "a", opener=line.open)


def test_a_servo_from_the_box_gets_id_baud_and_settings(robot: RobotSpec, clock: Any) -> None:
    new = servo(1, "XM430-W350", 57_600)
    line = alone(clock, new)
    plan = plan_adoption(robot, "elbow", "a", opener=line.open)
    assert new.servo_id == 1  # a plan changes nothing
    assert "id: 1 -> 11" in plan.steps
    assert plan.steps[-1] == "baud rate: 57600 -> 1000000"
    done = adopt(plan, "a", opener=line.open)
    assert {"return delay time is 0", "id is 11", "baud rate is 1000000"} <= set(done)
    assert (new.servo_id, new.get(table.BAUD_CODE), new.get(table.RETURN_DELAY)) == (11, 3, 0)
    assert (new.get(table.MIN_POSITION_LIMIT), new.get(table.MAX_POSITION_LIMIT)) == (3000 - 1304, 3000)


def test_a_gripper_gets_its_mode(robot: RobotSpec, clock: Any) -> None:
    new = servo(1, "XL330-M288", 57_600)
    set_up(robot, alone(clock, new), "grip")
    assert (new.servo_id, new.get(table.OPERATING_MODE)) == (20, 5)


def test_a_servo_that_is_set_already_needs_nothing(robot: RobotSpec, clock: Any) -> None:
    line = alone(clock, servo(1, "XM430-W350", 57_600))
    set_up(robot, line)
    assert plan_adoption(robot, "elbow", "a", opener=line.open).steps == ()


def test_after_adopting_all_servos_nothing_is_left_to_mend(robot: RobotSpec, clock: Any) -> None:
    line = BaudLine({"a": [], "arm": [], "hand": []}, clock)
    for own in robot.servos:
        line.servos["a"] = [servo(1, own.model, 57_600, ticks=own.center_ticks)]
        set_up(robot, line, own.joint)
        line.servos[own.bus] += line.servos["a"]
    assert check_robot(robot, {"arm": "arm", "hand": "hand"}, opener=line.open).findings == ()


@pytest.mark.parametrize(
    ("servos", "options", "complaint"),
    [
        ([], {}, "nobody answers on a"),
        ([("XM430-W350", 1), ("XM540-W270", 12)], {}, r"2 servos answer on a: .*or say --from-id"),
        ([("XM430-W350", 1), ("XM430-W350", 1)], {}, "2 servos answer on a"),
        ([("XM430-W350", 1), ("XM430-W350", 1)], {"from_id": 1}, "2 servos answer on a"),
        ([("XM430-W350", 1)], {"from_id": 5}, "nobody on a has the id 5"),
        ([("XM540-W270", 1)], {}, "the table wants a XM430-W350 for elbow"),
        ([("XM430-W350", 1), ("XM430-W350", 11)], {"from_id": 1}, "the id 11 of elbow is taken"),
        ([("XM430-W350", 1)], {"baud": 1234}, "do not know 1234 baud"),
    ],
    ids=["nobody", "two", "two with one id", "two with the id", "not that id", "model", "taken", "baud"],
)
def test_where_there_is_doubt_nothing_is_written(
    robot: RobotSpec, clock: Any, servos: list[tuple[str, int]], options: dict[str, Any], complaint: str
) -> None:
    line = alone(clock, *(servo(servo_id, model) for model, servo_id in servos))
    before = [each.read(0, 64) for each in line.servos["a"]]
    with pytest.raises(ServoError, match=complaint):
        set_up(robot, line, **options)
    assert [each.read(0, 64) for each in line.servos["a"]] == before


def test_an_unknown_joint_is_refused_with_the_known_ones(robot: RobotSpec, clock: Any) -> None:
    with pytest.raises(ServoError, match="no servo for joint 'knee'; it has shoulder, elbow, grip, wrist"):
        set_up(robot, alone(clock), "knee")


def test_one_of_several_is_adopted_by_the_id_that_it_has(robot: RobotSpec, clock: Any) -> None:
    line = alone(clock, servo(1, "XM430-W350", 57_600), servo(12, "XM540-W270"))
    set_up(robot, line, from_id=1)
    assert [each.servo_id for each in line.servos["a"]] == [11, 12]


class Forgetful(VirtualServo):
    """Consents to everything, but does not keep one register."""

    forgets: Register | None = None

    def write(self, address: int, data: bytes) -> StatusError:
        if self.forgets is not None and address == self.forgets.address:
            return StatusError.NONE
        return super().write(address, data)


def test_a_setting_that_is_not_kept_is_told_with_what_was_done_and_the_rest_is_done_later(
    robot: RobotSpec, clock: Any
) -> None:
    fresh = servo(1, "XM430-W350", 57_600)
    fresh.__class__ = Forgetful
    assert isinstance(fresh, Forgetful)
    fresh.forgets = table.SERVO_ID
    line = alone(clock, fresh)
    with pytest.raises(ServoError, match=r"Done so far: return delay time is 0, .*Run the same command"):
        set_up(robot, line)
    assert fresh.get(table.BAUD_CODE) == 1
    fresh.forgets = None
    assert set_up(robot, line) == ("id is 11", "baud rate is 1000000")  # the rest had been done
