"""Lines of whole numbers as an exoskeleton sends them: found whole, checked number by number, counted where they fail.

A line is refused as a whole where its shape is wrong, a joint alone where its own number is. What is refused keeps its
last value and its old stamp, so whoever reads it finds it stale in time.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from assets.calibration import Calibration
from assets.exoskeleton import LineJoint, LineLayout
from hardware.exoskeleton_reading import TRAVEL_MARGIN

FloatArray = NDArray[np.float64]

_NUMBER = re.compile(rb"-?[0-9]{1,9}")
_LONGEST_LINE = 1024
GAP_S = 0.1  # a longer silence is counted as a gap
# Nobody swings a joint faster; a lost digit looks as if somebody had.
_FASTEST_RAD_S = 25.0
_JUMP_SLACK_RAD = 0.05


@dataclass(frozen=True)
class StreamCounts:
    """What came over the wire since it was opened. All but `lines`, `wraps` and `skipped` are faults."""

    lines: int = 0  # whole ones
    half: int = 0  # begun before we listened, or without an end
    wrong_count: int = 0  # with too few or too many numbers
    not_numbers: int = 0
    out_of_range: int = 0  # single numbers outside the travel
    jumps: int = 0  # single numbers that no hand could have reached so fast
    stuck: int = 0  # single sensors that stopped changing
    wraps: int = 0  # sensors that passed the end of their turn
    gaps: int = 0
    skipped: int = 0  # older lines of a burst


@dataclass(frozen=True)
class ChannelState:
    """The newest good value of each joint, in the layout's order."""

    position_rad: FloatArray  # (worn joints,)
    stamp_s: FloatArray  # (worn joints,) when it came; minus infinity where none has
    problems: Mapping[str, str]  # joint -> what was wrong with its newest number
    counts: StreamCounts


class LineStream:
    """Cuts bytes into lines, and takes only those that are whole and have the right shape."""

    def __init__(self, fields: int) -> None:
        self._fields = fields
        self._buffer = b""
        self._is_whole = False  # the first line has probably begun before we listened
        self.counts = StreamCounts()

    def feed(self, data: bytes) -> list[tuple[int, ...]]:
        """The numbers of every good line that `data` completes, in order of arrival."""
        *lines, self._buffer = (self._buffer + data).split(b"\n")
        good = []
        for line in lines:
            if not self._is_whole:
                self._is_whole = True
                self._count(half=1)
            elif (values := self._values(line)) is not None:
                good.append(values)
        if len(self._buffer) > _LONGEST_LINE:
            self._buffer, self._is_whole = b"", False  # what is left of it counts as half a line
        return good

    def _values(self, line: bytes) -> tuple[int, ...] | None:
        words = line.split()
        if len(words) != self._fields:
            self._count(wrong_count=1)
        elif not all(map(_NUMBER.fullmatch, words)):
            self._count(not_numbers=1)
        else:
            self._count(lines=1)
            return tuple(map(int, words))
        return None

    def _count(self, **more: int) -> None:
        self.counts = added(self.counts, **more)


class LineChannels:
    """Makes robot joints of a line's numbers, and refuses each number that cannot be true.

    Args:
        layout: which number shows which joint.
        calibration: takes the place of the layout's raw ranges.
    """

    def __init__(self, layout: LineLayout, calibration: Calibration | None = None) -> None:
        self._joints = layout.joints
        self._stuck_s = layout.stuck_s
        self._range = [_raw_range(joint, calibration) for joint in layout.joints]
        count = len(layout.joints)
        self._position_rad = np.zeros(count)
        self._stamp_s = np.full(count, -np.inf)
        self._raw: list[int | None] = [None] * count
        self._changed_s = np.full(count, np.inf)
        self._turns = [0] * count
        self._is_stuck = [False] * count
        self.counts = StreamCounts()

    def feed(self, values: Sequence[int], stamp_s: float) -> ChannelState:
        """Take one line that came at `stamp_s`."""
        problems = {}
        for index, joint in enumerate(self._joints):
            found = self._check(index, joint, values[joint.field], stamp_s)
            if isinstance(found, str):
                problems[joint.joint] = found
            else:
                self._position_rad[index], self._stamp_s[index] = found, stamp_s
        return ChannelState(self._position_rad.copy(), self._stamp_s.copy(), problems, self.counts)

    def _check(self, index: int, joint: LineJoint, raw: int, stamp_s: float) -> float | str:
        lowest, highest = self._range[index]
        if raw != self._raw[index]:
            self._raw[index], self._changed_s[index], self._is_stuck[index] = raw, stamp_s, False
        elif self._stuck_s is not None and stamp_s - self._changed_s[index] > self._stuck_s:
            self._count(stuck=int(not self._is_stuck[index]))
            self._is_stuck[index] = True
            return f"stuck at {raw} for {stamp_s - self._changed_s[index]:.1f} s"
        middle = (lowest + highest) / 2
        if joint.turn is not None:
            turns = round((middle - raw) / joint.turn)
            self._count(wraps=int(turns != self._turns[index] and self._stamp_s[index] > -np.inf))
            self._turns[index] = turns
            raw += turns * joint.turn
        if abs(raw - middle) > (0.5 + TRAVEL_MARGIN) * (highest - lowest):
            self._count(out_of_range=1)
            return f"{raw} lies outside its travel, {lowest} to {highest}"
        share = (raw - lowest) / (highest - lowest)
        share = share if joint.sign > 0 else 1.0 - share
        position_rad = joint.lowest_rad + share * (joint.highest_rad - joint.lowest_rad) + joint.offset_rad
        reachable_rad = _FASTEST_RAD_S * (stamp_s - self._stamp_s[index]) + _JUMP_SLACK_RAD
        way_rad = abs(position_rad - self._position_rad[index])
        if way_rad > reachable_rad:
            self._count(jumps=1)
            return f"jumped by {way_rad:.2f} rad"
        return float(position_rad)

    def _count(self, **more: int) -> None:
        self.counts = added(self.counts, **more)


def added(counts: StreamCounts, **more: int) -> StreamCounts:
    """The counts with some more of a kind."""
    return replace(counts, **{name: getattr(counts, name) + extra for name, extra in more.items()})


def _raw_range(joint: LineJoint, calibration: Calibration | None) -> tuple[int, int]:
    if calibration is None:
        return joint.raw_lowest, joint.raw_highest
    channel = calibration.by_joint[joint.joint]
    return channel.lowest, channel.highest
