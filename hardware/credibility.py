"""Which readings a servo can have given: by its own clock, and by how far and how fast it can have come.

Each reading carries the servo's millisecond clock. It tells an answer of this cycle from one that was under way for
long, a servo that repeats itself from one that stands still, and a servo that has restarted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import pi
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hardware.register import ServoModel
from hardware.sync_read import is_all

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]

CLOCK, CURRENT, VELOCITY, POSITION = range(4)  # the columns of readings
_COMPARED = np.array([-1, 0, 0, -1], dtype=np.int64)  # with the last: clock and position; the others by themselves

_TICK_MASK = 32_767  # the servo's clock counts milliseconds modulo 32,768
_LOW_TICKS = np.array([_TICK_MASK, -1, -1, -1], dtype=np.int64)  # whatever stands above the clock in its word
_CLOCK_BITS = 0xFFFF
_ANY_MS = 1e15
_NEVER_S = 1e9
_TICK_SLACK_MS = 3.0  # both ends round
_CLOCK_DRIFT = 0.02
_LONGEST_GAP_S = 10.0  # beyond, the servo's clock may have come round
_STILL_EVERY = 25  # questions between two looks for clocks that stand still
_STILL_S = 0.01  # in which a living clock has moved
_NO_CLOCK = -1
_POSITION_SLACK_TICKS = 32  # gears give, and a limp joint is pushed
_SPEED_SHARE = 2.0  # of the speed without load: limp joints are moved by hand, and supplies differ
_CURRENT_SHARE = 1.5  # of the current limit
_LOAD_LIMIT_TICKS = 1000  # of servos that report load, in 0.1 %


@dataclass(frozen=True)
class Reach:
    """What the servos of a bus can do, (servos,) each: the fastest they turn, and the most that they report."""

    speed_ticks_s: FloatArray
    velocity_ticks: FloatArray
    current_ticks: FloatArray

    @staticmethod
    def of(models: Sequence[ServoModel]) -> Reach:
        """What servos of these models can do, with room for hands and supplies."""
        speed_rad_s = _SPEED_SHARE * np.array([model.no_load_speed_rad_s for model in models])
        limits = [
            _LOAD_LIMIT_TICKS if model.current_limit_ticks is None else model.current_limit_ticks for model in models
        ]
        return Reach(
            speed_rad_s / np.array([2 * pi / model.table.ticks_per_turn for model in models]),
            speed_rad_s / np.array([model.table.velocity_unit_rad_s for model in models]),
            _CURRENT_SHARE * np.array(limits, dtype=np.float64),
        )


class Asked(NamedTuple):
    """When a question was put, and when the last byte of its answer came, by the clock of the bus."""

    sent_s: float
    arrived_s: float


class Verdict(NamedTuple):
    """Of each servo, (servos,): its clock fits but its numbers do not; its clock is behind; its clock began anew."""

    is_beyond: BoolArray
    is_old: BoolArray
    is_restarted: BoolArray


class Credibility:
    """Compares readings, (servos, 4), with the last good ones. Whatever comes first is believed."""

    def __init__(self, reach: Reach) -> None:
        count = len(reach.speed_ticks_s)
        self._everybody: BoolArray = np.ones(count, dtype=np.bool_)
        self._speed_ticks_s = reach.speed_ticks_s
        self._base: IntArray = np.zeros((count, 4), dtype=np.int64)  # clock and position of the last good ones
        nothing = np.zeros(count)
        self._ceiling = np.stack([nothing, reach.current_ticks, reach.velocity_ticks, nothing], axis=1).astype(np.int64)
        self._middle: IntArray = np.zeros(4, dtype=np.int64)  # of the clock's span; nothing is taken off the others
        self._reached_s = -1.0  # the gap that the ceiling of positions was made for
        self.forget()

    def forget(self) -> None:
        """Believe what comes next: the servos may have been moved, or rebooted."""
        count = len(self._base)
        self._looked_s = -_NEVER_S  # when clocks were last kept to be compared with later ones
        self._until_look = 1
        self._looked_at: IntArray = np.zeros(count, dtype=np.int64)
        self._stopped_at: IntArray = np.full(count, _NO_CLOCK, dtype=np.int64)  # where frozen clocks stand
        self._is_any_still = False
        self._sent_s = np.full(len(self._base), -_NEVER_S)
        self._arrived_s = np.full(len(self._base), _NEVER_S)
        self._even: Asked | None = None  # the same of all, where all answered to the last question

    def takes_all(self, found: IntArray, asked: Asked) -> bool:
        """Whether all can be believed; if so, they are what the next ones are compared with."""
        if not is_all(self._is_within(found, asked)) or self._stands_still(found, asked, self._everybody):
            return False
        self._base = found & _COMPARED
        self._even = asked
        return True

    def examine(self, found: IntArray, asked: Asked, is_heard: BoolArray) -> Verdict:
        """What is wrong with each of those that were heard, (servos,), if anything."""
        self._part()
        is_within = self._is_within(found, asked)
        since_ms = (asked.arrived_s - self._sent_s) * 1000.0 + _TICK_SLACK_MS
        clock, before = found[:, CLOCK], self._base[:, CLOCK] & _CLOCK_BITS
        is_off = ~is_within[:, CLOCK]
        self._stands_still(found, asked, is_heard)
        is_frozen = (found[:, CLOCK] & _TICK_MASK) == self._stopped_at
        # A late answer may have come round to a small number, too, but it is not further on than time is.
        is_restarted = is_off & (clock < since_ms) & (((clock - before) & _TICK_MASK) > since_ms)
        is_restarted &= ~is_frozen
        is_off |= is_frozen
        is_beyond = ~is_off & ~np.all(is_within[:, CURRENT:], axis=1)
        return Verdict(is_beyond, is_off & ~is_restarted, is_restarted)

    def take(self, index: int, numbers: IntArray, asked: Asked) -> None:
        """The numbers of one servo, (4,), are what its next ones are compared with."""
        self._part()
        self._base[index, CLOCK], self._base[index, POSITION] = numbers[CLOCK], numbers[POSITION]
        self._sent_s[index], self._arrived_s[index] = asked

    def _stands_still(self, found: IntArray, asked: Asked, is_heard: BoolArray) -> bool:
        """Whether a clock has not moved in many questions, however short the pauses between them.

        From one question to the next, a clock may stand still by its slack. So it is compared with an older one now and
        then; once it stands still, every answer with the same clock is refused.
        """
        self._until_look -= 1
        if self._until_look <= 0:
            clock = found[:, CLOCK] & _TICK_MASK
            since_s = asked.sent_s - self._looked_s
            if _STILL_S <= since_s <= _LONGEST_GAP_S:
                is_still = (clock == self._looked_at) & is_heard
                if is_still.any():
                    self._stopped_at = np.where(is_still, clock, self._stopped_at)
                    self._is_any_still = True
                    self._part()
                    # Nobody knows since when, so the first other clock that it shows is believed.
                    self._sent_s[is_still], self._arrived_s[is_still] = -_NEVER_S, _NEVER_S
            if since_s >= _STILL_S:
                self._until_look, self._looked_at, self._looked_s = _STILL_EVERY, clock, asked.arrived_s
        if self._is_any_still:
            self._is_any_still = bool(((found[:, CLOCK] & _TICK_MASK) == self._stopped_at).any())
            if not self._is_any_still:
                self._stopped_at[:] = _NO_CLOCK
        return self._is_any_still

    def _part(self) -> None:
        if self._even is not None:
            self._sent_s[:], self._arrived_s[:] = self._even
            self._even = None

    def _is_within(self, found: IntArray, asked: Asked) -> BoolArray:  # (servos, 4)
        """Which numbers a servo can have reached since its last good answer; its clock has to fit both ends."""
        ceiling = self._ceiling
        sent_s, arrived_s = (self._sent_s, self._arrived_s) if self._even is None else self._even
        longest_s = asked.arrived_s - sent_s
        least_ms = (asked.sent_s - arrived_s) * (1000.0 * (1.0 - _CLOCK_DRIFT)) - _TICK_SLACK_MS
        most_ms = longest_s * (1000.0 * (1.0 + _CLOCK_DRIFT)) + _TICK_SLACK_MS
        ceiling[:, CLOCK] = (most_ms - least_ms) / 2.0 + (longest_s > _LONGEST_GAP_S) * _ANY_MS
        self._set_reach(longest_s)
        changes = found - self._base
        changes &= _LOW_TICKS
        middle_ms = (least_ms + most_ms) / 2.0
        if isinstance(middle_ms, float):
            self._middle[CLOCK] = middle_ms
            changes -= self._middle
        else:
            changes[:, CLOCK] -= middle_ms.astype(np.int64)
        result: BoolArray = np.abs(changes, out=changes) <= ceiling
        return result

    def _set_reach(self, longest_s: float | FloatArray) -> None:
        """How far the positions can have come. In step with a clock the gap is nearly the same each time."""
        if isinstance(longest_s, float):
            if 0.8 * self._reached_s <= longest_s <= self._reached_s:
                return
            longest_s = self._reached_s = 1.1 * longest_s
        else:
            self._reached_s = -1.0
        self._ceiling[:, POSITION] = self._speed_ticks_s * longest_s + _POSITION_SLACK_TICKS
