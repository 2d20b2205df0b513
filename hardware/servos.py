"""All servos of a robot, over all of its buses, as joints in SI units."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from assets.robot import RobotSpec
from hardware import control_table as table
from hardware.bus import finish_reads
from hardware.errors import BusError, HardwareError, ServoError
from hardware.goal_guard import GoalGuard
from hardware.joint_units import JointUnits
from hardware.port import Port
from hardware.servo_setup import prepare, refuse_duplicates
from hardware.state_link import LinkCounters, LinkState, Reach, StateLink
from hardware.stop_ladder import StopLadder
from hardware.supervisor import Notice, Supervisor
from hardware.sync_write import SyncWriter
from hardware.vitals import Vitals, VitalSigns
from hardware.wiring import close_all, open_buses, servos_in_joint_order

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]
_LOG = logging.getLogger(__name__)

_SPEED_SHARE = 2.0  # of the speed without load: limp joints are moved by hand, and supplies differ
_CURRENT_SHARE = 1.5  # of the current limit


@dataclass(frozen=True)
class ChainState:
    """What the servos sense, in the order of `RobotSpec.joints`.

    A joint in `missing` did not answer this time, or not credibly: its values and its stamp are those of its last good
    answer. `alerts` names the joints whose servos report a hardware error, `restarted` those whose servos have begun
    anew and have forgotten torque, goal and watchdog.
    """

    position_rad: FloatArray  # (joints,)
    velocity_rad_s: FloatArray  # (joints,)
    effort_nm: FloatArray  # (joints,)
    stamp_s: FloatArray  # (joints,)
    missing: Mapping[str, str]  # joint -> why
    alerts: tuple[str, ...]
    restarted: tuple[str, ...] = ()


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
        self._watchdog_ticks = _watchdog_ticks(watchdog_s)
        self._tries_fast = fast
        self._buses = open_buses(spec, ports, baud, reply_margin_s)
        self._joints_on = {
            name: {servo.servo_id: index for index, servo in enumerate(self._servos) if servo.bus == name}
            for name in self._buses
        }
        self._index = {name: np.array(list(ids.values()), dtype=np.intp) for name, ids in self._joints_on.items()}
        self._writers = {name: SyncWriter(table.GOAL_POSITION, tuple(ids)) for name, ids in self._joints_on.items()}
        self._links = {
            name: StateLink(bus, tuple(self._joints_on[name]), self._reach(self._index[name]))
            for name, bus in self._buses.items()
        }
        self._signs = VitalSigns(self._joints_on, self._buses, len(self._servos))
        self._guard = GoalGuard(spec)
        self._supervisor = Supervisor(spec, self._servos)
        self._ladder = StopLadder(spec, self._servos, self._buses)
        count = len(spec.joints)
        self._position_rad = np.zeros(count)
        self._velocity_rad_s = np.zeros(count)
        self._effort_nm = np.zeros(count)
        self._stamp_s = np.full(count, -np.inf)
        self._goals_rad = np.zeros(count)
        self._held_back: BoolArray = np.zeros(count, dtype=np.bool_)

    @property
    def held_back(self) -> tuple[str, ...]:
        """The joints whose last goals were not sent as they were given: too far, too fast, or too far ahead."""
        return self._named(self._held_back)

    @property
    def counters(self) -> Mapping[str, LinkCounters]:
        """By bus, what became of the questions since it was opened."""
        return {name: link.counters for name, link in self._links.items()}

    @property
    def effort_share(self) -> FloatArray:
        """How much of its push each joint may be asked for, (joints,): less where its servo is warm."""
        return self._supervisor.effort_share

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
            for bus in self._buses.values():
                bus.return_delay_s = 0.0  # `prepare` has seen to it
            state = self._read_all()
            for link in self._links.values() if self._tries_fast else ():
                link.probe_fast()
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
        """Send one goal position a joint, (joints,) in rad, as far as `GoalGuard` admits it. Servos do not answer.

        Raises:
            ServoError: the goals have another shape or are not finite, or the chain is not connected.
        """
        admitted, self._held_back = self._guard.admit(
            goals_rad, self._position_rad, self._now_s(), self._supervisor.effort_share
        )
        self._send(admitted)

    def read(self) -> ChainState:
        """The state of every joint; all buses are asked before the first is waited for."""
        for link in self._links.values():
            link.ask()
        finish_reads(tuple(self._buses.values()))
        position_rad, velocity_rad_s = self._position_rad.copy(), self._velocity_rad_s.copy()
        effort_nm, stamp_s = self._effort_nm.copy(), self._stamp_s.copy()
        missing: dict[str, str] = {}
        alerts: BoolArray = np.zeros(len(self._servos), dtype=np.bool_)
        restarted: list[str] = []
        ticks = np.empty((3, len(self._servos)), dtype=np.int64)
        for name, link in self._links.items():
            found, index = link.take(), self._index[name]
            ticks[:, index] = found.position_ticks, found.velocity_ticks, found.current_ticks
            stamp_s[index], alerts[index] = found.stamp_s, found.alert
            self._note_troubles(name, found, missing, restarted)
        position_rad = self._units.position_rad(ticks[0])
        velocity_rad_s = self._units.velocity_rad_s(ticks[1])
        effort_nm = self._units.effort_nm(ticks[2])
        self._position_rad, self._velocity_rad_s = position_rad, velocity_rad_s
        self._effort_nm, self._stamp_s = effort_nm, stamp_s
        if alerts.any():
            self._signs.look_at_health()
        return ChainState(
            position_rad, velocity_rad_s, effort_nm, stamp_s, missing, self._named(alerts), tuple(restarted)
        )

    def watch(self) -> tuple[Notice, ...]:
        """Renew one group of vital signs, and judge them and the motion; to be called once a cycle.

        Raises:
            PortError: a cable is gone.
        """
        notices = self._supervisor.examine_vitals(self._signs.watch())
        motion = self._supervisor.examine_motion(
            self._goals_rad, self._position_rad, self._effort_nm, float(self._stamp_s.max())
        )
        return (*notices, *motion)

    @property
    def vitals(self) -> Vitals:
        """The newest vital signs."""
        return self._signs.newest

    def tripped(self) -> tuple[str, ...]:
        """The joints whose servos stopped by themselves because they heard nothing for `watchdog_s`.

        Their goals are dropped silently until `rearm`.
        """
        return self._named(self._signs.watchdogs() == table.WATCHDOG_TRIPPED)

    def rearm(self) -> ChainState:
        """After `limp` or a tripped watchdog: hold every joint where it stands, with the watchdog armed again.

        Raises:
            BusError: a servo does not answer.
            ServoError: a servo refuses; one that shut itself down needs a reboot first.
        """
        for servo in self._servos:
            self._buses[servo.bus].write(servo.servo_id, table.BUS_WATCHDOG, 0)
        state = self._read_all()
        self._engage()
        return state

    def hold(self) -> None:
        """Make every joint's newest measured position its goal; torque stays on."""
        self._guard.begin(self.read().position_rad, self._now_s())
        self._send(self._position_rad)

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

    def close(self) -> None:
        """Make the servos limp and release the ports. May be called more than once."""
        if self._buses:
            self.limp()
            close_all(self._buses)
            self._buses.clear()
            self._links = {}

    def _read_all(self) -> ChainState:
        for link in self._links.values():
            link.forget()
        state = self.read()
        if state.missing:
            raise BusError(f"no state from {_listed(state.missing)}; check power, cable and ids")
        return state

    def _engage(self) -> None:
        self._ladder.engage(dict(zip(self._servos, self._units.goal_ticks(self._position_rad).tolist(), strict=True)))
        self._goals_rad = self._position_rad
        # Last and all at once: while one bus is being set up, the others carry no instruction.
        for name, bus in self._buses.items():
            bus.sync_write(table.BUS_WATCHDOG, dict.fromkeys(self._joints_on[name], self._watchdog_ticks))
        self._signs.forget()
        self._supervisor.forget()
        self._guard.begin(self._position_rad, self._now_s())
        for servo, kept in zip(self._servos, self._signs.watchdogs().tolist(), strict=True):
            if kept != self._watchdog_ticks:
                raise ServoError(
                    f"joint {servo.joint}: the bus watchdog reads {kept} after writing {self._watchdog_ticks}; check "
                    f"the cable, and that the firmware is 38 or newer"
                )

    def _send(self, goals_rad: FloatArray) -> None:
        ticks = self._units.goal_ticks(goals_rad)
        for name, bus in self._buses.items():
            bus.send(self._writers[name].encode(ticks[self._index[name]]))
        self._goals_rad = goals_rad

    def _note_troubles(self, name: str, found: LinkState, missing: dict[str, str], restarted: list[str]) -> None:
        joints_on = self._joints_on[name]
        for servo_id, problem in found.problems.items():
            missing[self._servos[joints_on[servo_id]].joint] = problem
        restarted += [self._servos[joints_on[servo_id]].joint for servo_id in found.restarted]

    def _reach(self, index: NDArray[np.intp]) -> Reach:
        from hardware.control_table import servo_model

        models = [servo_model(self._servos[place].model) for place in index.tolist()]
        speed = _SPEED_SHARE * np.array([model.no_load_speed_rad_s for model in models])
        current = [1000 if model.current_limit_ticks is None else model.current_limit_ticks for model in models]
        return Reach(
            speed / self._units.rad_per_tick[index],
            speed / self._units.velocity_unit_rad_s[index],
            _CURRENT_SHARE * np.array(current, dtype=np.float64),
        )

    def _now_s(self) -> float:
        return next(iter(self._buses.values())).now_s() if self._buses else 0.0

    def _named(self, chosen: BoolArray) -> tuple[str, ...]:
        return tuple(self._servos[index].joint for index in np.flatnonzero(chosen).tolist()) if chosen.any() else ()


def _watchdog_ticks(watchdog_s: float) -> int:
    ticks = round(watchdog_s / table.WATCHDOG_UNIT_S)
    if not 1 <= ticks <= 127:
        raise ServoError(f"a bus watchdog of {watchdog_s} s is not allowed: use 0.02 to 2.54 s")
    return ticks


def _listed(problems: Mapping[str, str]) -> str:
    return ", ".join(f"{joint} ({problem})" for joint, problem in problems.items())
