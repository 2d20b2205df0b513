"""Keys, pedal and e-stop of a session: who stops it, who re-arms it, and that a twin's session needs no keys."""

from __future__ import annotations

import io
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest
from analytic_body import POINTING, analytic_env
from input_pipe import InputPipe
from rich.console import Console
from virtual_station import SERVO_ROBOT, VirtualStation, station_env, virtual_station
from waiting import wait_until

from assets.table import load_robot
from envs.clock import SimClock
from envs.errors import BodyError, StoppedError
from envs.estop import WATCH_S
from envs.humanoid import HumanoidEnv
from envs.scenario import Scenario
from envs.stage import Station
from experiments.cockpit import Cockpit, Teleoperation, cockpit, reading_patience_s
from experiments.command import UsageError
from experiments.serial_station import ROBOT, TWIN, Session, once_allowed
from experiments.stations import SIMULATION
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
            wait_until(lambda: words in self.shown.getvalue())
            self.press(keys)

        person = threading.Thread(target=wait)
        person.start()
        return person


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
        wait_until(lambda: body.stops == ["e-stop by the space bar"])
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
        with pytest.raises(StoppedError, match="E-STOP by the pedal"):
            once_allowed(lambda: None, Session(env, {}, ROBOT, beside))


def test_the_pedal_marks_steps_engages_the_clutch_and_stops(desk: Desk, panel: TerminalPanel, tmp_path: Path) -> None:
    env, _ = analytic_env()
    pedal = InputPipe(tmp_path / "pedal")
    with cockpit(env, "small", {"pedal": pedal.path}, Teleoperation(has_clutch=True), panel) as beside:
        person = desk.press_once_shown("Put it", "\r")
        panel.prepare("Point", ("Put it there.",))
        person.join()
        pedal.send(EV_KEY, KEY_B, 1)
        wait_until(lambda: panel.word().steps_done == 1)
        assert not beside.is_on
        pedal.send(EV_KEY, KEY_A, 1)
        wait_until(lambda: beside.is_on)
        pedal.send(EV_KEY, KEY_A, 0)
        wait_until(lambda: not beside.is_on)
        desk.press("c")
        wait_until(lambda: beside.is_on)
        pedal.send(EV_KEY, KEY_C, 1)
        wait_until(lambda: beside.estop.pressed_by == "the pedal")
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


def is_limp(station: VirtualStation) -> bool:
    with station.lock:
        return bool(station.servos.goals.is_limp.all())


def test_after_a_soft_stop_no_servo_of_a_robot_is_engaged_before_somebody_has_answered(
    desk: Desk, panel: TerminalPanel
) -> None:
    with virtual_station() as station:
        env = station_env(station)
        with cockpit(env, "small", {}, Teleoperation(), panel) as beside:
            session = Session(env, {}, ROBOT, beside)
            once_allowed(lambda: env.reset(seed=1), session)  # nothing has stopped it yet: nobody is asked
            with station.lock:
                station.blocked[0] = True
            away = SERVO_ROBOT.home + np.array([0.8, 0.0, 0.0])
            info = env.step(SERVO_ROBOT.home)[4]
            while info["stop"] is None:
                info = env.step(away)[4]
            assert info["stop"].severity == "soft"
            with station.lock:
                station.blocked[0] = False
            seen: list[bool] = []

            def answer() -> None:
                wait_until(lambda: "STOPPED: " in desk.shown.getvalue())
                for _ in range(30):
                    time.sleep(0.01)
                    seen.append(is_limp(station))
                desk.press("ann\r")

            person = threading.Thread(target=answer)
            person.start()
            _, info = once_allowed(lambda: env.reset(seed=2), session)
            person.join()
            assert all(seen)
            assert len(seen) == 30
            assert info["stop"] is None
            assert not is_limp(station)
    assert "re-armed by ann" in desk.shown.getvalue()


@pytest.mark.parametrize("station", [TWIN, SIMULATION])
def test_where_no_hand_can_be_trapped_nobody_is_asked_after_a_soft_stop(station: str) -> None:
    env, _ = analytic_env()
    with cockpit(env, "small", {}, Teleoperation(), None) as beside:
        env.reset(options=SCENARIO)
        env.stop("too hot", "soft")
        _, info = once_allowed(lambda: env.reset(options=SCENARIO), Session(env, {}, station, beside))
        assert info["stop"] is None
        env.stop("too hot", "soft")
        with pytest.raises(StoppedError, match="too hot; begin again"):
            once_allowed(lambda: None, Session(env, {}, ROBOT, beside))


def test_nobody_re_arms_while_the_pedal_with_the_e_stop_is_unplugged(
    desk: Desk, panel: TerminalPanel, tmp_path: Path
) -> None:
    env, _ = analytic_env()
    pedal = InputPipe(tmp_path / "pedal")
    with cockpit(env, "small", {"pedal": pedal.path}, Teleoperation(), panel) as beside:
        pedal.unplug()
        wait_until(lambda: beside.estop.pressed_by == "the pedal, which has gone")
        beside.estop.press("the test")  # returns once all is told
        with pytest.raises(StoppedError, match="the pedal with its e-stop has gone; plug it in again"):
            beside.estop.rearm("ann", beside.estop.presses)
        pedal.plug()

        def re_armed() -> bool:
            try:
                beside.estop.rearm("ann", beside.estop.presses)
            except StoppedError:
                return False
            return True

        wait_until(re_armed)
        assert beside.estop.pressed_by is None
    pedal.unplug()


def test_a_leading_device_without_a_port_is_refused() -> None:
    env, _ = analytic_env()
    made = Cockpit(env, "small", {}, Teleoperation(device="gamepad"), None, is_correcting=False)
    with ExitStack() as stack, pytest.raises(UsageError, match="gamepad=/dev/input"):
        made.leader(stack)


def test_an_e_stop_while_the_name_is_typed_is_asked_about_again(desk: Desk, panel: TerminalPanel) -> None:
    env, _ = analytic_env()

    def shown(words: str, times: int) -> None:
        wait_until(lambda: desk.shown.getvalue().count(words) == times)

    with cockpit(env, "small", {}, Teleoperation(), panel) as beside:
        beside.estop.press("the pedal")

        def answer() -> None:
            shown("type your name", 1)
            beside.estop.press("the gamepad")
            desk.press("ann\r")
            shown("type your name", 2)
            desk.press("bob\r")

        person = threading.Thread(target=answer)
        person.start()
        beside.clear_stop(is_robot=True)
        person.join()
        assert beside.estop.pressed_by is None
    said = desk.shown.getvalue()
    assert "E-STOP by the gamepad: nothing moves" in said
    assert "not re-armed: the e-stop was pressed again" in said
    assert "re-armed by bob" in said
    assert "re-armed by ann" not in said


def test_a_gamepad_that_is_pulled_out_stops_and_one_that_is_put_away_does_not(tmp_path: Path) -> None:
    def connect() -> Station:
        raise BodyError("this robot is not there")

    robot = load_robot("tudi")
    for is_pulled in (True, False):
        env = HumanoidEnv(robot, POINTING, connect, SimClock(1.0 / robot.control_hz))
        pad = InputPipe(tmp_path / f"pad{int(is_pulled)}")
        with cockpit(env, "tudi", {"gamepad": pad.path}, Teleoperation(device="gamepad"), None) as beside:
            with ExitStack() as stack:
                beside.leader(stack)
                if is_pulled:
                    pad.unplug()
                    wait_until(lambda beside=beside: beside.estop.pressed_by == "the gamepad, which has gone")
            time.sleep(3 * WATCH_S)
            assert (beside.estop.pressed_by is not None) == is_pulled
        pad.unplug()


@pytest.mark.parametrize(
    ("others", "is_at_a_robot"),
    [
        ({}, False),
        ({"pedal": "/dev/c"}, False),
        ({"body": "/dev/b"}, True),
        ({"body": "/dev/b", "control": "/tmp/d"}, False),
    ],
)
def test_only_where_no_robot_waits_meanwhile_the_exoskeleton_is_waited_for_long(
    others: dict[str, str], is_at_a_robot: bool
) -> None:
    patience_s = reading_patience_s({"exoskeleton": "/dev/a", **others})
    assert patience_s <= 0.005 if is_at_a_robot else patience_s >= 0.1
