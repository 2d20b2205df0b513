"""A person at a terminal: what is pressed becomes the operator's word, and the terminal is left as it was."""

from __future__ import annotations

import io
import os
import termios
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TextIO

import pytest
from rich.console import Console

from envs.errors import StoppedError
from envs.operator import OperatorWord
from experiments.terminal_panel import OperatorQuitError, TerminalPanel

WAIT_S = 10.0


@dataclass
class Terminal:
    keys: int
    stream: TextIO
    shown: io.StringIO = field(default_factory=io.StringIO)

    def press(self, keys: str) -> None:
        os.write(self.keys, keys.encode())

    def panel(self) -> TerminalPanel:
        return TerminalPanel(self.stream, Console(file=self.shown, width=100))


@pytest.fixture
def terminal() -> Iterator[Terminal]:
    ours, theirs = os.openpty()
    with os.fdopen(theirs, "r") as stream:
        yield Terminal(ours, stream)
    os.close(ours)


def prepare(terminal: Terminal, panel: TerminalPanel, keys: str = "\r") -> None:
    """Show a card, and press keys once it is shown."""
    seen = len(terminal.shown.getvalue())

    def press_when_shown() -> None:
        deadline_s = time.monotonic() + WAIT_S
        while "Put the fruit" not in terminal.shown.getvalue()[seen:] and time.monotonic() < deadline_s:
            time.sleep(0.005)
        terminal.press(keys)

    person = threading.Thread(target=press_when_shown)
    person.start()
    try:
        panel.prepare("Pick [a] fruit", ("Put the fruit at 30 mm.",))
    finally:
        person.join()


def word_after(terminal: Terminal, panel: TerminalPanel, keys: str, expected: OperatorWord) -> None:
    terminal.press(keys)
    deadline_s = time.monotonic() + WAIT_S
    while panel.word() != expected and time.monotonic() < deadline_s:
        time.sleep(0.005)
    assert panel.word() == expected


def test_the_card_is_shown_as_it_is_and_enter_marks_steps_until_the_verdict(terminal: Terminal) -> None:
    with terminal.panel() as panel:
        prepare(terminal, panel)
        assert "Pick [a] fruit" in terminal.shown.getvalue()
        assert panel.word() == OperatorWord()
        word_after(terminal, panel, "\r", OperatorWord(1))
        word_after(terminal, panel, "x\rs", OperatorWord(2, "success"))


def test_a_failure_counts_once_its_reason_is_typed(terminal: Terminal) -> None:
    with terminal.panel() as panel:
        prepare(terminal, panel)
        terminal.press("\rfit_fellq\x7f")
        word_after(terminal, panel, "", OperatorWord(1))
        word_after(terminal, panel, "，掉了\r", OperatorWord(1, "failure", "it fell，掉了"))
        prepare(terminal, panel)
        assert panel.word() == OperatorWord()


def test_an_enter_pressed_too_early_does_not_confirm_a_scene_that_was_not_shown_yet(terminal: Terminal) -> None:
    with terminal.panel() as panel:
        terminal.press("\r")
        with pytest.raises(OperatorQuitError):
            prepare(terminal, panel, "q")


def test_stopping_fails_the_episode_and_the_next_is_not_begun(terminal: Terminal) -> None:
    with terminal.panel() as panel:
        prepare(terminal, panel)
        word_after(terminal, panel, "q", OperatorWord(0, "failure", "stopped"))
        with pytest.raises(OperatorQuitError):
            panel.prepare("the next", ())


def test_the_space_bar_stops_before_a_card_at_a_card_in_an_episode_and_while_a_reason_is_typed(
    terminal: Terminal,
) -> None:
    stops: list[str] = []
    with terminal.panel() as panel:
        panel.on_stop(stops.append, lambda: None)

        def stops_after(keys: str, count: int) -> None:
            terminal.press(keys)
            deadline_s = time.monotonic() + WAIT_S
            while len(stops) < count and time.monotonic() < deadline_s:
                time.sleep(0.005)
            assert len(stops) == count

        stops_after(" ", 1)
        prepare(terminal, panel, " \r")
        stops_after("", 2)
        stops_after("\r ", 3)
        stops_after("fit ", 4)
        word_after(terminal, panel, "_fell\r", OperatorWord(1, "failure", "it fell"))
    assert stops == ["the space bar"] * 4  # and closing the panel is none


def test_a_scene_is_waited_for_no_longer_once_the_e_stop_was_pressed(terminal: Terminal) -> None:
    pressed = threading.Event()

    def refuse() -> None:
        if pressed.is_set():
            raise StoppedError("e-stop")

    with terminal.panel() as panel:
        panel.on_stop(lambda by: pressed.set(), refuse)
        with pytest.raises(StoppedError):
            prepare(terminal, panel, " ")


def test_a_name_is_asked_for_until_one_is_given_and_q_alone_ends_the_session(terminal: Terminal) -> None:
    def typed(keys: str) -> threading.Timer:
        timer = threading.Timer(0.3, terminal.press, [keys])
        timer.start()
        return timer

    with terminal.panel() as panel:
        person = typed("\rann_q\r")
        assert panel.ask_name("who?") == "ann q"
        person.join()
        person = typed("q\r")
        with pytest.raises(OperatorQuitError):
            panel.ask_name("who?")
        person.join()


def test_a_pedal_says_what_keys_say_and_bound_keys_are_text_while_a_reason_is_typed(terminal: Terminal) -> None:
    asked: list[str] = []
    with terminal.panel() as panel:
        panel.bind("t", "take over", lambda: asked.append("t"))
        panel.mark("success")
        prepare(terminal, panel)
        assert panel.word() == OperatorWord()
        panel.mark("step_done")
        assert panel.word() == OperatorWord(1)
        word_after(terminal, panel, "tft\r", OperatorWord(1, "failure", "t"))
        assert asked == ["t"]


def test_keys_need_no_enter_while_it_is_open_and_the_terminal_is_as_before_afterwards(terminal: Terminal) -> None:
    before = termios.tcgetattr(terminal.stream)
    with terminal.panel():
        assert not termios.tcgetattr(terminal.stream)[3] & termios.ICANON
    assert termios.tcgetattr(terminal.stream) == before


def test_a_scene_is_not_waited_for_where_nobody_can_press_a_key() -> None:
    ours, theirs = os.pipe()
    os.close(theirs)
    with (
        os.fdopen(ours, "r") as stream,
        TerminalPanel(stream, Console(file=io.StringIO())) as panel,
        pytest.raises(OperatorQuitError),
    ):
        panel.prepare("nobody is there", ())


def test_a_terminal_that_goes_stops_as_its_stop_key_would_and_nothing_is_begun_any_more() -> None:
    ours, theirs = os.pipe()
    stops: list[str] = []
    with os.fdopen(ours, "r") as stream, TerminalPanel(stream, Console(file=io.StringIO())) as panel:
        panel.on_stop(stops.append, lambda: None)
        os.close(theirs)
        with pytest.raises(OperatorQuitError):
            panel.prepare("nobody is there", ())
        assert stops == ["the terminal, which has gone"]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_mistake_behind_a_bound_key_stops_because_no_key_is_heard_any_more(terminal: Terminal) -> None:
    stops: list[str] = []

    def fail() -> None:
        raise RuntimeError("a mistake")

    with terminal.panel() as panel:
        panel.on_stop(stops.append, lambda: None)
        panel.bind("t", "take over", fail)
        prepare(terminal, panel)
        terminal.press("t")
        deadline_s = time.monotonic() + WAIT_S
        while not stops and time.monotonic() < deadline_s:
            time.sleep(0.005)
        assert stops == ["the terminal, which has gone"]


def test_ending_the_session_with_q_is_no_e_stop(terminal: Terminal) -> None:
    stops: list[str] = []
    with terminal.panel() as panel:
        panel.on_stop(stops.append, lambda: None)
        with pytest.raises(OperatorQuitError):
            prepare(terminal, panel, "q")
    assert not stops
