"""What guards a virtual servo: its watchdog, its limits, its return level."""

from __future__ import annotations

import pytest
from byte_master import Master

from hardware import control_table as table
from hardware.control_table import OperatingMode, Register, servo_model
from hardware.dynamixel import Instruction, StatusError, StatusPacket
from hardware.virtual_servo import VirtualServo
from hardware.virtual_settings import WRITABLE

MODEL = servo_model("XM430-W350")


@pytest.fixture
def master() -> Master:
    return Master(VirtualServo(1, MODEL))


# Bus watchdog.


def test_any_instruction_to_anybody_feeds_the_watchdog(master: Master) -> None:
    master.in_mode(OperatingMode.POSITION, watchdog=5)
    for _ in range(10):
        master.now_s += 0.09
        master.ask(Instruction.PING, servo_id=200)
    assert not master.servo.watchdog_tripped
    master.now_s += 0.11
    assert master.read(table.BUS_WATCHDOG) == table.WATCHDOG_TRIPPED


@pytest.mark.parametrize(
    ("goal", "value"),
    [(table.GOAL_PWM, 100), (table.GOAL_CURRENT, 10), (table.GOAL_VELOCITY, 10), (table.GOAL_POSITION, 1000)],
)
def test_a_tripped_watchdog_refuses_goals_until_it_is_cleared(master: Master, goal: Register, value: int) -> None:
    master.in_mode(OperatingMode.CURRENT_POSITION, watchdog=1)
    assert master.write(table.PROFILE_VELOCITY, 50) == 0
    master.now_s += 1.0
    assert master.write(goal, value) == StatusError.DATA_RANGE
    before = master.read(goal)
    master.sync_write(goal, value)
    assert master.read(goal) == before
    assert master.read(table.PROFILE_VELOCITY) == 0
    assert master.write(table.BUS_WATCHDOG, 5) == StatusError.DATA_RANGE
    assert master.write(table.BUS_WATCHDOG, 0) == 0
    assert master.write(goal, value) == 0


def test_a_tripped_servo_holds_where_it_stands_in_a_position_mode(master: Master) -> None:
    master.in_mode(OperatingMode.CURRENT_POSITION, watchdog=1)
    assert master.write(table.GOAL_POSITION, 3000) == 0
    master.servo.sense(2500)
    master.now_s += 1.0
    master.bus.advance(master.now_s)
    assert master.servo.target is not None
    assert master.servo.target.position_ticks == 2500


def test_a_tripped_servo_brakes_in_velocity_mode_and_goes_free_in_current_mode(master: Master) -> None:
    master.in_mode(OperatingMode.VELOCITY, watchdog=1)
    assert master.write(table.GOAL_VELOCITY, 100) == 0
    master.now_s += 1.0
    assert master.read(table.GOAL_VELOCITY) == 0
    assert master.servo.target is not None
    free = Master(VirtualServo(1, MODEL))
    free.in_mode(OperatingMode.CURRENT, watchdog=1)
    assert free.write(table.GOAL_CURRENT, 100) == 0
    free.now_s += 1.0
    assert free.read(table.GOAL_CURRENT) == 0
    assert free.servo.target is None
    assert free.servo.torque_on


# Writes.


@pytest.mark.parametrize("register", [register for register in WRITABLE if register.address < table.EEPROM_END])
def test_no_eeprom_register_can_be_written_while_torque_is_on(master: Master, register: Register) -> None:
    assert master.write(table.TORQUE_ENABLE, 1) == 0
    assert master.write(register, master.servo.get(register)) == StatusError.ACCESS


@pytest.mark.parametrize(
    ("goal", "limit"),
    [
        (table.GOAL_PWM, table.PWM_LIMIT),
        (table.GOAL_CURRENT, table.CURRENT_LIMIT),
        (table.GOAL_VELOCITY, table.VELOCITY_LIMIT),
    ],
)
def test_goals_beyond_their_limits_are_refused_alone_and_lost_among_many(
    master: Master, goal: Register, limit: Register
) -> None:
    assert master.write(limit, 100) == 0
    assert master.write(goal, 100) == 0
    assert master.write(goal, -101) == StatusError.DATA_LIMIT
    master.sync_write(goal, 101)
    assert master.read(goal) == 100


def test_a_write_over_several_registers_is_taken_whole_or_not_at_all(master: Master) -> None:
    gains = table.POSITION_D_GAIN.address.to_bytes(2, "little")
    status = master.ask(Instruction.WRITE, gains + bytes.fromhex("0100 0200 FFFF"))
    assert status == StatusPacket(1, StatusError.DATA_RANGE)
    assert master.read(table.POSITION_D_GAIN) == 0
    master.ask(Instruction.WRITE, gains + bytes.fromhex("0100 0200 0300"))
    assert [master.read(one) for one in (table.POSITION_D_GAIN, table.POSITION_I_GAIN, table.POSITION_P_GAIN)] == [
        1,
        2,
        3,
    ]


def test_an_action_without_a_registered_write_is_an_error(master: Master) -> None:
    assert master.ask(Instruction.ACTION) == StatusPacket(1, StatusError.INSTRUCTION)
    assert master.ask(0x20, b"\x01CTRL") == StatusPacket(1, StatusError.INSTRUCTION)


def test_registered_writes_of_many_act_together(master: Master) -> None:
    other = VirtualServo(2, MODEL)
    master.bus.servos.append(other)
    for servo_id in (1, 2):
        master.ask(Instruction.REG_WRITE, bytes([116, 0]) + (700 + servo_id).to_bytes(4, "little"), servo_id)
    assert master.ask(Instruction.ACTION, servo_id=254) is None
    assert [servo.get(table.GOAL_POSITION) for servo in (master.servo, other)] == [701, 702]


@pytest.mark.parametrize(("level", "answered"), [(0, (True, False, False)), (1, (True, True, False)), (2, (True,) * 3)])
def test_the_return_level_decides_what_is_answered(
    master: Master, level: int, answered: tuple[bool, bool, bool]
) -> None:
    master.sync_write(table.STATUS_RETURN_LEVEL, level)
    answers = (
        master.ask(Instruction.PING),
        master.ask(Instruction.READ, bytes([132, 0, 4, 0])),
        master.ask(Instruction.WRITE, bytes([65, 0, 1])),
    )
    assert tuple(answer is not None for answer in answers) == answered
    assert master.servo.get(table.LED) == 1


def test_a_goal_may_switch_torque_on_where_the_drive_mode_says_so(master: Master) -> None:
    assert master.write(table.GOAL_POSITION, 2000) == 0
    assert not master.servo.torque_on
    assert master.write(table.DRIVE_MODE, 0x08) == 0
    master.sync_write(table.GOAL_POSITION, 2000)
    assert master.servo.torque_on
