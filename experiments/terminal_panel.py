"""A person at the robot, asked on the terminal: Enter, s, f and q are all the keys there are."""

from __future__ import annotations

import codecs
import os
import select
import sys
import termios
import tty
from typing import Any, TextIO

from rich.console import Console
from rich.panel import Panel
from rich.text import Text

from envs.errors import BodyError
from envs.operator import OperatorWord
from experiments.workers import console as progress_console

_KEYS = "Enter: step done   s: success   f: failure, with a reason   q: stop here"
_READY_KEYS = "Enter: the scene stands like this   q: stop here"
_ENTER, _ERASE = "\r\n", "\x7f\b"
_READ_BYTES = 1024


class OperatorQuitError(BodyError):
    """Raised when the person ends the session. The episodes before are whole."""


class TerminalPanel:
    """An `OperatorPanel` on a terminal; a context manager that lets keys through one by one and restores the terminal.

    A failure's reason is typed after f and ends with Enter. After q the episode fails, and the next `prepare` raises.

    Args:
        stream: where keys are read; a terminal, or anything else with a file descriptor.
        console: where the card is shown.
    """

    def __init__(self, stream: TextIO | None = None, console: Console = progress_console) -> None:
        self._stream = sys.stdin if stream is None else stream
        self._console = console
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        self._saved: list[Any] | None = None
        self._word = OperatorWord()
        self._reason: str | None = None  # what has been typed of it; None where none is being typed
        self._has_quit = False

    def __enter__(self) -> TerminalPanel:
        if self._stream.isatty():
            self._saved = termios.tcgetattr(self._stream)
            tty.setcbreak(self._stream)
        return self

    def __exit__(self, *_: object) -> None:
        if self._saved is not None:
            termios.tcsetattr(self._stream, termios.TCSADRAIN, self._saved)
            self._saved = None

    def prepare(self, title: str, lines: tuple[str, ...]) -> None:
        """Show the card, and wait for Enter.

        Raises:
            OperatorQuitError: the person ended the session, or nobody is at the keys.
        """
        self._forget_early_keys()
        if not self._has_quit:
            card = Text("\n".join((*lines, "", _READY_KEYS)))
            self._console.print(Panel(card, title=Text(title), expand=False))
        self._wait_until_ready()
        self._word, self._reason = OperatorWord(), None
        self._say(_KEYS)

    def word(self) -> OperatorWord:
        """What was said since `prepare`. Never waits. The first verdict stays."""
        while self._word.verdict is None and (keys := self._read(0.0)):
            for key in keys:
                self._press(key)
        return self._word

    def _forget_early_keys(self) -> None:
        """An Enter from before the card was shown says nothing of the scene; whoever wants to stop is heard."""
        while keys := self._read(0.0):
            self._has_quit = self._has_quit or "q" in keys

    def _wait_until_ready(self) -> None:
        while not self._has_quit:
            keys = self._read(None)
            if keys is None or "q" in keys:
                self._has_quit = True
            elif any(key in _ENTER for key in keys):
                return
        raise OperatorQuitError("the operator ended the session; what was recorded before is safe")

    def _press(self, key: str) -> None:
        if self._word.verdict is not None:
            return
        if self._reason is not None:
            self._type(self._reason, key)
        elif key in _ENTER:
            self._word = OperatorWord(self._word.steps_done + 1)
            self._say(f"step {self._word.steps_done} done")
        elif key == "s":
            self._judge(OperatorWord(self._word.steps_done, "success"))
        elif key == "f":
            self._reason = ""
            self._say("why? Type a reason, then Enter")
        elif key == "q":
            self._has_quit = True
            self._judge(OperatorWord(self._word.steps_done, "failure", "stopped"))

    def _type(self, reason: str, key: str) -> None:
        if key in _ENTER:
            self._reason = None
            self._judge(OperatorWord(self._word.steps_done, "failure", reason.strip()))
        elif key in _ERASE:
            self._reason = reason[:-1]
        elif key.isprintable():
            self._reason = reason + key

    def _judge(self, word: OperatorWord) -> None:
        self._word = word
        self._say(f"{word.verdict}: {word.reason}" if word.reason else str(word.verdict))

    def _read(self, wait_s: float | None) -> str | None:
        """The keys pressed; "" where there were none in time, None where there will be none any more."""
        if not select.select([self._stream], [], [], wait_s)[0]:
            return ""
        data = os.read(self._stream.fileno(), _READ_BYTES)
        return self._decoder.decode(data) if data else None

    def _say(self, text: str) -> None:
        self._console.print(Text(f"  {text}"), soft_wrap=True)
