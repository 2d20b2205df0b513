"""Letting torque on, fade and off, servo by servo, whatever happens to the others."""

from __future__ import annotations

from collections.abc import Mapping

from assets.robot import RobotSpec, ServoSpec
from hardware import control_table as table
from hardware.bus import DynamixelBus
from hardware.errors import HardwareError

FULL_PWM = 885  # 100 % of what a servo gives its motor


class StopLadder:
    """The torque of all servos on `buses`. The mapping may be emptied later; nothing is left to do then."""

    def __init__(self, spec: RobotSpec, servos: tuple[ServoSpec, ...], buses: Mapping[str, DynamixelBus]) -> None:
        self._servos = servos
        self._buses = buses
        self._ids = {name: [servo.servo_id for servo in servos if servo.bus == name] for name in buses}

    def engage(self, goal_ticks: Mapping[ServoSpec, int]) -> None:
        """Give every servo its goal and all of its torque, then switch torque on.

        Raises:
            BusError: a servo does not answer.
            ServoError: a servo refuses; one that shut itself down needs a reboot first.
        """
        self.fade(1.0)
        # An old goal would be driven to at full speed the moment that torque comes on.
        for servo, ticks in goal_ticks.items():
            self._buses[servo.bus].write(servo.servo_id, table.GOAL_POSITION, ticks)
        for servo in goal_ticks:
            self._buses[servo.bus].write(servo.servo_id, table.TORQUE_ENABLE, 1)

    def fade(self, share: float) -> None:
        """Leave the servos `share` of what they can give their motors, all at once, unconfirmed.

        Raises:
            PortError: a cable is gone; the buses before it have heard.
        """
        for name, bus in self._buses.items():
            bus.sync_write(table.GOAL_PWM, dict.fromkeys(self._ids[name], round(share * FULL_PWM)))

    def limp(self) -> tuple[str, ...]:
        """Torque off, first for all at once, then for each, confirmed. Never raises; one line for each failure."""
        failures = []
        for name, bus in self._buses.items():
            try:
                bus.sync_write(table.TORQUE_ENABLE, dict.fromkeys(self._ids[name], 0))
            except HardwareError as error:
                failures.append(f"bus {name}: {error}")
        for servo in self._servos:
            if servo.bus not in self._buses:
                continue
            try:
                self._buses[servo.bus].write(servo.servo_id, table.TORQUE_ENABLE, 0)
            except HardwareError as error:
                failures.append(f"{servo.joint}: {error}")
        return tuple(failures)
