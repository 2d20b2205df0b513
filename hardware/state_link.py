"""The state of all servos on one bus, once a cycle: positions that can be believed, and who gave none, and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hardware import control_table as table
from hardware.bus import DynamixelBus
from hardware.credibility import CLOCK, CURRENT, POSITION, VELOCITY, Asked, Credibility, Reach, Verdict
from hardware.dynamixel import HARDWARE_ALERT
from hardware.fast_read import FastReader
from hardware.reading import finish_reads
from hardware.roll_call import RollCall
from hardware.sync_read import NO_ANSWER, SyncReader

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]
Reader = SyncReader | FastReader

STATE_ADDRESS = table.REALTIME_TICK.address
# Four words: clock and whether it moves, PWM and current, velocity, position.
STATE_BLOCK = np.dtype((np.int32, (4,)))
_SHIFTS = np.array([0, 16, 0, 0], dtype=np.int64)  # the current stands in the upper half of its word
_LOW_CLOCK = np.array([0xFFFF, -1, -1, -1], dtype=np.int64)
FROZEN_TICKS = 25  # as many equal clocks are no chance

_FAST_AGAIN_AFTER = 50  # cycles of plain reads behind a failed fast one
_FAST_FAILURES = 3  # after as many in a row, with little success between them, fast reads are given up
_FAST_SUCCESSES = 500  # cycles that make up for all failures before them
_PROBES = 3
_READERS_KEPT = 64  # one for each order in which servos have been asked
_OFTEN_DAMAGED = 3


class LinkState(NamedTuple):
    """One cycle's readings in ticks, (servos,) each; where not `fresh`, those of the last good answer."""

    position_ticks: IntArray
    velocity_ticks: IntArray
    current_ticks: IntArray
    stamp_s: FloatArray
    fresh: BoolArray
    alert: BoolArray
    restarted: tuple[int, ...]  # ids of servos whose clock began anew
    problems: Mapping[int, str]  # id -> why its values are not new


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

    Args:
        bus: where they are.
        servo_ids: in the order of all arrays.
        reach: what they can do; what lies beyond is refused.
    """

    def __init__(self, bus: DynamixelBus, servo_ids: Sequence[int], reach: Reach) -> None:
        self.bus = bus
        self.servo_ids = tuple(servo_ids)
        self.counters = LinkCounters()
        self._index = {servo_id: index for index, servo_id in enumerate(self.servo_ids)}
        self._roll_call = RollCall(self.servo_ids)
        self._credibility = Credibility(reach)
        self._readers: dict[tuple[tuple[int, ...], bool], Reader] = {}
        self._is_fast = False
        self._fast_failures = 0
        self._fast_failed_at = 0  # in fast cycles
        self._plain_until = 0
        count = len(servo_ids)
        self._equal_clocks: IntArray = np.zeros(count, dtype=np.int64)
        self._old_clock: IntArray = np.full(count, -1, dtype=np.int64)  # of the last answer that was too old
        self._damages: IntArray = np.zeros(count, dtype=np.int64)
        self._everybody: BoolArray = np.ones(count, dtype=np.bool_)
        self._nobody: BoolArray = ~self._everybody
        self._is_even = True  # whether all answered to the last question
        self._last: IntArray = np.zeros((count, 4), dtype=np.int64)
        self._stamp_s = np.full(count, -np.inf)
        self._alert: BoolArray = np.zeros(count, dtype=np.bool_)
        self._reader = self._reader_for(self.servo_ids)

    @property
    def is_fast(self) -> bool:
        """Whether fast sync reads are in use."""
        return self._is_fast and self.counters.cycles >= self._plain_until

    def forget(self) -> None:
        """Ask everybody again, and believe what comes next: the servos may have been moved, or rebooted."""
        self._roll_call.forget()
        self._credibility.forget()
        self._equal_clocks[:] = 0
        self._damages[:] = 0

    def probe_fast(self) -> bool:
        """Try fast sync reads, and use them from now on if all servos answer them several times in a row.

        Raises:
            PortError: the cable is gone.
        """
        reader = FastReader(self.servo_ids, STATE_ADDRESS, STATE_BLOCK, self.bus.counters)
        self._is_fast = False
        for _ in range(_PROBES):
            self.bus.ask(reader)
            finish_reads((self.bus,))
            if not reader.is_complete:
                return False
        self._is_fast = True
        self._fast_failures = self._plain_until = 0
        return True

    def ask(self) -> None:
        """Ask for the state; wait with `hardware.reading.finish_reads`, then `take` it."""
        self._reader = self._reader_for(self._roll_call.next())
        self.bus.ask(self._reader)

    def take(self) -> LinkState:
        """The readings of this cycle."""
        reader, bus = self._reader, self.bus
        self.counters.cycles += 1
        self.counters.fast_cycles += isinstance(reader, FastReader)
        asked = Asked(bus.sent_s, bus.arrived_s)
        problems: dict[int, str] = {}
        restarted: tuple[int, ...] = ()
        found = _numbers(reader.values) if reader.is_complete and reader.servo_ids == self.servo_ids else None
        if found is not None and self._credibility.takes_all(found, asked):
            self._last, self._stamp_s = found, bus.stamps_s(reader.ends)
            self._alert = reader.errors >= HARDWARE_ALERT if reader.has_errors else self._nobody
            if not self._is_even:
                self._roll_call.forget()
                self._equal_clocks[:] = 0
                self._is_even = True
        else:
            problems, restarted = self._take_some(reader, asked)
        last = self._last
        return LinkState(
            position_ticks=last[:, POSITION],
            velocity_ticks=last[:, VELOCITY],
            current_ticks=last[:, CURRENT],
            stamp_s=self._stamp_s,
            fresh=self._fresh_but(problems) if problems else self._everybody,
            alert=self._alert,
            restarted=restarted,
            problems=problems,
        )

    def _take_some(self, reader: Reader, asked: Asked) -> tuple[dict[int, str], tuple[int, ...]]:
        self._is_even = False
        self._note_fast_failure(reader)
        # What was given out before is never written to again.
        self._last, self._stamp_s, self._alert = self._last.copy(), self._stamp_s.copy(), self._alert.copy()
        order = [self._index[servo_id] for servo_id in reader.servo_ids]
        heard = np.flatnonzero(reader.answered).tolist()
        found = self._last.copy()
        if heard:
            numbers, stamps_s = _numbers(reader.values) & _LOW_CLOCK, self.bus.stamps_s(reader.ends)
            found[[order[place] for place in heard]] = numbers[heard]
        is_heard = np.zeros(len(found), dtype=np.bool_)
        is_heard[[order[place] for place in heard]] = True
        verdict = self._credibility.examine(found, asked, is_heard)
        problems = self._silences(reader)
        restarted = []
        for place in heard:
            index, servo_id = order[place], reader.servo_ids[place]
            self._alert[index] = reader.errors[place] >= HARDWARE_ALERT
            if why := self._why_not(index, found[index], verdict):
                problems[servo_id] = why
                continue
            if verdict.is_restarted[index]:
                restarted.append(servo_id)
            self._last[index], self._stamp_s[index] = found[index], stamps_s[place]
            self._credibility.take(index, found[index], asked)
            self._equal_clocks[index] = 0
        return problems, tuple(restarted)

    def _silences(self, reader: Reader) -> dict[int, str]:
        """Why servos have given nothing, by id; whoever was silent is asked elsewhere in the list next time."""
        silent: list[int] = []
        problems: dict[int, str] = {}
        for place in np.flatnonzero(~reader.answered).tolist():
            servo_id, problem = reader.servo_ids[place], reader.problems.get(place, NO_ANSWER)
            if problem == NO_ANSWER:
                silent.append(servo_id)
                self.counters.silent += 1
            elif problem.startswith("damaged"):
                self.counters.damaged += 1
                problem += self._hint(self._index[servo_id])
            problems[servo_id] = problem
        self._roll_call.note(reader.servo_ids, silent)
        for servo_id in set(self.servo_ids) - set(reader.servo_ids):
            cycles = self._roll_call.silence_of(servo_id)
            problems[servo_id] = f"silent for {cycles} cycles; it is asked now and then"
        for servo_id in silent:
            if not self._roll_call.silence_of(servo_id):
                problems[servo_id] = f"{NO_ANSWER}, maybe because the servo before it was silent"
        return problems

    def _fresh_but(self, problems: Mapping[int, str]) -> BoolArray:
        fresh = self._everybody.copy()
        fresh[[self._index[servo_id] for servo_id in problems]] = False
        return fresh

    def _hint(self, index: int) -> str:
        self._damages[index] += 1
        is_often = self._damages[index] >= _OFTEN_DAMAGED
        # Noise on the cable strikes one as often as another; two servos that talk at once always strike their own id.
        if is_often and 2 * self._damages[index] > self._damages.sum():
            return f"; {self._damages[index]} times by now: duplicate ID? Or its cable is loose"
        return ""

    def _why_not(self, index: int, found: IntArray, verdict: Verdict) -> str | None:
        """Why the answer of a servo is not taken; None if it is."""
        if verdict.is_beyond[index]:
            self.counters.refused += 1
            told = f"current {found[CURRENT]}, velocity {found[VELOCITY]}, position {found[POSITION]} ticks"
            return f"its answer is beyond what it can reach: {told}"
        if not verdict.is_old[index]:
            return None
        self.counters.old += 1
        is_same = self._old_clock[index] == found[CLOCK]
        self._equal_clocks[index] = self._equal_clocks[index] + 1 if is_same else 0
        self._old_clock[index] = found[CLOCK]
        if self._equal_clocks[index] >= FROZEN_TICKS:
            return f"it is frozen: its clock has not moved for {self._equal_clocks[index]} answers"
        return "its answer is older than the question, by its own clock"

    def _reader_for(self, servo_ids: tuple[int, ...]) -> Reader:
        key = (servo_ids, self.is_fast)
        if key not in self._readers:
            if len(self._readers) >= _READERS_KEPT:
                self._readers.clear()
            kind = FastReader if self.is_fast else SyncReader
            self._readers[key] = kind(servo_ids, STATE_ADDRESS, STATE_BLOCK, self.bus.counters)
        return self._readers[key]

    def _note_fast_failure(self, reader: Reader) -> None:
        """Go back to plain reads for a while: in a merged answer, a servo that is silent silences those behind it."""
        if not isinstance(reader, FastReader) or NO_ANSWER not in reader.problems.values():
            return
        if self.counters.fast_cycles - self._fast_failed_at > _FAST_SUCCESSES:
            self._fast_failures = 0
        self._fast_failed_at = self.counters.fast_cycles
        self._fast_failures += 1
        self._plain_until = self.counters.cycles + _FAST_AGAIN_AFTER
        if self._fast_failures >= _FAST_FAILURES:
            self._is_fast = False


def _numbers(values: NDArray[Any]) -> IntArray:  # (servos, 4)
    """The words of answers as numbers; the clock still has above it what stands beside it in its word."""
    numbers: IntArray = values.astype(np.int64)
    numbers >>= _SHIFTS
    return numbers
