"""Counts the faults of an episode by kind, because a broken device repeats itself every tick."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from envs.body import Fault
from envs.episodes.sheet import FaultCount


@dataclass(frozen=True)
class _FirstSeen:
    tick: int
    count: int


class FaultTally:
    """Takes the faults of each tick; `counts` are those so far."""

    def __init__(self) -> None:
        self._seen: dict[Fault, _FirstSeen] = {}

    def add(self, tick: int, faults: Iterable[Fault]) -> None:
        for fault in faults:
            known = self._seen.get(fault, _FirstSeen(tick, 0))
            self._seen[fault] = _FirstSeen(known.tick, known.count + 1)

    def counts(self) -> tuple[FaultCount, ...]:
        return tuple(
            FaultCount(fault.severity, fault.source, fault.message, seen.count, seen.tick)
            for fault, seen in tuple(self._seen.items())  # a writer that hangs may wake up meanwhile
        )
