"""All servos of a robot, over all of its buses, as joints in SI units."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from assets.robot import RobotSpec
from hardware import control_table as table
from hardware.errors import BusError, HardwareError
from hardware.goal_guard import GoalGuard
from hardware.joint_reading import ChainState, JointReading
from hardware.joint_units import JointUnits
from hardware.port import Port
from hardware.servo_limits import read_limits
from hardware.servo_setup import prepare, refuse_duplicates
from hardware.state_link import LinkCounters
from hardware.stop_ladder import StopLadder
from hardware.supervisor import Notice, Supervisor
from hardware.sync_write import SyncWriter
from hardware.vitals import Vitals, VitalSigns
from hardware.watchdogs import Watchdogs
from hardware.wire_watch import WireWatch
from hardware.wiring import close_all, open_buses, servos_in_joint_order

__all__ = ["ChainState", "ServoChain"]

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]
_LOG = logging.getLogger(__name__)
_ATTEMPTS = 3


def _always() -> None:
    """Permits everything."""


class ServoChain:
    """The servos of a robot: goals in, state out.

    Everything raises `PortError` when a cable is gone. Not for two threads at once.

    Args:
        spec: the robot; each joint needs exactly one servo.
        ports: for each bus of the table, a device path or an open port.
        baud: bits a second of paths opened here.
        watchdog_s: how long a servo goes on without hearing from us before it stops by itself; multiples of 20 ms.
        reply_margin_s: how long to wait for an answer beyond its wire time.
        fast: whether to try fast sync reads, which not every servo knows.

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
        fast: bool = True,
    ) -> None:
        self._spec = spec
        self._servos = servos_in_joint_order(spec)
        self._units = JointUnits(spec.joints, self._servos)
        self._tries_fast = fast
        self._buses = open_buses(spec, ports, baud, reply_margin_s)
        self._reading = JointReading(self._servos, self._units, self._buses)
        joints_on = self._reading.joints_on
        self._index = {name: np.array(list(ids.values()), dtype=np.intp) for name, ids in joints_on.items()}
        self._writers = {name: SyncWriter(table.GOAL_POSITION, tuple(ids)) for name, ids in joints_on.items()}
        self._signs = VitalSigns(joints_on, self._buses, len(self._servos))
        names_on = {name: {own: spec.joint_names[at] for own, at in ids.items()} for name, ids in joints_on.items()}
        self._wires = WireWatch(names_on, self._buses)
        self._guard = GoalGuard(spec)
        self._supervisor = Supervisor(spec, self._servos)
        self._ladder = StopLadder(self._servos, self._buses)
        self._restarted: set[str] = set()  # joints whose servos have forgotten their settings
        self._watchdogs = Watchdogs(self._servos, self._buses, self._signs, watchdog_s)
        count = len(spec.joints)
        nothing = np.zeros(count)
        self._state = ChainState(nothing, nothing, nothing, np.full(count, -np.inf), {}, ())
        self._goals_rad: FloatArray = nothing
        self._held_back: BoolArray = np.zeros(count, dtype=np.bool_)

    @property
    def held_back(self) -> tuple[str, ...]:
        """The joints whose last goals were not sent as they were given: too far, too fast, or too far ahead."""
        return self._reading.named(self._held_back)

    @property
    def silent_buses(self) -> tuple[str, ...]:
        """The buses on which nobody answered when `watch` last asked."""
        return self._signs.silent_buses

    @property
    def counters(self) -> Mapping[str, LinkCounters]:
        """By bus, what became of the questions since it was opened."""
        return self._reading.counters

    @property
    def effort_share(self) -> FloatArray:
        """How much of its torque each joint may be asked for, (joints,): less where its servo is warm."""
        return self._supervisor.effort_share

    @property
    def vitals(self) -> Vitals:
        """The newest vital signs."""
        return self._signs.newest

    def connect(self) -> ChainState:
        """Verify and set up every servo, then let each hold where it stands: `set_up` and `rearm`.

        Raises:
            BusError: a servo does not answer.
            ServoError: a servo is not what the table says, or does not take its settings. The joints are let go then,
                as `let_go` does.
        """
        try:
            self.set_up()
            return self.rearm()
        except HardwareError:
            self.let_go()
            raise

    def set_up(self, permit: Callable[[], None] = _always) -> ChainState:
        """Verify every servo, and write what it lacks; nothing is held yet.

        `permit` is asked before each servo; what it raises ends this.

        Raises:
            BusError: a servo does not answer.
            ServoError: a servo is not what the table says, or does not take its settings.
        """
        refuse_duplicates(self._spec, self._buses)
        for servo in self._servos:
            permit()
            prepare(self._spec, servo, self._buses[servo.bus])
        for bus in self._buses.values():
            bus.return_delay_s = 0.0  # `prepare` has seen to it
        limits = read_limits(self._reading.joints_on, self._buses)
        self._supervisor.keep_within(limits)
        self._ladder.keep_within(limits.pwm)
        state = self._read_all()
        if self._tries_fast:
            self._reading.probe_fast()
        return state

    def rearm(self, permit: Callable[[], None] = _always) -> ChainState:
        """Hold every joint where it stands, with the watchdog armed: at first, after a stop, after a watchdog tripped.

        A servo that has restarted meanwhile is set up again. `permit` is asked before each servo; what it raises ends
        this. However this ends, the watchdogs are armed.

        Raises:
            BusError: a servo does not answer.
            ServoError: a servo refuses; one that shut itself down needs a reboot first.
        """
        is_holding = False
        try:
            self._restarted |= {servo.joint for servo in self._watchdogs.restarted()}
            self._watchdogs.clear()
            for servo in [servo for servo in self._servos if servo.joint in self._restarted]:
                permit()
                _LOG.warning("the servo of %s has restarted and is set up again", servo.joint)
                prepare(self._spec, servo, self._buses[servo.bus])
                self._restarted.remove(servo.joint)
            state = self._read_all()
            self._ladder.engage(self._units.goal_ticks(state.position_rad), permit)
            self._goals_rad = state.position_rad
            self._held_back = np.zeros_like(self._held_back)
            self._signs.forget()
            self._supervisor.forget()
            self._guard.begin(state.position_rad, self._now_s())
            self._watchdogs.arm()
            is_holding = True
            return state
        finally:
            if not is_holding:
                self._watchdogs.renew()

    def exchange(self, goals_rad: FloatArray) -> ChainState:
        """Send one goal a joint, then read the state; see `write_goals` and `read`."""
        self.write_goals(goals_rad)
        return self.read()

    def write_goals(self, goals_rad: FloatArray) -> None:
        """Send one goal position a joint, (joints,) in rad, as far as `GoalGuard` admits it. Servos do not answer.

        Raises:
            ServoError: the goals have another shape or are not finite, or the chain is not connected.
        """
        admitted, self._held_back = self._guard.admit(goals_rad, self._state.position_rad, self._now_s())
        self._send(admitted)

    def read(self) -> ChainState:
        """The state of every joint."""
        before, self._state = self._state, self._reading.read()
        self._restarted.update(self._state.restarted)
        if self._state.alerts != before.alerts:
            self._signs.look_at_health()
        return self._state

    def watch(self) -> tuple[Notice, ...]:
        """Renew one group of vital signs, and judge them, the motion and the wires; to be called once a cycle.

        Raises:
            PortError: a cable is gone.
        """
        state = self._state
        notices = self._supervisor.examine_vitals(self._signs.watch())
        self._ladder.derate(self._supervisor.effort_share)
        motion = self._supervisor.examine_motion(
            self._goals_rad, state.position_rad, state.effort_nm, float(state.stamp_s.max())
        )
        return (*notices, *motion, *self._wires.examine(state.missing))

    def tripped(self) -> tuple[str, ...]:
        """The joints whose servos stopped by themselves because they heard nothing for `watchdog_s`.

        Their goals are dropped silently until `rearm`.
        """
        return self._reading.named(self._watchdogs.tripped())

    def hold(self) -> None:
        """Make every joint's newest measured position its goal; torque stays on.

        A servo that had stopped by itself listens again.
        """
        self._watchdogs.renew()
        position_rad = self.read().position_rad
        self._guard.begin(position_rad, self._now_s())
        self._send(position_rad)

    def fade(self, share: float) -> None:
        """Leave the servos no more than `share` of their torque, all at once, unconfirmed."""
        self._ladder.fade(share)

    def limp(self) -> tuple[str, ...]:
        """Torque off, servo by servo: each is tried whatever happens to the others. Never raises.

        Returns:
            One line for each servo that did not consent; empty if all are limp.
        """
        failures = self._ladder.limp()
        for failure in failures:
            _LOG.error("torque may still be on: %s", failure)
        return failures

    def let_go(self) -> tuple[str, ...]:
        """End holding at once, by the robot's table: limp, or with the torque that keeps it from falling at once.

        Never raises.

        Returns:
            One line for each servo, or bus, that did not consent.
        """
        if self._spec.safety.ladder == "limp":
            return self.limp()
        self._watchdogs.renew()
        try:
            self._ladder.fade(self._spec.safety.damp_share)
        except HardwareError as error:
            _LOG.error("torque may still be full: %s", error)
            return (str(error),)
        return ()

    def close(self) -> None:
        """Let go and release the ports. May be called more than once."""
        if self._buses:
            self.let_go()
            close_all(self._buses)
            self._buses.clear()

    def _read_all(self) -> ChainState:
        self._reading.forget()
        state = self.read()
        for _ in range(_ATTEMPTS - 1):
            if not state.missing:
                break
            state = self.read()
        if state.missing:
            listed = ", ".join(f"{joint} ({problem})" for joint, problem in state.missing.items())
            raise BusError(f"no state from {listed}; check power, cable and ids")
        return state

    def _send(self, goals_rad: FloatArray) -> None:
        ticks = self._units.goal_ticks(goals_rad)
        for name, bus in self._buses.items():
            bus.send(self._writers[name].encode(ticks[self._index[name]]))
        self._goals_rad = goals_rad

    def _now_s(self) -> float:
        return next(iter(self._buses.values())).now_s() if self._buses else 0.0
