"""All servos of a robot, over all of its buses, as joints in SI units."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from assets.robot import RobotSpec
from hardware import control_table as table
from hardware.errors import BusError, HardwareError, ServoError
from hardware.port import Port
from hardware.servo_setup import prepare, refuse_duplicates
from hardware.servo_units import ServoUnits
from hardware.wiring import close_all, open_buses, servos_in_joint_order

FloatArray = NDArray[np.float64]
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class ChainState:
    """What the servos sense, in the order of `RobotSpec.joints`.

    A joint in `missing` did not answer this time: its values and its stamp are those of its last answer. `alerts` names
    the joints whose servos report a hardware error.
    """

    position_rad: FloatArray  # (joints,)
    velocity_rad_s: FloatArray  # (joints,)
    effort_nm: FloatArray  # (joints,)
    stamp_s: FloatArray  # (joints,)
    missing: Mapping[str, str]  # joint -> why
    alerts: tuple[str, ...]


class ServoChain:
    """The servos of a robot: goals in, state out.

    Everything raises `PortError` when a cable is gone. Not for two threads at once.

    Args:
        spec: the robot; each joint needs exactly one servo.
        ports: for each bus of the table, a device path or an open port.
        baud: bits a second of paths opened here.
        watchdog_s: how long a servo goes on without hearing from us before it stops by itself; multiples of 20 ms.
        reply_margin_s: how long to wait for an answer beyond its wire time.

    Raises:
        ServoError: the table and the ports do not fit each other.
        PortError: a port cannot be opened; those already open are closed.
    """

    def __init__(
        self,
        spec: RobotSpec,
        ports: Mapping[str, str | Port],
        baud: int = 1_000_000,
        watchdog_s: float = 0.2,
        reply_margin_s: float = 0.03,
    ) -> None:
        self._spec = spec
        self._servos = servos_in_joint_order(spec)
        self._units = tuple(ServoUnits(servo) for servo in self._servos)
        self._limit_ticks = tuple(
            units.limit_ticks(joint.lower, joint.upper) for units, joint in zip(self._units, spec.joints, strict=True)
        )
        self._watchdog_ticks = _watchdog_ticks(watchdog_s)
        self._buses = open_buses(spec, ports, baud, reply_margin_s)
        self._joints_on = {
            name: {servo.servo_id: index for index, servo in enumerate(self._servos) if servo.bus == name}
            for name in self._buses
        }
        count = len(spec.joints)
        self._position_rad = np.zeros(count)
        self._velocity_rad_s = np.zeros(count)
        self._effort_nm = np.zeros(count)
        self._stamp_s = np.full(count, -np.inf)

    def connect(self) -> ChainState:
        """Verify and set up every servo, then let each hold where it stands.

        Raises:
            BusError: a servo does not answer.
            ServoError: a servo is not what the table says, or does not take its settings. Torque is off on all then.
        """
        try:
            refuse_duplicates(self._spec, self._buses)
            for servo in self._servos:
                prepare(self._spec, servo, self._buses[servo.bus])
            state = self.read()
            if state.missing:
                raise BusError(f"no state from {_listed(state.missing)}; check power, cable and ids")
            self._engage()
        except HardwareError:
            self.limp()
            raise
        return state

    def exchange(self, goals_rad: FloatArray) -> ChainState:
        """Send one goal a joint, then read the state; see `write_goals` and `read`."""
        self.write_goals(goals_rad)
        return self.read()

    def write_goals(self, goals_rad: FloatArray) -> None:
        """Send one goal position a joint, (joints,) in rad, clipped to its limits. Servos do not answer.

        Raises:
            ServoError: the goals have another shape or are not finite.
        """
        if goals_rad.shape != self._position_rad.shape or not np.isfinite(goals_rad).all():
            raise ServoError(f"goals must be {len(self._servos)} finite numbers in rad, got {goals_rad}")
        goals: dict[str, dict[int, int]] = {name: {} for name in self._buses}
        for servo, ticks in zip(self._servos, self._goal_ticks(goals_rad), strict=True):
            goals[servo.bus][servo.servo_id] = ticks
        for name, bus in self._buses.items():
            bus.sync_write(table.GOAL_POSITION, goals[name])

    def read(self) -> ChainState:
        """The state of every joint; all buses are asked before the first is waited for."""
        for name, bus in self._buses.items():
            bus.request_states(tuple(self._joints_on[name]))
        missing: dict[str, str] = {}
        alerts: list[str] = []
        for name, bus in self._buses.items():
            reply = bus.collect_states()
            for servo_id, reading in reply.readings.items():
                index = self._joints_on[name][servo_id]
                units = self._units[index]
                self._position_rad[index] = units.position_rad(reading.position_ticks)
                self._velocity_rad_s[index] = units.velocity_rad_s(reading.velocity_ticks)
                self._effort_nm[index] = units.effort_nm(reading.current_ticks)
                self._stamp_s[index] = reading.stamp_s
                if reading.alert:
                    alerts.append(self._servos[index].joint)
            for servo_id, problem in reply.problems.items():
                missing[self._servos[self._joints_on[name][servo_id]].joint] = problem
        return ChainState(
            self._position_rad.copy(),
            self._velocity_rad_s.copy(),
            self._effort_nm.copy(),
            self._stamp_s.copy(),
            missing,
            tuple(alerts),
        )

    def tripped(self) -> tuple[str, ...]:
        """The joints whose servos stopped by themselves because they heard nothing for `watchdog_s`.

        Their goals are dropped silently until `rearm`.
        """
        return tuple(joint for joint, value in self._watchdogs().items() if value == table.WATCHDOG_TRIPPED)

    def rearm(self) -> ChainState:
        """After `limp` or a tripped watchdog: hold every joint where it stands, with the watchdog armed again.

        Raises:
            BusError: a servo does not answer.
            ServoError: a servo refuses; one that shut itself down needs a reboot first.
        """
        for servo in self._servos:
            self._buses[servo.bus].write(servo.servo_id, table.BUS_WATCHDOG, 0)
        state = self.read()
        if state.missing:
            raise BusError(f"no state from {_listed(state.missing)}; check power, cable and ids")
        self._engage()
        return state

    def hold(self) -> None:
        """Make every joint's newest measured position its goal; torque stays on."""
        self.write_goals(self.read().position_rad)

    def limp(self) -> tuple[str, ...]:
        """Torque off, servo by servo: each is tried whatever happens to the others. Never raises.

        Returns:
            One line for each servo that did not consent; empty if all are limp.
        """
        failures = []
        for name, bus in self._buses.items():
            try:
                bus.sync_write(table.TORQUE_ENABLE, dict.fromkeys(self._joints_on[name], 0))  # all at once, unconfirmed
            except HardwareError as error:
                failures.append(f"bus {name}: {error}")
        for servo in self._servos:
            try:
                self._buses[servo.bus].write(servo.servo_id, table.TORQUE_ENABLE, 0)
            except HardwareError as error:
                failures.append(f"{servo.joint}: {error}")
        for failure in failures:
            _LOG.error("torque may still be on: %s", failure)
        return tuple(failures)

    def close(self) -> None:
        """Make the servos limp and release the ports. May be called more than once."""
        if self._buses:
            self.limp()
            close_all(self._buses)
            self._buses = {}
            self._joints_on = {}

    def _engage(self) -> None:
        # An old goal would be driven to at full speed the moment that torque comes on.
        for servo, ticks in zip(self._servos, self._goal_ticks(self._position_rad), strict=True):
            self._buses[servo.bus].write(servo.servo_id, table.GOAL_POSITION, ticks)
        for servo in self._servos:
            self._buses[servo.bus].write(servo.servo_id, table.TORQUE_ENABLE, 1)
        # Last and all at once: while one bus is being set up, the others carry no instruction.
        for name, bus in self._buses.items():
            bus.sync_write(table.BUS_WATCHDOG, dict.fromkeys(self._joints_on[name], self._watchdog_ticks))
        watchdogs = self._watchdogs()
        for servo in self._servos:
            if (kept := watchdogs.get(servo.joint)) != self._watchdog_ticks:
                raise ServoError(
                    f"joint {servo.joint}: the bus watchdog reads {kept} after writing {self._watchdog_ticks}; check "
                    f"the cable, and that the firmware is 38 or newer"
                )

    def _goal_ticks(self, goals_rad: FloatArray) -> list[int]:
        # A servo drops a goal beyond its own limits without a word.
        return [
            min(max(units.position_ticks(goal_rad), lowest), highest)
            for units, goal_rad, (lowest, highest) in zip(
                self._units, goals_rad.tolist(), self._limit_ticks, strict=True
            )
        ]

    def _watchdogs(self) -> dict[str, int]:
        found = {}
        for name, bus in self._buses.items():
            reply = bus.sync_read(tuple(self._joints_on[name]), table.BUS_WATCHDOG.address, table.BUS_WATCHDOG.size)
            for servo_id, block in reply.blocks.items():
                found[self._servos[self._joints_on[name][servo_id]].joint] = table.BUS_WATCHDOG.decode(block.data)
        return found


def _watchdog_ticks(watchdog_s: float) -> int:
    ticks = round(watchdog_s / table.WATCHDOG_UNIT_S)
    if not 1 <= ticks <= 127:
        raise ServoError(f"a bus watchdog of {watchdog_s} s is not allowed: use 0.02 to 2.54 s")
    return ticks


def _listed(problems: Mapping[str, str]) -> str:
    return ", ".join(f"{joint} ({problem})" for joint, problem in problems.items())
