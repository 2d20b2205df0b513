"""A body on cables: what must be plugged in, its way home, what it senses, and its stop."""

from __future__ import annotations

import threading
import time
from functools import partial

import numpy as np
import pytest
from analytic_body import POINTING
from real_bodies import AT_A_ROBOTS_PACE, HOME, SCENARIO, reset
from virtual_station import SERVO_ROBOT, VirtualStation, station_env
from waiting import wait_until

from envs.clock import WallClock
from envs.connections import CONTROL, connection_names
from envs.errors import BodyError
from envs.humanoid import HumanoidEnv
from envs.operator import OperatorWord
from envs.real_body import RealBody
from envs.real_station import connect_station


def test_the_connections_are_named_by_the_table() -> None:
    assert connection_names(SERVO_ROBOT) == ("arm", "hand", "touch", "imu", "microphone", "camera.head")


def test_a_body_that_is_not_wholly_plugged_in_names_what_is_missing(station: VirtualStation) -> None:
    ports = {**station.ports, "tail": "/dev/null"}
    del ports["imu"], ports["hand"]
    with pytest.raises(BodyError, match="missing are hand, imu, unknown are tail"):
        RealBody(SERVO_ROBOT, WallClock(1 / 25), ports)


def test_a_station_without_socket_and_panel_has_nobody_who_judges(station: VirtualStation) -> None:
    with pytest.raises(BodyError, match="panel"):
        connect_station(SERVO_ROBOT, POINTING, WallClock(1 / 25), station.ports)


def test_only_a_process_may_answer_later_than_the_table_of_the_robot_allows() -> None:
    ports, panel = dict.fromkeys(connection_names(SERVO_ROBOT), "/dev/null"), object()
    connect = partial(connect_station, SERVO_ROBOT, POINTING, WallClock(1 / 25))
    assert connect(ports, panel).overdue_s == 0.0
    assert connect({**ports, CONTROL: "/run/none"}).overdue_s > 0.0


def test_a_reset_brings_every_joint_home_slowly_enough(station: VirtualStation, body: RealBody) -> None:
    station.position_rad = np.array([1.0, 0.8, 1.0])
    begun_s = time.monotonic()
    state = reset(body)
    np.testing.assert_allclose(state.position_rad, SERVO_ROBOT.home, atol=0.1)
    # The elbow alone, at half its rate all the way, would take this long.
    assert time.monotonic() - begun_s > (0.8 - 0.3) / (0.5 * 1.0)


def test_a_joint_that_is_held_is_named(station: VirtualStation, body: RealBody) -> None:
    station.position_rad = np.array([0.0, 0.6, 0.0])
    station.blocked[1] = True
    with pytest.raises(BodyError, match=r"did not come home: elbow \(\+0\.30 rad\)"):
        reset(body)


def test_what_is_recorded_as_sent_is_what_the_servos_were_told(station: VirtualStation) -> None:
    env = station_env(station)
    env.reset(options={"scenario": SCENARIO})
    station.blocked[0] = True  # so that its goal is held back, not too far ahead of it
    held_back = 0
    info = env.step(SERVO_ROBOT.home)[4]
    while info["stop"] is None and held_back < 3:
        info = env.step(SERVO_ROBOT.upper)[4]
        with station.lock:
            told_rad = station.servos.goals.position_rad.copy()
        if info["stop"] is None:
            np.testing.assert_allclose(info["sent_rad"], told_rad, atol=np.pi / 4096)
            held_back += any("held back" in fault.message for fault in info["faults"])
    assert held_back == 3
    env.close()


def test_the_senses_come_through_the_cables(station: VirtualStation, body: RealBody) -> None:
    state = reset(body)
    np.testing.assert_allclose(state.touch_n, 1.5)
    np.testing.assert_allclose(state.imu.acceleration_m_s2, [0, 0, 9.81])
    assert state.images["head"].pixels.shape == (6, 8, 3)  # the camera sends 64 x 48
    assert abs(int(state.images["head"].pixels.mean()) - 90) < 4
    assert state.sound[-1] == 7


def test_sound_is_counted_from_the_reset_on(station: VirtualStation, body: RealBody) -> None:
    first = reset(body)
    wait_until(lambda: body.exchange(HOME).sound_count > first.sound_count + 640)
    assert reset(body).sound_count < 640


def test_a_stop_lets_every_joint_go_limp_and_the_next_reset_takes_hold_again(
    station: VirtualStation, body: RealBody
) -> None:
    reset(body)
    assert not station.servos.goals.is_limp.any()
    body.stop("the red button")
    assert station.servos.goals.is_limp.all()
    with pytest.raises(BodyError, match="the red button"):
        body.exchange(HOME)
    reset(body)
    assert not station.servos.goals.is_limp.any()
    body.close()
    assert station.servos.goals.is_limp.all()


def test_a_stop_from_another_thread_breaks_the_way_home_off(station: VirtualStation, body: RealBody) -> None:
    station.position_rad = np.array([-1.5, 2.0, 1.2])
    others_errors: list[BaseException] = []

    def go_home() -> None:
        try:
            reset(body)
        except BodyError as error:
            others_errors.append(error)

    thread = threading.Thread(target=go_home)
    thread.start()
    wait_until(lambda: not station.servos.goals.is_limp.any())
    wait_until(lambda: float(station.position_rad[1]) < 1.95)
    body.stop("a hand in the way")
    thread.join()
    assert "a hand in the way" in str(others_errors[0])
    assert station.servos.goals.is_limp.all()
    assert station.position_rad[1] > 0.5  # it had far to go still


def test_a_stop_while_the_scene_is_set_up_moves_nothing(station: VirtualStation, body: RealBody) -> None:
    station.position_rad = np.array([1.0, 0.8, 1.0])
    body.forget_stop()
    body.stop("a hand in the way")
    with pytest.raises(BodyError, match="a hand in the way"):
        body.reset(SCENARIO, np.random.default_rng(0))
    assert station.servos.goals.is_limp.all()
    np.testing.assert_array_equal(station.position_rad, [1.0, 0.8, 1.0])


def test_the_robot_is_at_home_before_a_person_steps_in_and_stays_there(station: VirtualStation) -> None:
    found_rad = []

    class Person:
        def prepare(self, title: str, lines: tuple[str, ...]) -> None:
            found_rad.append(station.position_rad.copy())
            assert not station.servos.goals.is_limp.any()

        def word(self) -> OperatorWord:
            return OperatorWord()

    station.position_rad = np.array([1.0, 0.8, 1.0])
    clock = WallClock(1 / 25)
    env = station.closing(
        HumanoidEnv(
            SERVO_ROBOT,
            POINTING,
            lambda: connect_station(SERVO_ROBOT, POINTING, clock, station.ports, Person(), AT_A_ROBOTS_PACE),
            clock,
        )
    )
    _, info = env.reset(seed=1)
    np.testing.assert_allclose(found_rad, [SERVO_ROBOT.home], atol=0.1)
    np.testing.assert_allclose(info["state"].position_rad, SERVO_ROBOT.home, atol=0.1)
