"""The keys of a terminal, heard by a thread of their own the moment they are pressed, whatever the program is doing."""

from __future__ import annotations

import codecs
import os
import select
import sys
import termios
import threading
import tty
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Self, TextIO

_READ_BYTES = 1024
_POLL_S = 0.05


class TerminalKeys:
    """Tells each key to `hear`, one by one; a context manager that restores the terminal.

    Args:
        hear: called in the keys' own thread with each character.
        on_end: called there once no key will come any more, with whether that was not asked for: the terminal has gone,
            or `hear` has raised.
        stream: where keys are read; a terminal, or anything else with a file descriptor. None is standard input.
    """

    def __init__(
        self,
        hear: Callable[[str], None],
        on_end: Callable[[bool], None] = lambda is_lost: None,
        stream: TextIO | None = None,
    ) -> None:
        self._hear = hear
        self._on_end = on_end
        self._stream = sys.stdin if stream is None else stream
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        self._saved: list[Any] | None = None
        self._closing = threading.Event()
        self._changed = threading.Condition()
        self._silences = 0  # how often there was nothing to read
        self._has_ended = False
        self._thread = threading.Thread(target=self._run, name="terminal keys", daemon=True)

    def __enter__(self) -> Self:
        if self._stream.isatty():
            self._saved = termios.tcgetattr(self._stream)
            tty.setcbreak(self._stream)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.set()
        self._thread.join()
        if self._saved is not None:
            termios.tcsetattr(self._stream, termios.TCSADRAIN, self._saved)
            self._saved = None

    def settle(self) -> None:
        """Return once every key that was pressed before this call has been heard."""
        with self._changed:
            before = self._silences
            self._changed.wait_for(lambda: self._silences > before or self._has_ended)

    def _run(self) -> None:
        try:
            with suppress(OSError):  # the terminal was closed under us: as good as its end
                self._listen()
        finally:
            self._tell(silent=False)
            self._on_end(not self._closing.is_set())

    def _listen(self) -> None:
        while not self._closing.is_set():
            if not select.select([self._stream], [], [], _POLL_S)[0]:
                self._tell(silent=True)
                continue
            data = os.read(self._stream.fileno(), _READ_BYTES)
            if not data:
                break
            for key in self._decoder.decode(data):
                self._hear(key)

    def _tell(self, *, silent: bool) -> None:
        with self._changed:
            self._silences += 1
            self._has_ended = self._has_ended or not silent
            self._changed.notify_all()
