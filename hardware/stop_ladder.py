"""Letting torque on, fade and off, servo by servo, whatever happens to the others."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress

import numpy as np
from numpy.typing import NDArray

from assets.robot import ServoSpec
from hardware import control_table as table
from hardware.bus import DynamixelBus
from hardware.control_table import Register
from hardware.errors import BusError, HardwareError, PortError

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]

_LOG = logging.getLogger(__name__)

SLOW_TICKS = round(0.3 / table.VELOCITY_UNIT_RAD_S)  # a joint just outside its limits is inside within half a second
UNLIMITED_TICKS = 0  # whoever commands limits the rates
_SAID_AGAIN = 5  # times that the end of a derating is said: nobody confirms it


class StopLadder:
    """The torque of all servos on `buses`. The mapping may be emptied later; nothing is left to do then.

    Args:
        servos: in the order of the joints.
        buses: by name.
    """

    def __init__(self, servos: tuple[ServoSpec, ...], buses: Mapping[str, DynamixelBus]) -> None:
        self._servos = servos
        self._buses = buses
        self._pwm_limit: IntArray = np.full(len(servos), table.FULL_PWM, dtype=np.int64)
        self._full: FloatArray = np.ones(len(servos))
        self._allowed: FloatArray = self._full
        self._nobody: BoolArray = np.zeros(len(servos), dtype=np.bool_)
        self._is_derated = self._is_slow = self._nobody
        self._to_say = 0  # how often the end of a derating is still to be said
        self._share = 1.0

    def keep_within(self, pwm_limit: IntArray) -> None:
        """The largest goal PWM that each servo takes, (joints,): it drops a larger one in silence."""
        self._pwm_limit = pwm_limit

    @property
    def is_slow(self) -> bool:
        """Whether joints are on their way back to within their limits."""
        return bool(self._is_slow.any())

    def engage(self, goal_ticks: IntArray, is_outside: BoolArray, permit: Callable[[], None]) -> None:
        """Give every servo its goal, (joints,), then all of its torque, then switch torque on.

        Those that stand outside their limits, (joints,), have their goal at some distance: they go there slowly, until
        `quicken`.

        Raises:
            BusError: a servo does not answer.
            ServoError: a servo refuses; one that shut itself down needs a reboot first.
            Exception: whatever `permit` raises, which is asked before each servo.
        """
        self._share, self._allowed, self._to_say = 1.0, self._full, 0
        self._is_derated = self._is_slow = self._nobody
        if failures := self._insist(table.PROFILE_VELOCITY, np.where(is_outside, SLOW_TICKS, UNLIMITED_TICKS)):
            raise BusError(f"the servos do not take their profile velocity: {'; '.join(failures)}")
        self._is_slow = is_outside.copy()
        # The goal first: an old one would be driven to at full speed the moment that torque comes on or back.
        for register, values in (
            (table.GOAL_POSITION, goal_ticks.tolist()),
            (table.GOAL_PWM, self._pwm_limit.tolist()),
            (table.TORQUE_ENABLE, [1] * len(self._servos)),
        ):
            for servo, value in zip(self._servos, values, strict=True):
                permit()
                self._buses[servo.bus].write(servo.servo_id, register, value)

    def quicken(self, is_outside: BoolArray) -> None:
        """Let joints that had to be slow, and are not outside their limits any more, move as fast as they are told.

        Raises:
            PortError: a cable is gone.
        """
        is_ready = self._is_slow & ~is_outside
        for name, bus in self._buses.items():
            joints_of = {
                servo.servo_id: index
                for index, servo in enumerate(self._servos)
                if servo.bus == name and is_ready[index]
            }
            if joints_of:
                bus.sync_write(table.PROFILE_VELOCITY, dict.fromkeys(joints_of, UNLIMITED_TICKS))
                told = _values(bus, list(joints_of), table.PROFILE_VELOCITY)
                heard = [index for own, index in joints_of.items() if told.get(own) == UNLIMITED_TICKS]
                self._is_slow[heard] = False

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
        if effort_share is self._allowed and not self._to_say:
            return
        is_less = effort_share < 1.0
        self._allowed, self._is_derated = effort_share, self._is_derated | is_less
        self._to_say = _SAID_AGAIN if is_less.any() else max(0, self._to_say - 1)
        self._send_shares(self._is_derated)
        if not self._to_say:
            self._is_derated = self._nobody

    def settle(self, share: float) -> tuple[str, ...]:
        """Leave the servos `share` of what they can give their motors, and see that each has heard. Never raises.

        Returns:
            One line for each servo that may still have more; empty if all have heard.
        """
        self._share = share
        return self._insist(table.GOAL_PWM, self._goal_pwm())

    def limp(self) -> tuple[str, ...]:
        """Torque off, first for all at once, then for each that does not confirm it. Never raises.

        Returns:
            One line for each servo that may still have torque; empty if all are limp.
        """
        return self._insist(table.TORQUE_ENABLE, np.zeros(len(self._servos), dtype=np.int64))

    def _insist(self, register: Register, values: IntArray) -> tuple[str, ...]:
        """Write (joints,) values: to all buses, before any is waited for; then to each servo that did not hear.

        A bus that is dead or silent holds nobody up but its own servos.
        """
        wanted = {servo.joint: int(value) for servo, value in zip(self._servos, values, strict=True)}
        on_bus = {name: [servo for servo in self._servos if servo.bus == name] for name in self._buses}
        for name, bus in self._buses.items():
            with suppress(HardwareError):  # it is told of each of its servos at the end
                bus.sync_write(register, {servo.servo_id: wanted[servo.joint] for servo in on_bus[name]})
        deaf: list[list[ServoSpec]] = []
        for name, bus in self._buses.items():
            told: dict[int, int] = {}
            with suppress(HardwareError):
                told = _values(bus, [servo.servo_id for servo in on_bus[name]], register)
            others = [servo for servo in on_bus[name] if told.get(servo.servo_id) != wanted[servo.joint]]
            deaf.insert(0 if told else len(deaf), others)  # those on silent buses take their time
        failures = [failure for servos in deaf for failure in self._tell_each(register, servos, wanted)]
        for failure in failures:
            _LOG.error("%s is not as it should be: %s", register.name, failure)
        return tuple(failures)

    def _tell_each(self, register: Register, servos: list[ServoSpec], wanted: Mapping[str, int]) -> Iterator[str]:
        """Write to one servo after the other of one bus; one line for each that does not consent."""
        for servo in servos:
            try:
                self._buses[servo.bus].write(servo.servo_id, register, wanted[servo.joint])
            except PortError as error:
                yield f"bus {servo.bus} ({', '.join(each.joint for each in servos)}): {error}"
                return
            except HardwareError as error:
                yield f"{servo.joint}: {error}"

    def _goal_pwm(self) -> IntArray:
        return np.rint(np.minimum(self._share, self._allowed) * self._pwm_limit).astype(np.int64)

    def _send_shares(self, chosen: NDArray[np.bool_]) -> None:
        goal_pwm = self._goal_pwm()
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


def _values(bus: DynamixelBus, servo_ids: list[int], register: Register) -> dict[int, int]:
    """What the servos that answer hold in one register, by id."""
    reply = bus.sync_read(servo_ids, register.address, register.size)
    return {servo_id: register.decode(block.data) for servo_id, block in reply.blocks.items()}
