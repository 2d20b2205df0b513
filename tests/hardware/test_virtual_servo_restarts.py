"""What time, turns, restarts and trouble do to a virtual servo."""

from __future__ import annotations

import pytest
from byte_master import Master

from hardware import control_table as table
from hardware.control_table import OperatingMode, servo_model
from hardware.dynamixel import Instruction, StatusError, StatusPacket
from hardware.virtual_servo import VirtualServo

MODEL = servo_model("XM430-W350")


@pytest.fixture
def master() -> Master:
    return Master(VirtualServo(1, MODEL))


def test_a_homing_offset_shifts_what_is_read_and_what_a_goal_means(master: Master) -> None:
    assert master.write(table.HOMING_OFFSET, 300) == 0
    assert master.read(table.PRESENT_POSITION) == 2348
    assert master.write(table.TORQUE_ENABLE, 1) == 0
    assert master.write(table.GOAL_POSITION, 2400) == 0
    assert master.servo.target is not None
    assert master.servo.target.position_ticks == 2100


def test_position_mode_honours_a_quarter_turn_of_homing_offset_only(master: Master) -> None:
    assert master.write(table.HOMING_OFFSET, 5000) == 0
    assert master.read(table.PRESENT_POSITION) == 2048 + 1024
    assert master.write(table.OPERATING_MODE, OperatingMode.EXTENDED_POSITION) == 0
    assert master.read(table.PRESENT_POSITION) == 2048 + 5000


def test_a_restart_forgets_turns_and_everything_in_ram(master: Master) -> None:
    master.in_mode(OperatingMode.EXTENDED_POSITION, watchdog=100)
    master.servo.sense(3 * 4096 + 77)
    assert master.read(table.PRESENT_POSITION) == 3 * 4096 + 77
    master.now_s += 1.0
    assert master.ask(Instruction.REBOOT) == StatusPacket(1, 0)
    master.servo.sense(3 * 4096 + 78)
    assert master.read(table.PRESENT_POSITION) == 78
    assert [master.read(one) for one in (table.TORQUE_ENABLE, table.BUS_WATCHDOG)] == [0, 0]
    assert master.read(table.OPERATING_MODE) == OperatingMode.EXTENDED_POSITION


def test_turns_can_be_cleared_at_standstill_only(master: Master) -> None:
    assert master.write(table.OPERATING_MODE, OperatingMode.EXTENDED_POSITION) == 0
    clear = bytes.fromhex("0144584C22")
    master.servo.sense(-4096 + 5, velocity_ticks=40)
    assert master.ask(Instruction.CLEAR, clear) == StatusPacket(1, StatusError.RESULT_FAIL)
    assert master.read(table.PRESENT_POSITION) == -4096 + 5
    master.servo.sense(-4096 + 5)
    assert master.ask(Instruction.CLEAR, clear) == StatusPacket(1, 0)
    assert master.read(table.PRESENT_POSITION) == 5


def test_a_servo_says_whether_it_moves(master: Master) -> None:
    master.servo.sense(0, velocity_ticks=-11)
    assert master.read(table.MOVING) == 1
    master.servo.sense(0, velocity_ticks=10)
    assert master.read(table.MOVING) == 0


# Time, starts, resets.


def test_the_tick_counts_milliseconds_from_the_start_and_wraps(master: Master) -> None:
    master.now_s = 32.0
    assert master.read(table.REALTIME_TICK) == 32_000
    master.now_s = 32.8
    assert master.read(table.REALTIME_TICK) == 32
    master.ask(Instruction.REBOOT)
    master.now_s = 33.0
    assert master.read(table.REALTIME_TICK) == pytest.approx(200, abs=1)


def test_a_servo_is_deaf_while_it_starts() -> None:
    master = Master(VirtualServo(1, MODEL, boot_s=0.3))
    assert master.ask(Instruction.PING) is not None
    assert master.ask(Instruction.REBOOT) is not None
    master.now_s += 0.29
    assert master.ask(Instruction.PING) is None
    master.now_s += 0.02
    assert master.ask(Instruction.PING) is not None


def test_a_startup_configuration_switches_torque_on_by_itself(master: Master) -> None:
    assert master.write(table.STARTUP_CONFIGURATION, 1) == 0
    master.servo.sense(1234)
    master.ask(Instruction.REBOOT)
    assert master.servo.target is not None
    assert master.servo.target.position_ticks == 1234


@pytest.mark.parametrize(("option", "servo_id", "baud"), [(0xFF, 1, 57_600), (1, 9, 57_600), (2, 9, 1_000_000)])
def test_a_factory_reset_keeps_what_it_is_told_to(option: int, servo_id: int, baud: int) -> None:
    servo = VirtualServo(9, MODEL, settings={table.RETURN_DELAY: 0, table.HOMING_OFFSET: 40})
    master = Master(servo)
    assert master.ask(Instruction.FACTORY_RESET, bytes([option]), 9) == StatusPacket(9, 0)
    assert (servo.servo_id, servo.baud, servo.get(table.RETURN_DELAY)) == (servo_id, baud, 250)
    assert servo.get(table.HOMING_OFFSET) == 0


def test_nobody_loses_its_id_to_a_factory_reset_of_all_from_firmware_42_on() -> None:
    for firmware, servo_id in ((41, 1), (42, 9)):
        master = Master(VirtualServo(9, MODEL, firmware=firmware))
        assert master.ask(Instruction.FACTORY_RESET, b"\xff", 254) is None
        assert master.servo.servo_id == servo_id


# Alerts.


def test_an_error_outside_the_shutdown_mask_leaves_torque_on(master: Master) -> None:
    master.in_mode(OperatingMode.POSITION)
    master.servo.feel(supply_v=9.0)
    assert master.ask(Instruction.PING) == StatusPacket(1, 0x80, bytes([0xFC, 0x03, 46]))
    assert master.servo.torque_on
    master.servo.feel(temperature_c=81)
    assert not master.servo.torque_on
    assert master.read(table.HARDWARE_ERROR_STATUS) == 0x05
    assert master.write(table.TORQUE_ENABLE, 1) == 0x80 | StatusError.RESULT_FAIL


def test_a_cause_that_lasts_outlives_a_restart(master: Master) -> None:
    master.servo.feel(supply_v=9.0)
    master.ask(Instruction.REBOOT)
    assert master.read(table.HARDWARE_ERROR_STATUS) == 0x01
    master.servo.feel(supply_v=12.0)
    master.ask(Instruction.REBOOT)
    assert master.read(table.HARDWARE_ERROR_STATUS) == 0


@pytest.mark.parametrize("name", ["XL330-M288", "XC330-T288", "XL430-W250", "2XL430-W250", "XM430-W350", "XM540-W270"])
def test_every_model_starts_without_an_alert(name: str) -> None:
    assert VirtualServo(1, servo_model(name)).error_byte == 0
