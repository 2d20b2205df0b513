"""All servos of a robot, over all of its buses, as joints in SI units."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from assets.robot import RobotSpec
from hardware.errors import HardwareError
from hardware.goal_guard import GoalGuard
from hardware.goal_writing import GoalWriters
from hardware.joint_limits import JointLimits
from hardware.joint_reading import ChainState, JointReading
from hardware.joint_units import JointUnits
from hardware.port import Port
from hardware.servo_limits import read_limits
from hardware.servo_setup import prepare, refuse_duplicates
from hardware.state_link import LinkCounters
from hardware.stop_ladder import StopLadder
from hardware.supervisor import Notice, Supervisor
from hardware.vitals import Vitals, VitalSigns
from hardware.watchdogs import Watchdogs
from hardware.wire_watch import WireWatch
from hardware.wiring import close_all, open_buses, servos_in_joint_order

__all__ = ["ChainState", "ServoChain"]

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]
_LOG = logging.getLogger(__name__)


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
        self._writers = GoalWriters(joints_on, self._units, self._buses)
        self._signs = VitalSigns(joints_on, self._buses, len(self._servos))
        names_on = {name: {own: spec.joint_names[at] for own, at in ids.items()} for name, ids in joints_on.items()}
        self._wires = WireWatch(names_on, self._buses)
        self._guard = GoalGuard(spec)
        self._limits = JointLimits(spec)
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
        state = self._take(self._reading.read_whole())
        if self._tries_fast:
            self._reading.probe_fast()
        return state

    def rearm(self, permit: Callable[[], None] = _always) -> ChainState:
        """Hold every joint where it stands, with the watchdog armed: at first, after a stop, after a watchdog tripped.

        A servo that has restarted meanwhile is set up again. `permit` is asked before each servo; what it raises ends
        this. However this ends, the watchdogs are armed.

        Raises:
            BusError: a servo does not answer.
            ServoError: a servo refuses, and one that shut itself down needs a reboot first; or a joint stands so far
                outside its limits that it would jump.
        """
        is_holding = False
        try:
            self._restarted |= {servo.joint for servo in self._watchdogs.restarted()}
            self._watchdogs.be_patient()
            for servo in [servo for servo in self._servos if servo.joint in self._restarted]:
                permit()
                _LOG.warning("the servo of %s has restarted and is set up again", servo.joint)
                prepare(self._spec, servo, self._buses[servo.bus])
                self._restarted.remove(servo.joint)
            self._watchdogs.be_patient()  # those that were set up again have none
            state = self._take(self._reading.read_whole())
            self._limits.refuse_far_outside(state.position_rad)
            is_outside = self._limits.is_outside(state.position_rad)
            self._ladder.engage(self._units.goal_ticks(state.position_rad), is_outside, permit)
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

    def write_goals(self, goals_rad: FloatArray) -> FloatArray:
        """Send one goal position a joint, (joints,) in rad, as far as `GoalGuard` admits it; what was sent, (joints,).

        Raises:
            ServoError: the goals have another shape or are not finite, or the chain is not connected.
        """
        admitted, self._held_back = self._guard.admit(goals_rad, self._state.position_rad, self._now_s())
        self._send(admitted)
        return admitted

    def read(self) -> ChainState:
        """The state of every joint."""
        return self._take(self._reading.read())

    def ask_ahead(self) -> None:
        """Renew the vital signs that `watch` would, while the caller waits for the end of its period anyway."""
        self._signs.ask_ahead()

    def watch(self) -> tuple[Notice, ...]:
        """Renew one group of vital signs, and judge them, the motion and the wires; to be called once a cycle.

        What `ask_ahead` found in this cycle is not asked for again, unless somebody was silent or alarmed since.
        """
        state = self._state
        notices = self._supervisor.examine_vitals(self._signs.watch(is_all_well=not state.missing))
        if state.missing:
            self._signs.excuse([self._spec.joint_index[name] for name in state.missing])
        self._ladder.derate(self._supervisor.effort_share)
        if self._ladder.is_slow:
            self._ladder.quicken(self._limits.is_outside(state.position_rad))
        motion = self._supervisor.examine_motion(
            self._goals_rad, state.position_rad, state.effort_nm, float(state.stamp_s.max())
        )
        unseen = self._supervisor.examine_silence(self._signs.silent_s())
        return (*notices, *unseen, *motion, *self._wires.examine(state.missing))

    def tripped(self) -> tuple[str, ...]:
        """The joints whose servos stopped by themselves because they heard nothing for `watchdog_s`.

        Their goals are dropped silently until `rearm`.
        """
        return self._reading.named(self._watchdogs.tripped())

    def hold(self) -> None:
        """Make every joint's newest measured position its goal; torque stays on.

        A servo that had stopped by itself listens again.

        Raises:
            PortError: a cable is gone; the others' joints are held where they were seen last.
        """
        self._watchdogs.renew()
        try:
            self.read()
        finally:
            if np.isfinite(self._state.stamp_s).all():
                self._guard.begin(self._state.position_rad, self._now_s())
                self._send(self._state.position_rad)

    def fade(self, share: float) -> None:
        """Leave the servos no more than `share` of their torque, all at once, unconfirmed."""
        self._ladder.fade(share)

    def limp(self) -> tuple[str, ...]:
        """Torque off, servo by servo: each is tried whatever happens to the others. Never raises.

        Returns:
            One line for each servo that did not consent; empty if all are limp.
        """
        return self._ladder.limp()

    def settle(self, share: float) -> tuple[str, ...]:
        """Leave the servos no more than `share` of their torque, and see that each has heard; else as `limp`."""
        return self._ladder.settle(share)

    def let_go(self) -> tuple[str, ...]:
        """End holding at once, by the robot's table: limp, or with the torque that keeps it from falling at once.

        Never raises.

        Returns:
            One line for each servo, or bus, that did not consent.
        """
        if self._spec.safety.ladder == "limp":
            return self.limp()
        self._watchdogs.renew()
        return self.settle(self._spec.safety.damp_share)

    def close(self) -> tuple[str, ...]:
        """Let go and release the ports, and tell what `let_go` tells. May be called more than once."""
        if not self._buses:
            return ()
        try:
            return self.let_go()
        finally:
            close_all(self._buses)
            self._buses.clear()

    def _send(self, goals_rad: FloatArray) -> None:
        self._goals_rad = goals_rad
        self._writers.send(goals_rad)

    def _take(self, state: ChainState) -> ChainState:
        before, self._state = self._state, state
        self._restarted.update(state.restarted)
        if state.alerts != before.alerts:
            self._signs.look_at_health()
        return state

    def _now_s(self) -> float:
        return next(iter(self._buses.values())).now_s() if self._buses else 0.0
