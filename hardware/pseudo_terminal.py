"""A pair of serial ports without a cable: drivers open the path, we serve the other end."""

from __future__ import annotations

import os
import time
import tty
from collections.abc import Callable
from contextlib import suppress

_READ_BYTES = 4096


class PseudoTerminal:
    """Our end of a pseudo-terminal. `path` is what a driver opens; `fileno()` can be polled.

    Bytes that the driver does not take are lost once its buffer (4 kB) is full, as on a wire.
    """

    def __init__(self) -> None:
        self._ours, self._theirs = os.openpty()
        # Held open: without it every read here fails as soon as the driver closes its end.
        tty.setraw(self._theirs)
        os.set_blocking(self._ours, False)
        self.path = os.ttyname(self._theirs)
        self._is_open = True

    def fileno(self) -> int:
        return self._ours

    def receive(self) -> bytes:
        """What the driver has written since, or b""."""
        with suppress(BlockingIOError):
            return os.read(self._ours, _READ_BYTES)
        return b""

    def send(self, data: bytes) -> int:
        """Give bytes to the driver; returns how many were taken."""
        taken = 0
        with suppress(BlockingIOError):
            while taken < len(data):
                taken += os.write(self._ours, data[taken:])
        return taken

    def serve(self, feed: Callable[[bytes, float], bytes], now_s: float | None = None) -> bool:
        """Answer what the driver has written through `feed`; whether there was anything. Never waits."""
        data = self.receive()
        if not data:
            return False
        answer = feed(data, time.monotonic() if now_s is None else now_s)
        if answer:
            self.send(answer)
        return True

    def close(self) -> None:
        """Pull the cable: the driver's next read or write fails."""
        if self._is_open:
            self._is_open = False
            os.close(self._theirs)
            os.close(self._ours)
