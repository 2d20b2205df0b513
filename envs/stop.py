"""Stop is a latch: once it has fallen, nothing moves until it is cleared on purpose."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Literal

from envs.errors import EnvError, StoppedError


@dataclass(frozen=True)
class Stop:
    """Why nothing moves. A soft stop is cleared by the next reset, a hard one by a person."""

    reason: str
    severity: Literal["soft", "hard"]


class StopLatch:
    """Remembers the first stop, and a later harder one. May be used from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._stop: Stop | None = None

    @property
    def stop(self) -> Stop | None:
        """The stop in force, or None."""
        return self._stop

    def fall(self, reason: str, severity: Literal["soft", "hard"]) -> Stop:
        """Stop, and return the stop in force."""
        with self._lock:
            # The first reason is the cause and the later ones its consequences, except that hard outranks soft.
            if self._stop is None or (self._stop.severity == "soft" and severity == "hard"):
                self._stop = Stop(reason, severity)
            return self._stop

    def clear_by_reset(self) -> None:
        """Clear a soft stop.

        Raises:
            StoppedError: the stop is a hard one.
        """
        with self._lock:
            if self._stop is not None and self._stop.severity == "hard":
                raise StoppedError(
                    f"hard stop: {self._stop.reason}; reset cannot clear it. Make sure that the robot is safe, then "
                    "call rearm(by=<your name>)"
                )
            self._stop = None

    def rearm(self, by: str) -> Stop | None:
        """Clear any stop in a person's name, and return what was cleared.

        Raises:
            EnvError: nobody is named.
        """
        if not by.strip():
            raise EnvError("rearm needs the name of the person who made sure that the robot is safe")
        with self._lock:
            cleared, self._stop = self._stop, None
            return cleared

    def refuse_if_fallen(self) -> None:
        """Raise StoppedError while a stop is in force."""
        if self._stop is not None:
            way_out = "reset()" if self._stop.severity == "soft" else "rearm(by=<your name>), then reset()"
            raise StoppedError(f"{self._stop.severity} stop: {self._stop.reason}; nothing moves until {way_out}")
