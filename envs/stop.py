"""Stop is a latch: once it has fallen, nothing moves until it is cleared on purpose."""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass
from typing import Literal

from envs.errors import EnvError, StoppedError

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Stop:
    """Why nothing moves. A soft stop is cleared by the next reset, a hard one by a person.

    Where `is_body_safe` is False, the body could not be stopped as it should; the reason says what may still move.
    """

    reason: str
    severity: Literal["soft", "hard"]
    is_body_safe: bool = True


class StopLatch:
    """Remembers the first stop, and a later harder one. May be used from any thread.

    `at_work` is for whoever tells the body, one after the other.
    """

    def __init__(self) -> None:
        self.at_work = threading.RLock()
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
                _LOG.warning("%s stop: %s", severity, reason)
            return self._stop

    def worsen(self, trouble: str) -> Stop:
        """The body did not stop as it should: a person must look. Returns the stop in force, with both reasons."""
        _LOG.error("the body did not stop as it should: %s", trouble)
        with self._lock:
            before = "" if self._stop is None else f"{self._stop.reason}; "
            self._stop = Stop(f"{before}{trouble}", "hard", is_body_safe=False)
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
        if cleared is not None:
            _LOG.warning("re-armed by %s after a %s stop: %s", by, cleared.severity, cleared.reason)
        return cleared

    def refuse_if_fallen(self) -> None:
        """Raise StoppedError while a stop is in force."""
        if self._stop is not None:
            way_out = "reset()" if self._stop.severity == "soft" else "rearm(by=<your name>), then reset()"
            raise StoppedError(f"{self._stop.severity} stop: {self._stop.reason}; nothing moves until {way_out}")
