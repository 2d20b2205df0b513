"""Keys, pedal and e-stop of a session: who stops it, who re-arms it, and that a twin's session needs no keys."""

from __future__ import annotations

import io
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from analytic_body import analytic_env
from input_pipe import InputPipe
from rich.console import Console

from envs.errors import StoppedError
from envs.scenario import Scenario
from experiments.cockpit import Cockpit, Teleoperation, cockpit
from experiments.command import UsageError
from experiments.serial_station import ROBOT, Session, once_allowed
from experiments.terminal_panel import OperatorQuitError, TerminalPanel
from hardware.input_events import EV_KEY
from hardware.pedal import KEY_A, KEY_B, KEY_C

SCENARIO = {"scenario": Scenario("pointing", {"mark": 0.5, "colour": "red"})}
WAIT_S = 20.0


class Desk:
    """A person at a terminal."""

    def __init__(self) -> None:
        self.keys, theirs = os.openpty()
        self.stream = os.fdopen(theirs, "r")
        self.shown = io.StringIO()

    def press(self, keys: str) -> None:
        os.write(self.keys, keys.encode())

    def press_once_shown(self, words: str, keys: str) -> threading.Thread:
        def wait() -> None:
            until(lambda: words in self.shown.getvalue())
            self.press(keys)

        person = threading.Thread(target=wait)
        person.start()
        return person


def until(is_so: Callable[[], bool]) -> None:
    deadline_s = time.monotonic() + WAIT_S
    while not is_so() and time.monotonic() < deadline_s:
        time.sleep(0.005)
    assert is_so()


@pytest.fixture
def desk() -> Iterator[Desk]:
    made = Desk()
    yield made
    made.stream.close()
    os.close(made.keys)


@pytest.fixture
def panel(desk: Desk) -> Iterator[TerminalPanel]:
    with TerminalPanel(desk.stream, Console(file=desk.shown, width=200)) as made:
        yield made


def test_the_space_bar_stops_and_only_a_name_lets_the_session_go_on(desk: Desk, panel: TerminalPanel) -> None:
    env, body = analytic_env()
    with cockpit(env, "small", {}, Teleoperation(), panel) as beside:
        session = Session(env, {}, ROBOT, beside)
        env.reset(options=SCENARIO)
        desk.press(" ")
        until(lambda: body.stops == ["e-stop by the space bar"])
        assert env.step(env.robot.home)[4]["stop"].severity == "hard"
        person = desk.press_once_shown("type your name", "ann\r")
        _, info = once_allowed(lambda: env.reset(options=SCENARIO), session)
        person.join()
        assert info["stop"] is None
        assert "re-armed by ann" in desk.shown.getvalue()


def test_an_e_stop_that_keeps_an_episode_from_beginning_lets_it_begin_after_re_arming(
    desk: Desk, panel: TerminalPanel
) -> None:
    env, _ = analytic_env()
    tries: list[int] = []
    with cockpit(env, "small", {}, Teleoperation(), panel) as beside:

        def work() -> str:
            tries.append(1)
            if len(tries) == 1:
                beside.estop.press("the pedal")
            env.reset(options=SCENARIO)
            return "episode"

        person = desk.press_once_shown("type your name", "ann\r")
        assert once_allowed(work, Session(env, {}, ROBOT, beside)) == "episode"
        person.join()
    assert len(tries) == 2


def test_a_person_may_end_the_session_instead_of_re_arming(desk: Desk, panel: TerminalPanel) -> None:
    env, _ = analytic_env()
    with cockpit(env, "small", {}, Teleoperation(), panel) as beside:
        beside.estop.press("the pedal")
        person = desk.press_once_shown("type your name", "q\r")
        with pytest.raises(OperatorQuitError):
            once_allowed(lambda: None, Session(env, {}, ROBOT, beside))
        person.join()


def test_where_nobody_can_be_asked_an_e_stop_ends_the_session() -> None:
    env, _ = analytic_env()
    with cockpit(env, "small", {}, Teleoperation(), None) as beside:
        beside.estop.press("the pedal")
        with pytest.raises(StoppedError, match="e-stop by the pedal"):
            once_allowed(lambda: None, Session(env, {}, ROBOT, beside))


def test_the_pedal_marks_steps_engages_the_clutch_and_stops(desk: Desk, panel: TerminalPanel, tmp_path: Path) -> None:
    env, _ = analytic_env()
    pedal = InputPipe(tmp_path / "pedal")
    with cockpit(env, "small", {"pedal": pedal.path}, Teleoperation(has_clutch=True), panel) as beside:
        person = desk.press_once_shown("Put it", "\r")
        panel.prepare("Point", ("Put it there.",))
        person.join()
        pedal.send(EV_KEY, KEY_B, 1)
        until(lambda: panel.word().steps_done == 1)
        assert not beside.is_on
        pedal.send(EV_KEY, KEY_A, 1)
        until(lambda: beside.is_on)
        pedal.send(EV_KEY, KEY_A, 0)
        until(lambda: not beside.is_on)
        desk.press("c")
        until(lambda: beside.is_on)
        pedal.send(EV_KEY, KEY_C, 1)
        until(lambda: beside.estop.pressed_by == "the pedal")
    pedal.unplug()


def test_keys_and_pedal_ask_for_the_command_where_a_policy_is_corrected(
    desk: Desk, panel: TerminalPanel, tmp_path: Path
) -> None:
    env, _ = analytic_env()
    pedal = InputPipe(tmp_path / "pedal")
    with cockpit(env, "small", {"pedal": pedal.path}, Teleoperation(), panel, is_correcting=True) as beside:

        def asked(press: Callable[[], None]) -> str:
            press()
            deadline_s = time.monotonic() + WAIT_S
            while (found := beside.asking.next()) is None and time.monotonic() < deadline_s:
                time.sleep(0.005)
            return str(found)

        assert asked(lambda: desk.press("t")) == "take_over"
        assert asked(lambda: desk.press("g")) == "give_back"
        assert asked(lambda: pedal.send(EV_KEY, KEY_A, 1)) == "take_over"
    pedal.unplug()


def test_a_leading_device_without_a_port_is_refused() -> None:
    env, _ = analytic_env()
    made = Cockpit(env, "small", {}, Teleoperation(device="gamepad"), None, is_correcting=False)
    with ExitStack() as stack, pytest.raises(UsageError, match="gamepad=/dev/input"):
        made.leader(stack)
