"""What the servos do that they should not, as faults: silence, restarts, alarms, heat, goals that were held back."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from assets.robot import RobotSpec
from envs.body import Fault, Severity
from hardware.servos import ChainState, ServoChain
from hardware.supervisor import Notice

COAST_PERIODS = 2  # how often a joint may keep its last value before the body stops


class ServoWatch:
    """Counts silent periods, and has the chain judge its vital signs once a period."""

    def __init__(self, spec: RobotSpec) -> None:
        self._spec = spec
        self._silent_periods: NDArray[np.intp] = np.zeros(len(spec.joints), dtype=np.intp)
        self._joints_on: dict[str, list[str]] = {}
        self._told: dict[str, str] = {}  # joint -> how it is told, since servos are labelled by their ids
        for servo in spec.servos:
            self._joints_on.setdefault(servo.bus, []).append(servo.joint)
            self._told[servo.joint] = f"{servo.joint} (id {servo.servo_id})"

    def forget(self) -> None:
        """Begin anew: nobody has been silent."""
        self._silent_periods[:] = 0

    def faults(self, chain: ServoChain, joints: ChainState) -> tuple[Fault, ...]:
        """All faults of one period.

        Raises:
            PortError: a cable is gone.
        """
        notices = chain.watch()
        if not (joints.missing or joints.alerts or joints.restarted or chain.held_back or notices):
            self._silent_periods[:] = 0
            return ()
        return (
            *self._silence(chain, joints),
            *(self._restart(name) for name in joints.restarted),
            *(self._alert(name) for name in joints.alerts),
            *(self._fault(notice) for notice in notices),
            *self._held_back(chain.held_back),
        )

    def _silence(self, chain: ServoChain, joints: ChainState) -> Iterator[Fault]:
        is_missing = np.array([name in joints.missing for name in self._spec.joint_names])
        self._silent_periods = np.where(is_missing, self._silent_periods + 1, 0)
        for bus, names in self._joints_on.items():
            # One silent servo may silence a whole bus for a cycle, but not to both questions of that cycle.
            if len(names) > 1 and bus in chain.silent_buses and all(name in joints.missing for name in names):
                why = joints.missing[names[0]]
                message = f"nobody answers on bus {bus} ({why}); check its power, its cable and its adapter"
                yield Fault("soft", f"bus {bus}", message)
        for name, why in joints.missing.items():
            periods = int(self._silent_periods[self._spec.joint_index[name]])
            silent_ms = 1000.0 * periods / self._spec.control_hz
            message = f"{self._told[name]} gave no state for {silent_ms:.0f} ms ({why}); its last values stand in"
            yield Fault("note" if periods <= COAST_PERIODS else "soft", f"servo {name}", message)

    def _restart(self, name: str) -> Fault:
        message = f"the servo of {self._told[name]} has restarted and let go; check its supply, and reset"
        return Fault("soft", f"servo {name}", message)

    def _alert(self, name: str) -> Fault:
        return Fault("note", f"servo {name}", f"hardware alert of {self._told[name]}; it is asked for the cause")

    def _fault(self, notice: Notice) -> Fault:
        severity: Severity = "note" if notice.severity == "note" else "soft"
        return Fault(severity, notice.source, notice.message)

    def _held_back(self, names: tuple[str, ...]) -> Iterator[Fault]:
        if names:
            message = f"the goals of {', '.join(names)} were too far, too fast or too far ahead, and were held back"
            yield Fault("note", "driver", message)
