"""A serial cable that can be pulled and plugged in again under one name, as those below /dev/serial/by-id."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

from hardware.pseudo_terminal import PseudoTerminal


class SerialCable:
    """Serves `feed` at `path` while it is plugged in, from a thread. A context manager that pulls it at last."""

    def __init__(self, folder: Path, feed: Callable[[bytes, float], bytes]) -> None:
        self._link = folder / "usb-adapter"
        self._feed = feed
        self._terminal: PseudoTerminal | None = None
        self.plug()

    @property
    def path(self) -> str:
        return str(self._link)

    def plug(self) -> None:
        self._terminal = PseudoTerminal()
        self._is_pulled = threading.Event()
        self._thread = threading.Thread(target=self._serve, args=(self._terminal, self._is_pulled), daemon=True)
        self._thread.start()
        self._link.symlink_to(self._terminal.path)

    def pull(self) -> None:
        """May be called more than once."""
        if self._terminal is not None:
            self._is_pulled.set()
            self._thread.join()
            self._link.unlink()
            self._terminal.close()
            self._terminal = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.pull()

    def _serve(self, terminal: PseudoTerminal, is_pulled: threading.Event) -> None:
        while not is_pulled.is_set():
            if not terminal.serve(self._feed):
                time.sleep(0.0005)
