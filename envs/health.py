"""What in a state is a reason to stop: faults that the body saw, readings too old or no numbers, missed deadlines."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from assets.devices import Importance
from assets.robot import RobotSpec
from envs.body import NEVER_S, BodyState, Fault, Severity
from envs.clock import Clock
from envs.errors import BodyError, EnvError, StaleReadingError

_ROUNDING_S = 1e-6  # stamps are sums of periods
_TO_START: tuple[Importance, ...] = ("stop", "start")


@dataclass(frozen=True)
class _Aging:
    """A reading, and how old it may be."""

    name: str
    max_age_s: float
    importance: Importance = "stop"


class HealthCheck:
    """Examines every state before anything is decided on it.

    Args:
        spec: the robot, with the maximum age of each reading.
        clock: the clock of the body's stamps.
        images: whether images are expected at all.
        camera_every: in simulation, every how many control steps images are rendered; they may be older by as much.
        deadline_s: how late a control period may end by the wall clock.
    """

    def __init__(
        self, spec: RobotSpec, clock: Clock, *, images: bool = True, camera_every: int = 1, deadline_s: float = 1.0
    ) -> None:
        if camera_every < 1:
            raise EnvError(f"camera_every is {camera_every}; give 1 for an image every step, or more")
        self._spec = spec
        self._clock = clock
        self._cameras = spec.cameras if images else ()
        self._deadline_s = deadline_s
        self._readings = tuple(self._aging((camera_every - 1) / spec.control_hz))

    def examine(self, state: BodyState, overdue_s: float = 0.0) -> tuple[Fault, ...]:
        """All faults of a state: the body's own, then those found here. `overdue_s` is added to every maximum age.

        A stale reading is as bad as the robot's table says that its device is important: a soft stop, or a note.
        """
        return state.faults + self._unbelievable(state) + self._stale(state, overdue_s) + self._late()

    def refuse_to_start(self, state: BodyState, overdue_s: float = 0.0) -> None:
        """Let no episode begin from a state with a fault worse than a note. `overdue_s` is added to every maximum age.

        Raises:
            StaleReadingError: a reading that is needed to start is too old, or has never come.
            BodyError: the body reports a fault, or a position that is no number.
        """
        stale = self._stale(state, overdue_s, _TO_START)
        if stale:
            raise StaleReadingError(f"the body cannot be trusted to start: {_words(stale)}")
        serious = [f for f in (*state.faults, *self._unbelievable(state)) if f.severity != "note"]
        if serious:
            raise BodyError(f"the body cannot start: {_words(serious)}")

    def _stale(
        self, state: BodyState, overdue_s: float, of: Collection[Importance] = (*_TO_START, "note")
    ) -> tuple[Fault, ...]:
        now_s = self._clock.now_s
        born_s = now_s - overdue_s - _ROUNDING_S  # of what is as old as its consumer allows, but for that age
        faults: tuple[Fault, ...] = ()
        for reading, stamp_s in zip(self._readings, self._stamps_s(state), strict=True):
            if (stamp_s is None or born_s - stamp_s > reading.max_age_s) and reading.importance in of:
                faults += (_fault(reading, stamp_s, overdue_s, now_s),)
        return faults

    def _aging(self, waiting_s: float) -> Iterator[_Aging]:
        spec, devices = self._spec, self._spec.devices
        yield _Aging("joints", spec.max_age.joints_s)
        if spec.pads:
            yield _Aging("touch", spec.max_age.touch_s, devices.touch.importance)
        if spec.sound_hz is not None:
            yield _Aging("sound", spec.max_age.sound_s, devices.sound.importance)
        if spec.has_imu:
            yield _Aging("imu", spec.max_age.imu_s, devices.imu.importance)
        for camera in self._cameras:
            yield _Aging(f"image/{camera.name}", camera.max_age_s + waiting_s, camera.importance)

    def _stamps_s(self, state: BodyState) -> list[float | None]:
        """One a reading of `_aging`, in its order; None where there is no such reading."""
        spec = self._spec
        stamps_s: list[float | None] = [state.joints_stamp_s]
        if spec.pads:
            stamps_s.append(state.touch_stamp_s)
        if spec.sound_hz is not None:
            stamps_s.append(state.sound_stamp_s)
        if spec.has_imu:
            stamps_s.append(state.imu.stamp_s)
        for camera in self._cameras:
            image = state.images.get(camera.name)
            stamps_s.append(None if image is None else image.stamp_s)
        return stamps_s

    def _unbelievable(self, state: BodyState) -> tuple[Fault, ...]:
        if np.count_nonzero(np.isfinite(state.position_rad)) == state.position_rad.size:
            return ()
        return (Fault("soft", "joints", "a measured position is not a finite number"),)

    def _late(self) -> tuple[Fault, ...]:
        late_s = self._clock.lateness_s
        if late_s <= self._deadline_s:
            return ()
        return (
            Fault("soft", "clock", f"a control period ended {late_s:.3f} s late; allowed is {self._deadline_s:g} s"),
        )


def _fault(reading: _Aging, stamp_s: float | None, overdue_s: float, now_s: float) -> Fault:
    severity: Severity = "soft" if reading.importance == "stop" else "note"
    allowed_s = reading.max_age_s + overdue_s
    if stamp_s is None or stamp_s == NEVER_S:
        message = "has never come"
    elif severity == "note":
        message = f"is older than the {allowed_s:.3f} s allowed"  # without its age, for it comes at every step
    else:
        message = f"is {now_s - stamp_s:.3f} s old; allowed is {allowed_s:.3f} s"
    return Fault(severity, f"stale {reading.name}", message)


def _words(faults: Sequence[Fault]) -> str:
    return "; ".join(f"{fault.source} {fault.message}" for fault in faults)
