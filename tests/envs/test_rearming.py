"""Who re-arms knows of every press: none gets lost between the question and the name, or under a foot that stays."""

from __future__ import annotations

import threading
import time

import pytest
from analytic_body import analytic_env
from input_pipe import InputPipe
from waiting import wait_until

from envs.errors import EnvError, StoppedError
from envs.estop import WATCH_S, EmergencyStop
from envs.scenario import Scenario
from hardware.input_events import EV_KEY
from hardware.pedal import KEY_C, Pedal

SCENARIO = {"scenario": Scenario("pointing", {"mark": 0.5, "colour": "red"})}
WAIT_S = 20.0


def test_a_press_while_the_name_is_typed_is_told_and_not_re_armed_away() -> None:
    env, _ = analytic_env()
    told: list[str] = []
    estop = EmergencyStop(env, told.append)
    estop.press("the space bar")
    known = estop.presses
    estop.press("the pedal")
    assert [line.split(":")[0] for line in told] == ["E-STOP by the space bar", "E-STOP by the pedal"]
    with pytest.raises(StoppedError, match="pressed again"):
        estop.rearm("Ada", known)
    assert estop.pressed_by == "the space bar"
    with pytest.raises(StoppedError):
        env.reset(options=SCENARIO)
    estop.rearm("Ada", estop.presses)
    assert estop.pressed_by is None
    env.reset(options=SCENARIO)


def test_nobody_re_arms_while_a_press_is_still_being_told_to_the_body() -> None:
    env, _ = analytic_env()
    is_telling, may_go_on = threading.Event(), threading.Event()

    def say(text: str) -> None:
        is_telling.set()
        may_go_on.wait(WAIT_S)

    estop = EmergencyStop(env, say)
    presser = threading.Thread(target=estop.press, args=("the pedal",))
    presser.start()
    assert is_telling.wait(WAIT_S)
    with pytest.raises(StoppedError, match="pressed again"):
        estop.rearm("Ada", estop.presses)
    may_go_on.set()
    presser.join()
    estop.rearm("Ada", estop.presses)


def test_a_press_at_the_moment_of_re_arming_stays_pressed_and_the_environment_stopped() -> None:
    for _ in range(100):
        env, _ = analytic_env()
        estop = EmergencyStop(env)
        estop.press("the space bar")
        known, together = estop.presses, threading.Barrier(2)

        def press(estop: EmergencyStop = estop, together: threading.Barrier = together) -> None:
            together.wait()
            estop.press("the pedal")

        presser = threading.Thread(target=press)
        presser.start()
        together.wait()
        was_refused = False
        try:
            estop.rearm("Ada", known)
        except StoppedError:
            was_refused = True
        presser.join()
        assert estop.pressed_by == ("the space bar" if was_refused else "the pedal")
        with pytest.raises(StoppedError):
            estop.refuse_if_pressed()
        with pytest.raises(EnvError):
            env.reset(options=SCENARIO)


def test_nobody_re_arms_while_the_pedal_is_held_down(pipe: InputPipe) -> None:
    env, _ = analytic_env()
    estop = EmergencyStop(env)
    pedal = Pedal(pipe.path, lambda meaning: estop.press("the pedal"))
    pedal.start()
    estop.watch(pedal, "the pedal")
    pipe.send(EV_KEY, KEY_C, 1)
    wait_until(lambda: estop.pressed_by is not None and pedal.is_e_stop_held)
    with pytest.raises(StoppedError, match="held down at the pedal"):
        estop.rearm("Ada", estop.presses)
    assert estop.pressed_by == "the pedal"
    pipe.send(EV_KEY, KEY_C, 0)
    wait_until(lambda: not pedal.is_e_stop_held)
    estop.rearm("Ada", estop.presses)
    assert estop.pressed_by is None
    estop.close()
    pedal.close()


def test_a_device_that_is_put_away_after_its_watch_has_ended_presses_nothing(pipe: InputPipe) -> None:
    env, _ = analytic_env()
    estop = EmergencyStop(env)
    pedal = Pedal(pipe.path, lambda meaning: estop.press("the pedal"))
    pedal.start()
    end_watch = estop.watch(pedal, "the pedal")
    end_watch()
    pedal.close()
    assert not pedal.is_there
    time.sleep(3 * WATCH_S)
    assert estop.pressed_by is None
    estop.close()
