"""What only a body on cables can meet: servos that fall silent, joints that are held, cables that are pulled."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from analytic_body import POINTING
from virtual_station import PATIENCE, SERVO_ROBOT, VirtualStation, station_env, virtual_station

from envs.body import BodyState, JointTarget
from envs.clock import WallClock
from envs.connections import CONTROL, connection_names
from envs.errors import BodyError
from envs.humanoid import HumanoidEnv
from envs.operator import OperatorWord
from envs.real_body import RealBody
from envs.real_station import connect_station
from envs.scenario import Scenario
from hardware.errors import PortError, StaleDeviceError
from hardware.virtual_servo import VirtualServo

LONG_S = 20.0
SCENARIO = Scenario("pointing", {"mark": 0.5, "colour": "red"})
HOME = JointTarget(SERVO_ROBOT.home)
AT_A_ROBOTS_PACE = replace(PATIENCE, watchdog_s=0.8)  # a robot has less, but also a quieter machine


@pytest.fixture
def station() -> Iterator[VirtualStation]:
    with virtual_station() as station:
        yield station


@pytest.fixture
def body(station: VirtualStation) -> RealBody:
    return station.closing(RealBody(SERVO_ROBOT, WallClock(1 / 25), station.ports, PATIENCE))


def reset(body: RealBody) -> BodyState:
    body.forget_stop()
    return body.reset(SCENARIO, np.random.default_rng(0))


def servo(station: VirtualStation, bus: str, servo_id: int) -> VirtualServo:
    return station.servos.buses[bus].servo(servo_id)


def wait_until(holds: Callable[[], bool]) -> None:
    deadline_s = time.monotonic() + LONG_S
    while not holds() and time.monotonic() < deadline_s:
        time.sleep(0.005)
    assert holds()


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


def test_a_silent_servo_coasts_for_two_periods_and_then_stops_the_body(station: VirtualStation, body: RealBody) -> None:
    reset(body)
    moved = body.exchange(JointTarget(np.array([0.1, 0.3, 0.0])))
    servo(station, "arm", 2).is_silent = True
    states = [body.exchange(HOME) for _ in range(3)]
    assert [[(fault.severity, fault.source) for fault in state.faults] for state in states] == [
        [("note", "servo elbow")],
        [("note", "servo elbow")],
        [("soft", "servo elbow")],
    ]
    assert all(state.position_rad[1] == states[0].position_rad[1] for state in states)
    assert states[0].joints_stamp_s > moved.joints_stamp_s
    servo(station, "arm", 2).is_silent = False
    assert body.exchange(HOME).faults == ()


def test_a_servo_that_reports_an_error_stops_the_body(station: VirtualStation, body: RealBody) -> None:
    reset(body)
    servo(station, "hand", 3).raise_hardware_error(0x04)  # overheating
    alert, cause, _ = body.exchange(HOME).faults  # and its torque is off
    assert (alert.severity, alert.source) == ("note", "servo grip")
    assert (cause.severity, cause.source) == ("soft", "servo grip")
    assert "overheating" in cause.message


def test_an_episode_may_begin_long_after_its_reset(station: VirtualStation) -> None:
    env = station_env(station, AT_A_ROBOTS_PACE)
    _, info = env.reset(seed=1)
    wait_until(lambda: servo(station, "arm", 2).watchdog_tripped and servo(station, "hand", 3).watchdog_tripped)
    before_rad = info["state"].position_rad
    for _ in range(15):
        *_, info = env.step(before_rad + 0.2)
        assert info["stop"] is None
    np.testing.assert_allclose(info["state"].position_rad - before_rad, 0.2, atol=0.1)


def test_a_robot_that_left_home_before_the_first_step_does_not_jump(station: VirtualStation) -> None:
    env = station_env(station, AT_A_ROBOTS_PACE)
    env.reset(seed=1)
    wait_until(lambda: servo(station, "arm", 2).watchdog_tripped)
    with station.lock:
        station.blocked[1] = True
        station.position_rad[1] += 0.5
    *_, truncated, info = env.step(SERVO_ROBOT.home)
    assert truncated
    assert "elbow (+0.50 rad)" in info["stop"].reason


def test_servos_that_stopped_by_themselves_end_the_episode_at_the_next_step(station: VirtualStation) -> None:
    env = station_env(station, AT_A_ROBOTS_PACE)
    env.reset(seed=1)
    *_, truncated, info = env.step(SERVO_ROBOT.home)
    assert not truncated
    wait_until(lambda: servo(station, "arm", 2).watchdog_tripped)  # nobody speaks to the servos
    *_, truncated, info = env.step(SERVO_ROBOT.home)
    assert truncated
    assert info["stop"].severity == "soft"
    assert "elbow" in info["stop"].reason
    assert "stopped; allowed are 0.8 s" in info["stop"].reason
    env.reset(seed=2)
    *_, truncated, info = env.step(SERVO_ROBOT.home)
    assert info["stop"] is None


def test_one_servo_that_stopped_by_itself_is_noticed_within_a_second(station: VirtualStation, body: RealBody) -> None:
    reset(body)
    body.exchange(HOME)
    with station.lock:
        station.servos.buses["arm"].advance(time.monotonic() + LONG_S)  # a bus that was cut off, and is back
    faults = [fault for _ in range(25) for fault in body.exchange(HOME).faults]
    assert any("heard nothing for too long" in fault.message for fault in faults)
    assert reset(body).faults == ()


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


def test_a_pulled_cable_stops_softly_and_is_found_again_at_the_next_reset(
    station: VirtualStation, tmp_path_factory: pytest.TempPathFactory
) -> None:
    by_id = tmp_path_factory.mktemp("by-id") / "arm"  # a name that survives replugging
    by_id.symlink_to(station.ports["arm"])
    env = station_env(station, arm=str(by_id))
    env.reset(seed=1)
    station.replug("arm")
    *_, truncated, info = env.step(SERVO_ROBOT.home)
    assert truncated
    assert info["stop"].severity == "soft"
    assert isinstance(info["error"], PortError)
    by_id.unlink()
    by_id.symlink_to(station.ports["arm"])
    env.reset(seed=2)
    *_, truncated, info = env.step(SERVO_ROBOT.home)
    assert info["stop"] is None


def test_a_sensor_that_sends_nothing_is_named_and_holds_no_cable(station: VirtualStation) -> None:
    ports = {**station.ports, "microphone": "127.0.0.1:1"}
    body = station.closing(RealBody(SERVO_ROBOT, WallClock(1 / 25), ports, replace(PATIENCE, first_reading_s=0.3)))
    with pytest.raises(StaleDeviceError, match=r"microphone 127\.0\.0\.1:1"):
        reset(body)
    body.close()
    whole = station.closing(RealBody(SERVO_ROBOT, WallClock(1 / 25), station.ports, PATIENCE))
    assert reset(whole).faults == ()
