"""Letting torque on, fade and off, servo by servo, whatever happens to the others."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from assets.robot import ServoSpec
from hardware import control_table as table
from hardware.bus import DynamixelBus
from hardware.errors import HardwareError, PortError

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

FULL_PWM = 885  # 100 % of what a servo gives its motor


class StopLadder:
    """The torque of all servos on `buses`. The mapping may be emptied later; nothing is left to do then.

    Args:
        servos: in the order of the joints.
        buses: by name.
    """

    def __init__(self, servos: tuple[ServoSpec, ...], buses: Mapping[str, DynamixelBus]) -> None:
        self._servos = servos
        self._buses = buses
        self._pwm_limit: IntArray = np.full(len(servos), FULL_PWM, dtype=np.int64)
        self._full: FloatArray = np.ones(len(servos))
        self._allowed: FloatArray = self._full
        self._is_derated = False
        self._share = 1.0

    def keep_within(self, pwm_limit: IntArray) -> None:
        """The largest goal PWM that each servo takes, (joints,): it drops a larger one in silence."""
        self._pwm_limit = pwm_limit

    def engage(self, goal_ticks: IntArray, permit: Callable[[], None]) -> None:
        """Give every servo its goal, (joints,), then all of its torque, then switch torque on.

        Raises:
            BusError: a servo does not answer.
            ServoError: a servo refuses; one that shut itself down needs a reboot first.
            Exception: whatever `permit` raises, which is asked before each servo.
        """
        self._share, self._allowed, self._is_derated = 1.0, self._full, False
        # The goal first: an old one would be driven to at full speed the moment that torque comes on or back.
        for register, values in (
            (table.GOAL_POSITION, goal_ticks.tolist()),
            (table.GOAL_PWM, self._pwm_limit.tolist()),
            (table.TORQUE_ENABLE, [1] * len(self._servos)),
        ):
            for servo, value in zip(self._servos, values, strict=True):
                permit()
                self._buses[servo.bus].write(servo.servo_id, register, value)

    def fade(self, share: float) -> None:
        """Leave the servos `share` of what they can give their motors, all at once, unconfirmed.

        Raises:
            PortError: a cable is gone; the other buses have heard.
        """
        self._share = share
        self._send_shares(np.ones(len(self._servos), dtype=np.bool_))

    def derate(self, effort_share: FloatArray) -> None:
        """Leave single servos less than the others, (joints,); said again each time, as nobody confirms it.

        Raises:
            PortError: a cable is gone.
        """
        if effort_share is self._allowed and not self._is_derated:
            return
        is_concerned = (effort_share < 1.0) | (self._allowed < 1.0)
        self._allowed, self._is_derated = effort_share, bool((effort_share < 1.0).any())
        self._send_shares(is_concerned)

    def limp(self) -> tuple[str, ...]:
        """Torque off, first for all at once, then for each that does not confirm it. Never raises.

        Returns:
            One line for each failure; empty if all are limp.
        """
        failures = []
        for name, bus in self._buses.items():
            on_bus = [servo for servo in self._servos if servo.bus == name]
            still_on = on_bus
            try:
                bus.sync_write(table.TORQUE_ENABLE, {servo.servo_id: 0 for servo in on_bus})
                limp_ids = _limp_ids(bus, on_bus)
                still_on = [servo for servo in on_bus if servo.servo_id not in limp_ids]
            except HardwareError as error:
                failures.append(f"bus {name}: {error}")
            for servo in still_on:
                try:
                    bus.write(servo.servo_id, table.TORQUE_ENABLE, 0)
                except HardwareError as error:
                    failures.append(f"{servo.joint}: {error}")
        return tuple(failures)

    def _send_shares(self, chosen: NDArray[np.bool_]) -> None:
        goal_pwm = np.rint(np.minimum(self._share, self._allowed) * self._pwm_limit).astype(np.int64)
        gone: PortError | None = None
        for name, bus in self._buses.items():
            values = {
                servo.servo_id: int(goal_pwm[index])
                for index, servo in enumerate(self._servos)
                if servo.bus == name and chosen[index]
            }
            try:
                bus.sync_write(table.GOAL_PWM, values)
            except PortError as error:
                gone = error
        if gone is not None:
            raise gone


def _limp_ids(bus: DynamixelBus, servos: list[ServoSpec]) -> set[int]:
    ids = [servo.servo_id for servo in servos]
    reply = bus.sync_read(ids, table.TORQUE_ENABLE.address, table.TORQUE_ENABLE.size)
    return {servo_id for servo_id, block in reply.blocks.items() if block.data == b"\x00"}
