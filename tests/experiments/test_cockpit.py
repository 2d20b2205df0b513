"""Pedal, gamepad and keys of a session: what each does, and what it means where one is not there."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest
from analytic_body import POINTING, analytic_env
from desk import Desk
from input_pipe import InputPipe
from waiting import wait_until

from assets.table import load_robot
from envs.clock import SimClock
from envs.errors import BodyError, StoppedError
from envs.estop import WATCH_S
from envs.humanoid import HumanoidEnv
from envs.stage import Station
from experiments.cockpit import Cockpit, Teleoperation, cockpit, reading_patience_s
from experiments.command import UsageError
from experiments.terminal_panel import TerminalPanel
from hardware.input_events import EV_KEY
from hardware.pedal import KEY_A, KEY_B, KEY_C

WAIT_S = 20.0


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
