"""A named pipe in the place of a device below /dev/input, which can be unplugged and plugged in again."""

from __future__ import annotations

import os
from pathlib import Path

from hardware.input_events import encode_event


class InputPipe:
    """Plugged in from the beginning. `send` writes one event as the kernel does."""

    def __init__(self, path: Path) -> None:
        os.mkfifo(path)
        self.path = str(path)
        self._file: int | None = None
        self.plug()

    def plug(self) -> None:
        self._file = os.open(self.path, os.O_RDWR)

    def unplug(self) -> None:
        """May be called more than once."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def send(self, kind: int, code: int, value: int) -> None:
        assert self._file is not None
        os.write(self._file, encode_event(kind, code, value))
