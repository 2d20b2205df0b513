"""The rules that a virtual servo keeps, byte by byte, with a clock that the test turns."""

from __future__ import annotations

from typing import Any

import pytest
from states import read_states

from hardware import control_table as table
from hardware.bus import DynamixelBus
from hardware.control_table import OperatingMode, servo_model
from hardware.errors import BusError, ServoError
from hardware.port import InProcessPort
from hardware.virtual import VirtualBus
from hardware.virtual_servo import ServoTarget, VirtualServo


@pytest.fixture
def servo() -> VirtualServo:
    return VirtualServo(1, servo_model("XM430-W350"))


@pytest.fixture
def bus(servo: VirtualServo, clock: Any) -> DynamixelBus:
    return DynamixelBus(InProcessPort(VirtualBus([servo]).feed, clock), "test")


def test_a_ping_is_answered_with_model_and_firmware() -> None:
    servo = VirtualServo(1, servo_model("XM430-W350"), firmware=38)
    answer = VirtualBus([servo]).feed(bytes.fromhex("FFFFFD00 01 0300 01 194E"), 0.0)
    assert answer[:12] == bytes.fromhex("FFFFFD00 01 0700 55 00 FC03 26")


def test_a_servo_is_limp_until_torque_is_on(servo: VirtualServo, bus: DynamixelBus) -> None:
    assert servo.target is None
    bus.write(1, table.TORQUE_ENABLE, 1)
    assert servo.target == ServoTarget(OperatingMode.POSITION, 2048, None)


def test_the_eeprom_is_locked_while_torque_is_on(bus: DynamixelBus) -> None:
    bus.write(1, table.TORQUE_ENABLE, 1)
    with pytest.raises(ServoError, match="locked while torque is on"):
        bus.write(1, table.OPERATING_MODE, OperatingMode.CURRENT_POSITION)
    bus.write(1, table.TORQUE_ENABLE, 0)
    bus.write(1, table.OPERATING_MODE, OperatingMode.CURRENT_POSITION)


def test_a_goal_beyond_the_limits_is_refused_alone_and_lost_in_a_sync_write(
    servo: VirtualServo, bus: DynamixelBus
) -> None:
    bus.write(1, table.MAX_POSITION_LIMIT, 3000)
    with pytest.raises(ServoError, match="limit"):
        bus.write(1, table.GOAL_POSITION, 3001)
    bus.sync_write(table.GOAL_POSITION, {1: 3001})
    assert servo.get(table.GOAL_POSITION) == 2048


def test_current_based_position_takes_the_goal_current_as_its_limit(servo: VirtualServo, bus: DynamixelBus) -> None:
    bus.write(1, table.OPERATING_MODE, OperatingMode.CURRENT_POSITION)
    bus.write(1, table.GOAL_CURRENT, 150)
    bus.write(1, table.TORQUE_ENABLE, 1)
    assert servo.target == ServoTarget(OperatingMode.CURRENT_POSITION, 2048, 150)


def test_a_servo_without_current_sensing_has_no_current_mode(clock: Any) -> None:
    bus = DynamixelBus(InProcessPort(VirtualBus([VirtualServo(1, servo_model("XL430-W250"))]).feed, clock), "test")
    with pytest.raises(ServoError, match="out of range"):
        bus.write(1, table.OPERATING_MODE, OperatingMode.CURRENT_POSITION)


def test_the_watchdog_trips_after_its_time_without_instructions_and_then_drops_goals(
    servo: VirtualServo, bus: DynamixelBus, clock: Any
) -> None:
    bus.write(1, table.TORQUE_ENABLE, 1)
    bus.write(1, table.BUS_WATCHDOG, 5)
    clock.now_s += 0.09
    bus.sync_write(table.GOAL_POSITION, {1: 2100})
    clock.now_s += 0.09
    assert bus.read(1, table.BUS_WATCHDOG) == 5
    servo.sense(2070)
    clock.now_s += 0.11
    assert bus.read(1, table.BUS_WATCHDOG) == table.WATCHDOG_TRIPPED
    bus.sync_write(table.GOAL_POSITION, {1: 2200})
    assert servo.target == ServoTarget(OperatingMode.POSITION, 2070, None)
    with pytest.raises(ServoError, match="watchdog"):
        bus.write(1, table.GOAL_POSITION, 2200)
    bus.write(1, table.BUS_WATCHDOG, 0)
    bus.write(1, table.GOAL_POSITION, 2200)


def test_a_limp_servo_needs_no_watchdog(bus: DynamixelBus, clock: Any) -> None:
    bus.write(1, table.BUS_WATCHDOG, 1)
    clock.now_s += 10.0
    assert bus.read(1, table.BUS_WATCHDOG) == 1


def test_a_hardware_error_rides_on_every_status_and_ends_torque_until_a_reboot(
    servo: VirtualServo, bus: DynamixelBus
) -> None:
    bus.write(1, table.TORQUE_ENABLE, 1)
    servo.raise_hardware_error(0x20)
    assert servo.target is None
    reading = read_states(bus, (1,)).readings[1]
    assert reading.alert
    assert reading.position_ticks == 2048
    with pytest.raises(ServoError, match="refuses"):
        bus.write(1, table.TORQUE_ENABLE, 1)
    bus.reboot(1)
    bus.write(1, table.TORQUE_ENABLE, 1)


def test_a_reboot_keeps_the_eeprom_and_nothing_else(servo: VirtualServo, bus: DynamixelBus) -> None:
    servo.sense(4096 + 5)
    bus.write(1, table.RETURN_DELAY, 0)
    bus.write(1, table.LED, 1)
    bus.reboot(1)
    assert bus.read(1, table.RETURN_DELAY) == 0
    assert bus.read(1, table.LED) == 0
    assert bus.read(1, table.PRESENT_POSITION) == 5


def test_a_servo_at_return_level_one_answers_reads_only(bus: DynamixelBus) -> None:
    bus.sync_write(table.STATUS_RETURN_LEVEL, {1: 1})
    with pytest.raises(BusError, match="no answer"):
        bus.write(1, table.LED, 1)
    assert bus.read(1, table.STATUS_RETURN_LEVEL) == 1


def test_a_register_cannot_be_written_in_half_or_read_only(bus: DynamixelBus) -> None:
    with pytest.raises(ServoError, match="read-only"):
        bus.write(1, table.PRESENT_POSITION, 0)
    with pytest.raises(ServoError, match="too few bytes"):
        bus.write(1, table.Register("half a goal", 116, 2), 0)
