"""The state of all joints, over all buses, in SI units and in the order of the robot table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from assets.robot import ServoSpec
from hardware.bus import DynamixelBus
from hardware.control_table import servo_model
from hardware.credibility import Reach
from hardware.errors import BusError
from hardware.joint_units import JointUnits
from hardware.reading import finish_reads
from hardware.state_link import LinkCounters, StateLink

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

_ATTEMPTS = 3


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


class JointReading:
    """Asks all buses for the state of their servos, and puts the answers together.

    Args:
        servos: in the order of the joints.
        units: of these servos.
        buses: by name.
    """

    def __init__(self, servos: Sequence[ServoSpec], units: JointUnits, buses: Mapping[str, DynamixelBus]) -> None:
        self._servos = tuple(servos)
        self._units = units
        self._buses = tuple(buses.values())
        self.joints_on = {
            name: {servo.servo_id: index for index, servo in enumerate(servos) if servo.bus == name} for name in buses
        }
        self._index = {name: np.array(list(ids.values()), dtype=np.intp) for name, ids in self.joints_on.items()}
        models = [servo_model(servo.model) for servo in servos]
        self._links = {
            name: StateLink(bus, tuple(self.joints_on[name]), Reach.of([models[index] for index in self._index[name]]))
            for name, bus in buses.items()
        }
        self._no_alert: BoolArray = np.zeros(len(self._servos), dtype=np.bool_)

    @property
    def counters(self) -> Mapping[str, LinkCounters]:
        """By bus, what became of the questions since it was opened."""
        return {name: link.counters for name, link in self._links.items()}

    def forget(self) -> None:
        """Ask every servo again, and believe what comes next."""
        for link in self._links.values():
            link.forget()

    def probe_fast(self) -> None:
        """Use fast sync reads on every bus where all servos answer them.

        Raises:
            PortError: a cable is gone.
        """
        for link in self._links.values():
            link.probe_fast()

    def read(self) -> ChainState:
        """One reading of every joint; all buses are asked before the first is waited for.

        Raises:
            PortError: a cable is gone.
        """
        for link in self._links.values():
            link.ask()
        finish_reads(self._buses)
        count = len(self._servos)
        ticks = np.empty((3, count), dtype=np.int64)
        stamp_s, alerts = np.empty(count), self._no_alert.copy()
        missing: dict[str, str] = {}
        restarted: list[str] = []
        for name, link in self._links.items():
            found, index = link.take(), self._index[name]
            ticks[:, index] = found.position_ticks, found.velocity_ticks, found.current_ticks
            stamp_s[index], alerts[index] = found.stamp_s, found.alert
            if found.problems or found.restarted:
                joints_on = self.joints_on[name]
                missing |= {self._servos[joints_on[own]].joint: why for own, why in found.problems.items()}
                restarted += [self._servos[joints_on[own]].joint for own in found.restarted]
        return ChainState(
            position_rad=self._units.position_rad(ticks[0]),
            velocity_rad_s=self._units.velocity_rad_s(ticks[1]),
            effort_nm=self._units.effort_nm(ticks[2]),
            stamp_s=stamp_s,
            missing=missing,
            alerts=self.named(alerts),
            restarted=tuple(restarted),
        )

    def read_whole(self) -> ChainState:
        """A state in which nothing is missing, begun anew, in a few attempts.

        Raises:
            BusError: a servo gave no state.
            PortError: a cable is gone.
        """
        self.forget()
        for _ in range(_ATTEMPTS):
            state = self.read()
            if not state.missing:
                return state
        listed = ", ".join(f"{joint} ({problem})" for joint, problem in state.missing.items())
        raise BusError(f"no state from {listed}; check power, cable and ids")

    def named(self, chosen: BoolArray) -> tuple[str, ...]:
        """The joints at which `chosen`, (joints,), is true."""
        return tuple(self._servos[index].joint for index in np.flatnonzero(chosen).tolist()) if chosen.any() else ()
