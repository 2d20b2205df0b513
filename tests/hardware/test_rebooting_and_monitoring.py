"""Reboots bring a servo back or say why not; watching tells state, health and lost answers, and writes nothing."""

from __future__ import annotations

from typing import Any

import pytest
from baud_line import BaudLine, servo

from assets.robot import RobotSpec
from hardware import control_table as table
from hardware.bus import DynamixelBus
from hardware.control_table import servo_model
from hardware.dynamixel import StatusError
from hardware.errors import BusError, ServoError
from hardware.monitoring import Monitor
from hardware.port import InProcessPort
from hardware.rebooting import reboot_servo
from hardware.virtual import VirtualBus
from hardware.virtual_servo import VirtualServo


class StillHot(VirtualServo):
    """Shuts itself down again as soon as it is back."""

    def reboot(self) -> None:
        super().reboot()
        self.raise_hardware_error(0x04)


class TakesHold(VirtualServo):
    """Notes whether it had torque in the moment that it was back; with `keeps`, it cannot be set otherwise."""

    keeps = False
    had_torque: bool | None = None

    def reboot(self) -> None:
        super().reboot()
        self.had_torque = self.torque_on

    def write(self, address: int, data: bytes) -> StatusError:
        if self.keeps and address == table.STARTUP_CONFIGURATION.address:
            return StatusError.NONE
        return super().write(address, data)


class HoldsOn(VirtualServo):
    """Comes back with torque, whatever it is set to; with `lets_go` it can be talked out of it."""

    lets_go = True

    def reboot(self) -> None:
        super().reboot()
        super().write(table.TORQUE_ENABLE.address, b"\x01")

    def write(self, address: int, data: bytes) -> StatusError:
        if not self.lets_go and address == table.TORQUE_ENABLE.address:
            return StatusError.NONE
        return super().write(address, data)


def bus_of(clock: Any, *servos: VirtualServo) -> DynamixelBus:
    return DynamixelBus(InProcessPort(VirtualBus(servos).feed, clock), "arm")


def test_a_reboot_clears_a_shutdown_and_leaves_the_joint_limp(clock: Any) -> None:
    shut_down = servo(7, "XM430-W350")
    shut_down.raise_hardware_error(0x20)
    memory = reboot_servo(bus_of(clock, shut_down), 7)
    assert memory.hardware_errors == ()
    assert shut_down.target is None


def test_an_error_that_comes_back_at_once_is_told(clock: Any) -> None:
    hot = StillHot(7, servo_model("XM430-W350"))
    with pytest.raises(ServoError, match="overheating again right after its reboot"):
        reboot_servo(bus_of(clock, hot), 7)


def test_a_servo_that_takes_hold_when_it_starts_is_kept_from_it_by_a_reboot(clock: Any) -> None:
    eager = TakesHold(7, servo_model("XM430-W350"), settings={table.STARTUP_CONFIGURATION: 0b11})
    memory = reboot_servo(bus_of(clock, eager), 7)
    assert eager.had_torque is False
    assert not eager.torque_on
    assert not memory.get(table.TORQUE_ENABLE)
    assert eager.get(table.STARTUP_CONFIGURATION) == 0b10


def test_a_servo_that_cannot_be_kept_from_taking_hold_is_not_rebooted(clock: Any) -> None:
    eager = TakesHold(7, servo_model("XM430-W350"), settings={table.STARTUP_CONFIGURATION: 1})
    eager.keeps = True
    with pytest.raises(ServoError, match=r"servo 7 keeps startup configuration 1.*it was not rebooted"):
        reboot_servo(bus_of(clock, eager), 7)
    assert eager.had_torque is None


def test_torque_that_came_with_a_restart_goes_or_is_told(clock: Any) -> None:
    holding = HoldsOn(7, servo_model("XM430-W350"))
    reboot_servo(bus_of(clock, holding), 7)
    assert not holding.torque_on
    holding.lets_go = False
    with pytest.raises(ServoError, match="servo 7 took hold when it restarted, and does not let go; cut its power"):
        reboot_servo(bus_of(clock, holding), 7)


def test_a_servo_that_is_not_there_cannot_be_rebooted(clock: Any) -> None:
    with pytest.raises(BusError, match="servo 7"):
        reboot_servo(bus_of(clock), 7)


@pytest.fixture
def line(robot: RobotSpec, clock: Any) -> BaudLine:
    servos: dict[str, list[VirtualServo]] = {"arm": [], "hand": []}
    for own in robot.servos:
        servos[own.bus].append(servo(own.servo_id, own.model))
    return BaudLine(servos, clock)


def test_watching_tells_what_each_servo_senses_in_si_units(robot: RobotSpec, line: BaudLine) -> None:
    shoulder = line.servos["arm"][0]
    shoulder.sense(2048 + 1024, velocity_ticks=10, current_ticks=100)
    before = [each.read(0, 120) for servos in line.servos.values() for each in servos]
    monitor = Monitor(robot, {name: DynamixelBus(line.open(name, 1_000_000), name) for name in line.servos})
    monitor.cycle()
    watch = monitor.watches[0]
    assert (watch.joint, watch.bus, watch.servo_id) == ("shoulder", "arm", 12)
    assert watch.position_rad == pytest.approx(1.5708, abs=1e-4)
    assert watch.velocity_rad_s == pytest.approx(0.23981, rel=1e-4)
    assert watch.current_a == pytest.approx(0.269)
    assert (watch.voltage_v, watch.temperature_c) == (pytest.approx(12.0), 30)
    assert monitor.watches[2].current_a is None  # the wrist's model senses none
    assert monitor.timing.cycles == 1
    assert [each.read(0, 120) for servos in line.servos.values() for each in servos] == before


def test_watching_counts_lost_answers_and_names_hardware_errors(robot: RobotSpec, line: BaudLine) -> None:
    monitor = Monitor(robot, {name: DynamixelBus(line.open(name, 1_000_000), name) for name in line.servos})
    monitor.cycle()
    silent, hot = line.servos["arm"][0], line.servos["hand"][0]
    silent.is_silent = True
    hot.raise_hardware_error(0x24)
    for _ in range(3):
        monitor.cycle()
    watches = {watch.joint: watch for watch in monitor.watches}
    assert (watches["shoulder"].asked, watches["shoulder"].error_rate) == (4, 0.75)
    assert watches["shoulder"].position_rad is not None  # as it was last heard
    assert "no answer" in watches["shoulder"].last_problem
    assert watches["grip"].hardware_errors == ("overheating", "overload")
    assert hot.get(table.HARDWARE_ERROR_STATUS) == 0x24
