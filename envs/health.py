"""What in a state is a reason to stop: faults that the body saw, readings too old or no numbers, missed deadlines."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from assets.robot import RobotSpec
from envs.body import BodyState, Fault
from envs.clock import Clock
from envs.errors import BodyError, EnvError, StaleReadingError

_ROUNDING_S = 1e-6  # stamps are sums of periods


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
        self._waiting_s = (camera_every - 1) / spec.control_hz
        self._deadline_s = deadline_s

    def examine(self, state: BodyState, overdue_s: float = 0.0) -> tuple[Fault, ...]:
        """All faults of a state: the body's own, then those found here. `overdue_s` is added to every maximum age."""
        return (*state.faults, *self._unbelievable(state), *self._stale(state, overdue_s), *self._late())

    def refuse_to_start(self, state: BodyState, overdue_s: float = 0.0) -> None:
        """Let no episode begin from a state with a fault worse than a note. `overdue_s` is added to every maximum age.

        Raises:
            StaleReadingError: a reading is too old, or has never come.
            BodyError: the body reports a fault, or a position that is no number.
        """
        stale = self._stale(state, overdue_s)
        if stale:
            raise StaleReadingError(f"the body cannot be trusted to start: {_words(stale)}")
        serious = [f for f in (*state.faults, *self._unbelievable(state)) if f.severity != "note"]
        if serious:
            raise BodyError(f"the body cannot start: {_words(serious)}")

    def _stale(self, state: BodyState, overdue_s: float) -> tuple[Fault, ...]:
        now_s = self._clock.now_s
        too_old = tuple(
            Fault("soft", f"stale {reading}", f"is {now_s - stamp_s:.3f} s old; allowed is {max_age_s:.3f} s")
            for reading, stamp_s, max_age_s in self._ages(state, overdue_s)
            if now_s - stamp_s > max_age_s + _ROUNDING_S
        )
        absent = (camera.name for camera in self._cameras if camera.name not in state.images)
        return (*too_old, *(Fault("soft", f"stale image/{name}", "has never come") for name in absent))

    def _ages(self, state: BodyState, more_s: float) -> Iterator[tuple[str, float, float]]:  # stamp, maximum age
        spec = self._spec
        yield "joints", state.joints_stamp_s, spec.max_age.joints_s + more_s
        if spec.pads:
            yield "touch", state.touch_stamp_s, spec.max_age.touch_s + more_s
        if spec.sound_hz is not None:
            yield "sound", state.sound_stamp_s, spec.max_age.sound_s + more_s
        if spec.has_imu:
            yield "imu", state.imu.stamp_s, spec.max_age.imu_s + more_s
        more_s += self._waiting_s
        for camera in self._cameras:
            if camera.name in state.images:
                yield f"image/{camera.name}", state.images[camera.name].stamp_s, camera.max_age_s + more_s

    def _unbelievable(self, state: BodyState) -> tuple[Fault, ...]:
        if np.isfinite(state.position_rad).all():
            return ()
        return (Fault("soft", "joints", "a measured position is not a finite number"),)

    def _late(self) -> tuple[Fault, ...]:
        late_s = self._clock.lateness_s
        if late_s <= self._deadline_s:
            return ()
        return (
            Fault("soft", "clock", f"a control period ended {late_s:.3f} s late; allowed is {self._deadline_s:g} s"),
        )


def _words(faults: Sequence[Fault]) -> str:
    return "; ".join(f"{fault.source} {fault.message}" for fault in faults)
