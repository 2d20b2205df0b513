"""A person at the robot, asked on the terminal. The space bar is the e-stop, whatever else is going on."""

from __future__ import annotations

import threading
from collections.abc import Callable
from enum import Enum, auto
from typing import Literal, Self, TextIO

from rich.console import Console
from rich.panel import Panel
from rich.text import Text

from envs.errors import BodyError
from envs.operator import OperatorWord
from experiments.terminal_keys import TerminalKeys
from experiments.workers import console as progress_console

_KEYS = "SPACE: E-STOP   Enter: step done   s: success   f: failure, with a reason   q: stop here"
_READY_KEYS = "Enter: the scene stands like this   SPACE: E-STOP   q: stop here"
_ENTER, _ERASE, STOP_KEY, _TYPED_SPACE = "\r\n", "\x7f\b", " ", "_"
_LOOK_S = 0.1
Mark = Literal["step_done", "success", "failure"]


class OperatorQuitError(BodyError):
    """Raised when the person ends the session. The episodes before are whole."""


class _Asked(Enum):
    """What a key means at the moment."""

    NOTHING = auto()
    READY = auto()  # for the scene
    WORD = auto()  # of the running episode
    REASON = auto()  # of a failure
    NAME = auto()  # of who re-arms


class TerminalPanel:
    """An `OperatorPanel` on a terminal; a context manager that lets keys through one by one and restores the terminal.

    A failure's reason is typed after f and ends with Enter; _ stands for a space, since the space bar is the e-stop
    even there. After q the episode fails, and the next `prepare` raises.

    Args:
        stream: where keys are read; a terminal, or anything else with a file descriptor.
        console: where the card is shown.
    """

    def __init__(self, stream: TextIO | None = None, console: Console = progress_console) -> None:
        self._console = console
        self._keys = TerminalKeys(self._hear, self._lose_keys, stream)
        self._changed = threading.Condition()
        self._asked = _Asked.NOTHING
        self._word = OperatorWord()
        self._typed = ""
        self._is_answered = self._has_quit = False
        self._bound: dict[str, tuple[str, Callable[[], None]]] = {}
        self._on_stop: Callable[[str], None] = lambda by: None
        self._refuse: Callable[[], None] = lambda: None

    def __enter__(self) -> Self:
        self._keys.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self._keys.__exit__(*error)

    def on_stop(self, press: Callable[[str], None], refuse_if_pressed: Callable[[], None]) -> None:
        """Ask nothing once `refuse_if_pressed` raises, and call `press` from the keys' thread, saying by what.

        That is at the stop key, and when the terminal has gone: nobody could press the stop key any more.
        """
        self._on_stop, self._refuse = press, refuse_if_pressed

    def bind(self, key: str, meaning: str, act: Callable[[], None]) -> None:
        """Let one more key do something while nothing is being typed; from the keys' thread."""
        self._bound[key] = (meaning, act)

    def prepare(self, title: str, lines: tuple[str, ...]) -> None:
        """Show the card, and wait for Enter.

        Raises:
            OperatorQuitError: the person ended the session, or nobody is at the keys.
            StoppedError: the e-stop was pressed.
        """
        self._keys.settle()  # an Enter from before the card was shown says nothing of the scene
        if not self._has_quit:
            card = Text("\n".join((*lines, "", _READY_KEYS)))
            self._begin(_Asked.READY)
            self._console.print(Panel(card, title=Text(title), expand=False))
        self._wait()
        with self._changed:
            self._word = OperatorWord()
        self._begin(_Asked.WORD)
        self.tell_keys()

    def tell_keys(self) -> None:
        """Say which keys there are now."""
        more = "".join(f"   {key}: {meaning}" for key, (meaning, _) in self._bound.items())
        self.say(_KEYS + more)

    def word(self) -> OperatorWord:
        """What was said since `prepare`. Never waits. The first verdict stays."""
        return self._word

    def mark(self, what: Mark) -> None:
        """What a pedal says of the running episode; from any thread."""
        if self._asked is not _Asked.WORD:
            return
        if what == "step_done":
            self._step_done()
        else:
            self._judge(OperatorWord(self._word.steps_done, what, "by pedal" if what == "failure" else ""))

    def ask_name(self, question: str) -> str:
        """What the person types until Enter; not empty.

        Raises:
            OperatorQuitError: only q was typed, or nobody is at the keys.
        """
        self.refuse_after_quit()
        self._keys.settle()
        self._begin(_Asked.NAME)
        self.say(question)
        self._wait(is_refusing=False)
        if self._typed.strip() == "q":
            self._end()
            self.refuse_after_quit()
        return self._typed.strip()

    def refuse_after_quit(self) -> None:
        """Raise OperatorQuitError where the person has ended the session."""
        if self._has_quit:
            raise OperatorQuitError("the operator ended the session; what was recorded before is safe")

    def say(self, text: str) -> None:
        self._console.print(Text(f"  {text}"), soft_wrap=True)

    def _begin(self, asked: _Asked) -> None:
        with self._changed:
            self._asked, self._typed, self._is_answered = asked, "", False

    def _wait(self, *, is_refusing: bool = True) -> None:
        with self._changed:
            while not (self._is_answered or self._has_quit):
                if is_refusing:
                    self._refuse()
                self._changed.wait(_LOOK_S)
        self.refuse_after_quit()

    def _hear(self, key: str) -> None:
        """One key, in the keys' thread."""
        if key == STOP_KEY:
            self._on_stop("the space bar")
        elif self._asked in (_Asked.REASON, _Asked.NAME):
            self._type(key)
        elif key in self._bound:
            self._bound[key][1]()
        elif key == "q":
            self._quit()
        elif self._asked is _Asked.READY and key in _ENTER:
            self._answer()
        elif self._asked is _Asked.WORD and self._word.verdict is None:
            self._press(key)

    def _press(self, key: str) -> None:
        if key in _ENTER:
            self._step_done()
        elif key == "s":
            self._judge(OperatorWord(self._word.steps_done, "success"))
        elif key == "f":
            self._begin(_Asked.REASON)
            self.say("why? Type a reason, with _ for spaces, then Enter")

    def _type(self, key: str) -> None:
        if key in _ENTER and self._asked is _Asked.REASON:
            reason = self._typed.strip()
            self._begin(_Asked.WORD)
            self._judge(OperatorWord(self._word.steps_done, "failure", reason))
        elif key in _ENTER:
            if self._typed.strip():
                self._answer()
        elif key in _ERASE:
            self._typed = self._typed[:-1]
        elif key.isprintable():
            self._typed += " " if key == _TYPED_SPACE else key

    def _step_done(self) -> None:
        self._word = OperatorWord(self._word.steps_done + 1)
        self.say(f"step {self._word.steps_done} done")

    def _judge(self, word: OperatorWord) -> None:
        if self._word.verdict is None:
            self._word = word
            self.say(f"{word.verdict}: {word.reason}" if word.reason else str(word.verdict))

    def _answer(self) -> None:
        with self._changed:
            self._is_answered, self._asked = True, _Asked.NOTHING
            self._changed.notify_all()

    def _quit(self) -> None:
        if self._asked is _Asked.WORD:
            self._judge(OperatorWord(self._word.steps_done, "failure", "stopped"))
        self._end()

    def _lose_keys(self, is_lost: bool) -> None:
        try:
            if is_lost:
                self._on_stop("the terminal, which has gone")
        finally:
            self._end()

    def _end(self) -> None:
        with self._changed:
            self._has_quit = True
            self._changed.notify_all()
