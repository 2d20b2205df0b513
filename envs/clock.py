"""Time has an owner: simulated time advances with physics, wall time keeps an absolute schedule."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from envs.errors import ClockError


def substeps(control_hz: float, physics_dt: float) -> int:
    """How many physics steps of `physics_dt` seconds make one control period.

    Raises:
        ClockError: a rate is not positive, or the periods do not divide within 1e-8.
    """
    if not (math.isfinite(control_hz) and math.isfinite(physics_dt) and control_hz > 0.0 and physics_dt > 0.0):
        raise ClockError(f"control at {control_hz} Hz with physics steps of {physics_dt} s; give positive numbers")
    ratio = 1.0 / control_hz / physics_dt
    # Truncation would make 14 of 0.03 / 0.002.
    whole = round(ratio)
    if whole < 1 or abs(ratio - whole) > 1e-8:
        raise ClockError(
            f"a control period of {1.0 / control_hz:g} s is {ratio:.9g} physics steps of {physics_dt:g} s; choose a "
            f"physics step that divides it, such as {1.0 / control_hz / max(whole, 1):g} s"
        )
    return whole


@dataclass(frozen=True)
class ClockReport:
    """What a clock has seen since its start. Simulated time is never late."""

    periods: int
    overruns: int
    worst_lateness_s: float


class Clock(Protocol):
    """Owns time for one body. The body calls `wait` once in every exchange, where the control period passes."""

    @property
    def now_s(self) -> float:
        """Seconds on the clock that stamps the body's readings."""
        ...

    @property
    def is_real_time(self) -> bool:
        """Whether periods pass on the wall, so that nothing may keep the control loop waiting."""
        ...

    @property
    def lateness_s(self) -> float:
        """By how much the newest period has missed its deadline; 0 if it has not."""
        ...

    @property
    def report(self) -> ClockReport: ...

    def start(self, stamp_s: float) -> None:
        """Begin an episode whose first state was read at `stamp_s`."""
        ...

    def wait(self) -> None:
        """Let the current control period end."""
        ...


class WallClock:
    """Keeps an absolute schedule on the monotonic clock, so that small delays do not add up to a drift.

    The schedule begins with the first `wait` after `start`: what a person does before the first step is not late.
    A period that ends late is counted; the slots that were missed are left out, so that no burst of short periods
    follows. The body's stamps must be of the same monotonic clock.

    Args:
        period_s: the control period.
        now, sleep: where time comes from and how it is let pass.
    """

    def __init__(
        self,
        period_s: float,
        *,
        now: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        if not (math.isfinite(period_s) and period_s > 0.0):
            raise ClockError(f"the control period is {period_s} s; give a positive number")
        self.period_s = period_s
        self._now = now
        self._sleep = sleep
        self._deadline_s: float | None = None
        self._clear()

    def _clear(self) -> None:
        self._periods = 0
        self._overruns = 0
        self._lateness_s = 0.0
        self._worst_lateness_s = 0.0

    @property
    def now_s(self) -> float:
        return self._now()

    @property
    def is_real_time(self) -> bool:
        return True

    @property
    def lateness_s(self) -> float:
        return self._lateness_s

    @property
    def report(self) -> ClockReport:
        return ClockReport(self._periods, self._overruns, self._worst_lateness_s)

    def start(self, stamp_s: float) -> None:
        self._deadline_s = None
        self._clear()

    def wait(self) -> None:
        now_s = self._now()
        if self._deadline_s is None:
            self._deadline_s = now_s + self.period_s
        self._periods += 1
        self._lateness_s = max(0.0, now_s - self._deadline_s)
        if self._lateness_s > 0.0:
            self._overruns += 1
            self._worst_lateness_s = max(self._worst_lateness_s, self._lateness_s)
            missed = math.floor(self._lateness_s / self.period_s)
            self._deadline_s += (missed + 1) * self.period_s
            return
        self._sleep(self._deadline_s - now_s)
        self._deadline_s += self.period_s


class SimClock:
    """Simulated time: every period lasts exactly `period_s` of it.

    Args:
        period_s: the control period.
        pace: a wall clock to keep step with, where a person drives the simulated body; None runs as fast as it can.
    """

    def __init__(self, period_s: float, *, pace: WallClock | None = None) -> None:
        if not (math.isfinite(period_s) and period_s > 0.0):
            raise ClockError(f"the control period is {period_s} s; give a positive number")
        self.period_s = period_s
        self._pace = pace
        self._start_s = 0.0
        self._periods = 0

    @property
    def now_s(self) -> float:
        return self._start_s + self._periods * self.period_s

    @property
    def is_real_time(self) -> bool:
        return self._pace is not None

    @property
    def lateness_s(self) -> float:
        return 0.0

    @property
    def report(self) -> ClockReport:
        # Wall time decides nothing here, but a person who drives should see it missed.
        paced = self._pace.report if self._pace is not None else ClockReport(0, 0, 0.0)
        return ClockReport(self._periods, paced.overruns, paced.worst_lateness_s)

    def start(self, stamp_s: float) -> None:
        self._start_s = stamp_s
        self._periods = 0
        if self._pace is not None:
            self._pace.start(stamp_s)

    def wait(self) -> None:
        self._periods += 1
        if self._pace is not None:
            self._pace.wait()
