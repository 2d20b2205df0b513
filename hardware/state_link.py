"""The state of all servos on one bus, once a cycle: positions that can be believed, and who gave none, and why.

Each reading carries the servo's own millisecond clock. It tells an answer of this cycle from one that was under way for
long, a servo that repeats itself from one that stands still, and a servo that has restarted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hardware import control_table as table
from hardware.bus import DynamixelBus, finish_reads
from hardware.dynamixel import HARDWARE_ALERT
from hardware.fast_read import FastReader
from hardware.sync_read import SyncReader, is_all

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]

STATE_ADDRESS = table.REALTIME_TICK.address
# Four words: clock and whether it moves, PWM and current, velocity, position.
STATE_BLOCK = np.dtype((np.int32, (4,)))
_CLOCK, _CURRENT, _VELOCITY, _POSITION = range(4)
_COMPARED = np.array([-1, 0, 0, -1], dtype=np.int64)  # with the last: clock and position; the others by themselves
FROZEN_TICKS = 25  # as many equal clocks are no chance

_TICK_MASK = 32_767  # the servo's clock counts milliseconds modulo 32,768
_ANY_MS = 1e15
_NEVER_S = 1e9
_TICK_SLACK_MS = 3.0  # both ends round
_CLOCK_DRIFT = 0.02
_LONGEST_GAP_S = 10.0  # beyond, the servo's clock may have come round
_PATIENT_CYCLES = 3  # of silence, in which a servo is asked as ever
_PROBE_EVERY = 5  # cycles between two questions to a servo that stays silent
_FAST_AGAIN_AFTER = 50  # cycles of plain reads behind a failed fast one
_FAST_FAILURES = 3  # after as many, fast reads are given up
_PROBES = 3
_POSITION_SLACK_TICKS = 32  # gears give, and a limp joint is pushed


@dataclass(frozen=True)
class Reach:
    """What the servos of a bus can do, (servos,) each: the fastest they turn, and the most that they report."""

    speed_ticks_s: FloatArray
    velocity_ticks: FloatArray
    current_ticks: FloatArray


class LinkState(NamedTuple):
    """One cycle's readings in ticks, (servos,) each. Where not `fresh`, they are those of the last good answer."""

    position_ticks: IntArray
    velocity_ticks: IntArray
    current_ticks: IntArray
    stamp_s: FloatArray
    fresh: BoolArray
    alert: BoolArray
    restarted: tuple[int, ...]  # ids of servos whose clock began anew
    problems: Mapping[int, str]  # id -> why it is not fresh


@dataclass
class LinkCounters:
    """What became of the questions. `refused` are values that no servo can have reached, `old` answers to an earlier
    question."""

    cycles: int = 0
    silent: int = 0
    damaged: int = 0
    refused: int = 0
    old: int = 0
    fast_cycles: int = 0


class StateLink:
    """Polls the state of `servo_ids` on a bus, and keeps what was last good.

    A servo that stays silent goes to the end of the list, since its silence may silence those behind it, and is then
    asked now and then only.

    Args:
        bus: where they are.
        servo_ids: in the order of all arrays.
        reach: what they can do; what lies beyond is refused.
    """

    def __init__(self, bus: DynamixelBus, servo_ids: Sequence[int], reach: Reach) -> None:
        self.bus = bus
        self.servo_ids = tuple(servo_ids)
        self.counters = LinkCounters()
        self._reach = reach
        self._readers: dict[tuple[tuple[int, ...], bool], SyncReader | FastReader] = {}
        self._is_fast = False
        self._fast_failures = 0
        self._plain_until = 0
        count = len(servo_ids)
        self._index = {servo_id: index for index, servo_id in enumerate(self.servo_ids)}
        self._silent_cycles: IntArray = np.zeros(count, dtype=np.int64)
        self._equal_ticks: IntArray = np.zeros(count, dtype=np.int64)
        self._all_answer = True
        self._last: IntArray = np.zeros((count, 4), dtype=np.int64)
        self._stamp_s = np.full(count, -np.inf)
        self._alert: BoolArray = np.zeros(count, dtype=np.bool_)
        self._base = self._last
        nothing = np.zeros(count)
        self._ceiling = np.stack([nothing, reach.current_ticks, reach.velocity_ticks, nothing], axis=1).astype(np.int64)
        self._reached_s = -1.0  # the gap that the ceiling of positions was made for
        self._everybody: BoolArray = np.ones(count, dtype=np.bool_)
        self._reader = self._reader_for(self.servo_ids)
        self.forget()

    @property
    def is_fast(self) -> bool:
        """Whether fast sync reads are in use."""
        return self._is_fast and self.counters.cycles >= self._plain_until

    def forget(self) -> None:
        """Ask everybody again, and believe what comes next: the servos may have been moved, or rebooted."""
        self._silent_cycles[:] = 0
        self._equal_ticks[:] = 0
        self._all_answer = True
        self._asked_s = np.full(len(self.servo_ids), -_NEVER_S)
        self._arrived_s = np.full(len(self.servo_ids), _NEVER_S)
        self._even: tuple[float, float] | None = None  # the same of all, where all answered to the last question

    def probe_fast(self) -> bool:
        """Try fast sync reads, and use them from now on if all servos answer them several times in a row.

        Raises:
            PortError: the cable is gone.
        """
        reader = FastReader(self.servo_ids, STATE_ADDRESS, STATE_BLOCK, self.bus.counters)
        self._is_fast, self._fast_failures, self._plain_until = True, 0, 0
        for _ in range(_PROBES):
            self.bus.ask(reader)
            finish_reads((self.bus,))
            self._is_fast = self._is_fast and reader.is_complete
        return self._is_fast

    def ask(self) -> None:
        """Ask for the state; wait with `hardware.bus.finish_reads`, then `take` it."""
        self._reader = self._reader_for(self._askable())
        self.bus.ask(self._reader)

    def take(self) -> LinkState:
        """The readings of this cycle."""
        reader = self._reader
        self.counters.cycles += 1
        self.counters.fast_cycles += isinstance(reader, FastReader)
        if reader.is_complete and reader.servo_ids == self.servo_ids:
            problems, restarted = self._take_all(reader)
        else:
            problems, restarted = self._take_some(reader)
        last = self._last
        return LinkState(
            position_ticks=last[:, _POSITION],
            velocity_ticks=last[:, _VELOCITY],
            current_ticks=last[:, _CURRENT],
            stamp_s=self._stamp_s,
            fresh=self._everybody if self._all_answer else self._silent_cycles == 0,
            alert=self._alert,
            restarted=restarted,
            problems=problems,
        )

    def _take_all(self, reader: SyncReader | FastReader) -> tuple[dict[int, str], tuple[int, ...]]:
        found = _numbers(reader.values)
        if not is_all(self._is_believable(found)):
            return self._take_some(reader)
        self._remember(found)
        self._stamp_s = self.bus.stamps_s(reader.ends)
        self._alert = reader.errors >= HARDWARE_ALERT
        self._even = (self.bus.sent_s, self.bus.arrived_s)
        if not self._all_answer:
            self._silent_cycles[:] = 0
            self._equal_ticks[:] = 0
            self._all_answer = True
        return {}, ()

    def _take_some(self, reader: SyncReader | FastReader) -> tuple[dict[int, str], tuple[int, ...]]:
        self._all_answer = False
        self._note_fast_failure(reader)
        # What was given out before is never written to again.
        self._last, self._stamp_s, self._alert = self._last.copy(), self._stamp_s.copy(), self._alert.copy()
        problems = {servo_id: self._why_left_out(servo_id) for servo_id in self.servo_ids}
        restarted: list[int] = []
        order = np.array([self._index[servo_id] for servo_id in reader.servo_ids], dtype=np.intp)
        found = self._last.copy()
        stamp_s = self._stamp_s.copy()
        if reader.answered.any():
            heard = np.flatnonzero(reader.answered)
            found[order[heard]] = _numbers(reader.values)[heard]
            stamp_s[order] = self.bus.stamps_s(reader.ends)
        if self._even is not None:
            self._asked_s[:], self._arrived_s[:] = self._even
            self._even = None
        is_good, is_old, is_restarted = self._examine(found)
        for place, index in enumerate(order.tolist()):
            servo_id = self.servo_ids[index]
            if not reader.answered[place]:
                problems[servo_id] = reader.problems.get(place, "no answer")
                if reader.problems.get(place, "").startswith("damaged"):
                    self.counters.damaged += 1
                else:
                    self.counters.silent += 1
                self._silent_cycles[index] += 1
                continue
            self._alert[index] = reader.errors[place] >= HARDWARE_ALERT
            if is_restarted[index]:
                restarted.append(servo_id)
                self._asked_s[index], self._arrived_s[index] = -_NEVER_S, _NEVER_S
            elif is_old[index]:
                self.counters.old += 1
                self._silent_cycles[index] += 1
                self._equal_ticks[index] += int(found[index, _CLOCK] == self._last[index, _CLOCK])
                problems[servo_id] = self._why_old(index)
                continue
            elif not is_good[index]:
                self.counters.refused += 1
                self._silent_cycles[index] += 1
                problems[servo_id] = f"its answer is beyond what it can reach: {_told(found[index])}"
                continue
            self._last[index] = found[index]
            self._stamp_s[index] = stamp_s[index]
            self._asked_s[index], self._arrived_s[index] = self.bus.sent_s, self.bus.arrived_s
            self._silent_cycles[index] = self._equal_ticks[index] = 0
            del problems[servo_id]
        self._remember(self._last)
        self._all_answer = not problems
        return problems, tuple(restarted)

    def _remember(self, numbers: IntArray) -> None:
        self._last = numbers
        self._base = numbers & _COMPARED

    def _is_believable(self, found: IntArray) -> BoolArray:  # (servos, 4)
        """Which numbers a servo can have reached since its last good answer; its clock has to fit both ends."""
        bus, ceiling = self.bus, self._ceiling
        asked_s, arrived_s = (self._asked_s, self._arrived_s) if self._even is None else self._even
        longest_s = bus.arrived_s - asked_s
        least_ms = (bus.sent_s - arrived_s) * (1000.0 * (1.0 - _CLOCK_DRIFT)) - _TICK_SLACK_MS
        most_ms = longest_s * (1000.0 * (1.0 + _CLOCK_DRIFT)) + _TICK_SLACK_MS
        ceiling[:, _CLOCK] = (most_ms - least_ms) / 2.0 + (longest_s > _LONGEST_GAP_S) * _ANY_MS
        self._set_reach(longest_s)
        changes = found - self._base
        changes[:, _CLOCK] &= _TICK_MASK
        middle_ms = (least_ms + most_ms) / 2.0
        changes[:, _CLOCK] -= int(middle_ms) if isinstance(middle_ms, float) else middle_ms.astype(np.int64)
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
        self._ceiling[:, _POSITION] = self._reach.speed_ticks_s * longest_s + _POSITION_SLACK_TICKS

    def _examine(self, found: IntArray) -> tuple[BoolArray, BoolArray, BoolArray]:
        """Which servos can be believed, which gave an old answer, which have restarted."""
        is_within = self._is_believable(found)
        since_ms = (self.bus.arrived_s - self._asked_s) * 1000.0 + _TICK_SLACK_MS
        clock, last = found[:, _CLOCK], self._last[:, _CLOCK]
        is_behind = ~is_within[:, _CLOCK]
        is_restarted = is_behind & (clock < since_ms) & (clock < last)
        is_good: BoolArray = np.all(is_within[:, _CURRENT:], axis=1)
        return is_good, is_behind & ~is_restarted, is_restarted

    def _why_old(self, index: int) -> str:
        if self._equal_ticks[index] >= FROZEN_TICKS:
            return f"it is frozen: its clock has not moved for {self._equal_ticks[index]} answers"
        return "its answer is older than the question, by its own clock"

    def _why_left_out(self, servo_id: int) -> str:
        return f"silent for {self._silent_cycles[self._index[servo_id]]} cycles; it is asked now and then"

    def _askable(self) -> tuple[int, ...]:
        if self._all_answer:
            return self.servo_ids
        cycles = self._silent_cycles
        suspects = [index for index in np.flatnonzero(cycles).tolist() if self._equal_ticks[index] == 0]
        # Where silence spreads, its source is the first in the list; those behind it are innocent.
        order = [self._index[servo_id] for servo_id in self._reader.servo_ids]
        first = next((index for index in order if index in suspects), None)
        last = [index for index in suspects if index == first or cycles[index] > 1]
        asked = [index for index in range(len(self.servo_ids)) if index not in last]
        due = [index for index in last if cycles[index] <= _PATIENT_CYCLES or cycles[index] % _PROBE_EVERY == 0]
        for index in set(last) - set(due):
            cycles[index] += 1
        return tuple(self.servo_ids[index] for index in asked + due)

    def _reader_for(self, servo_ids: tuple[int, ...]) -> SyncReader | FastReader:
        key = (servo_ids, self.is_fast)
        if key not in self._readers:
            kind = FastReader if self.is_fast else SyncReader
            self._readers[key] = kind(servo_ids, STATE_ADDRESS, STATE_BLOCK, self.bus.counters)
        return self._readers[key]

    def _note_fast_failure(self, reader: SyncReader | FastReader) -> None:
        if not isinstance(reader, FastReader) or reader.is_complete:
            return
        self._fast_failures += 1
        self._plain_until = self.counters.cycles + _FAST_AGAIN_AFTER
        if self._fast_failures >= _FAST_FAILURES:
            self._is_fast = False


def _numbers(values: NDArray[Any]) -> IntArray:  # (servos, 4)
    numbers: IntArray = values.astype(np.int64)
    numbers[:, _CLOCK] &= 0xFFFF
    numbers[:, _CURRENT] >>= 16
    return numbers


def _told(numbers: IntArray) -> str:
    return f"current {numbers[_CURRENT]}, velocity {numbers[_VELOCITY]}, position {numbers[_POSITION]} ticks"
