"""A session that was stopped: who lets it go on, who is asked, and that a twin's session needs no keys."""

from __future__ import annotations

import threading
import time

import numpy as np
import pytest
from analytic_body import analytic_env
from desk import Desk
from virtual_station import SERVO_ROBOT, VirtualStation, station_env, virtual_station
from waiting import wait_until

from envs.errors import StoppedError
from envs.scenario import Scenario
from experiments.cockpit import Teleoperation, cockpit
from experiments.serial_station import ROBOT, TWIN, Session, once_allowed
from experiments.stations import SIMULATION
from experiments.terminal_panel import OperatorQuitError, TerminalPanel

SCENARIO = {"scenario": Scenario("pointing", {"mark": 0.5, "colour": "red"})}


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
