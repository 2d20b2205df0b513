"""What the control loop has handed over and the writer has not yet written."""

from __future__ import annotations

import threading
import time
from collections import deque
from dataclasses import dataclass

from envs.episodes.losses import Losses
from envs.episodes.records import LastFaults, Outcome, Tick
from envs.episodes.sheet import Status
from envs.episodes.verdict import QualityVerdict


@dataclass(frozen=True)
class Ending:
    """How an episode ends; the last thing that its writer is given."""

    status: Status
    outcome: Outcome
    quality: QualityVerdict | None
    last: LastFaults | None
    losses: Losses
    ended_at: str  # ISO 8601, UTC


class TickQueue:
    """A queue bounded in ticks and in bytes of images, between one control loop and one writer."""

    def __init__(self, max_ticks: int, max_size: int) -> None:
        self._max_ticks = max_ticks
        self._max_size = max_size
        self._changed = threading.Condition()
        self._ticks: deque[tuple[Tick, float, int]] = deque()  # with the time it came and the size of its images
        self._size = 0
        self._ending: Ending | None = None
        self._is_given_up = False
        self._in_hand_since_s: float | None = None  # when the tick came that the writer is at
        self._taken = 0

    @property
    def taken(self) -> int:
        """How many ticks the writer has taken: a writer that goes on makes this grow."""
        return self._taken

    @property
    def waiting(self) -> int:
        return len(self._ticks)

    @property
    def delay_s(self) -> float:
        """How long the oldest tick that is not written yet has been waiting."""
        with self._changed:
            since_s = self._in_hand_since_s
            if since_s is None and self._ticks:
                since_s = self._ticks[0][1]
        return 0.0 if since_s is None else time.monotonic() - since_s

    def put(self, tick: Tick, wait_s: float) -> bool:
        """Hand over a tick; False where there is no room for it within that time."""
        size = sum(image.pixels.nbytes for image in tick.state.images.values())
        with self._changed:
            if not self._changed.wait_for(lambda: self._has_room(size), timeout=wait_s):
                return False
            self._ticks.append((tick, time.monotonic(), size))
            self._size += size
            self._changed.notify_all()
        return True

    def end(self, ending: Ending) -> None:
        """Say that there are no more. Never waits."""
        with self._changed:
            self._ending = ending
            self._changed.notify_all()

    def give_up(self) -> None:
        """Forget what waits: nobody wants it any longer."""
        with self._changed:
            self._is_given_up = True
            self._ticks.clear()
            self._changed.notify_all()

    def take(self) -> Tick | Ending | None:
        """The next tick, waiting for it; after the last one the ending. None once all was given up."""
        with self._changed:
            self._in_hand_since_s = None
            self._changed.wait_for(lambda: self._ticks or self._ending is not None or self._is_given_up)
            if self._is_given_up:
                return None
            if not self._ticks:
                return self._ending
            tick, self._in_hand_since_s, size = self._ticks.popleft()
            self._size -= size
            self._taken += 1
            self._changed.notify_all()
            return tick

    def _has_room(self, size: int) -> bool:
        # A single tick always fits, however large.
        return not self._ticks or (len(self._ticks) < self._max_ticks and self._size + size <= self._max_size)
