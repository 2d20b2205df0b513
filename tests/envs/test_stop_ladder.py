"""The two ways down from a stop, on virtual servos and a simulated clock: what is held, what fades, what stays on."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pytest
from small_robot import SMALL_ROBOT

from assets.robot import RobotSpec, SafetySpec, ServoSpec
from envs.step_down import FADE_SHARES, step_down
from hardware import control_table as table
from hardware.bus import DynamixelBus
from hardware.errors import BusError, ServoError
from hardware.servos import ServoChain
from hardware.stop_ladder import SLOW_TICKS, StopLadder
from hardware.virtual_faults import AllSilent, FaultScript, Silent
from hardware.virtual_robot import VirtualRobot
from hardware.virtual_wire import SimulatedClock, VirtualPort

WATCHDOG_S = 0.1  # less than a robot is held before torque fades
SERVOS = (
    ServoSpec("shoulder", "arm", 1, "XM540-W270", 1, 2048, "position"),
    ServoSpec("elbow", "arm", 2, "XM430-W350", -1, 2048, "position"),
    ServoSpec("grip", "hand", 3, "XC330-T288", 1, 2048, "current_position", goal_current_a=0.3),
)
LIMP, DAMP = SafetySpec(), SafetySpec(ladder="hold_then_damp", damp_share=0.2)
FULL_NM = np.array([10.6, 4.1, 0.3 / 0.8 * 0.92])


def robot_with(safety: SafetySpec) -> RobotSpec:
    return replace(SMALL_ROBOT, servos=SERVOS, safety=safety)


@dataclass
class Station:
    """A robot that somebody watches: what its servos could push with, each time that somebody rests."""

    safety: SafetySpec
    seen_nm: list[Any] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.spec = robot_with(self.safety)
        self.clock = SimulatedClock(10.0)
        self.robot = VirtualRobot(self.spec)
        self.ports = {name: VirtualPort(bus, self.clock, name=name) for name, bus in self.robot.buses.items()}
        self.chain = self.chain_on_the_same_cables()
        self.chain.connect()

    def chain_on_the_same_cables(self) -> ServoChain:
        for name, port in self.ports.items():
            port.plug(name)
        return ServoChain(self.spec, self.ports, watchdog_s=WATCHDOG_S, reply_margin_s=0.004)

    def rest(self, seconds: float) -> None:
        self.clock.advance(seconds)
        self.seen_nm.append(self.effort_nm())

    def effort_nm(self) -> Any:
        goals = self.robot.goals
        return np.where(goals.is_limp, 0.0, goals.effort_limit_nm)

    def step_down(self) -> tuple[str, ...]:
        return step_down(self.chain, self.safety, WATCHDOG_S, self.clock, self.rest)

    def move(self, position_rad: Any) -> None:
        self.robot.sense(np.array(position_rad), np.zeros(3), np.zeros(3))

    def shares_of_the_elbow(self) -> list[float]:
        shares = [round(float(effort[1]) / FULL_NM[1], 2) for effort in self.seen_nm]
        return [share for place, share in enumerate(shares) if place == 0 or share != shares[place - 1]]


@pytest.mark.parametrize("safety", [LIMP, DAMP], ids=["limp", "hold_then_damp"])
def test_the_joints_are_held_where_they_are_before_their_torque_fades(safety: SafetySpec) -> None:
    station = Station(safety)
    station.clock.advance(0.05)
    station.chain.write_goals(np.array([0.1, 0.35, 0.1]))
    station.clock.advance(0.02)
    station.move([0.04, 0.32, 0.05])
    station.step_down()
    held = [servo.get(table.GOAL_POSITION) for bus in station.robot.buses.values() for servo in bus.servos]
    stood = [servo.get(table.PRESENT_POSITION) for bus in station.robot.buses.values() for servo in bus.servos]
    assert held == stood
    np.testing.assert_allclose(station.seen_nm[0], FULL_NM, rtol=0.01)


def test_a_robot_that_cannot_fall_sinks_and_is_limp_at_last() -> None:
    station = Station(LIMP)
    assert station.step_down() == ()
    assert station.shares_of_the_elbow() == [1.0, *FADE_SHARES]
    assert station.robot.goals.is_limp.all()


def test_a_robot_that_stands_on_its_own_keeps_its_last_share_of_torque() -> None:
    station = Station(DAMP)
    assert station.step_down() == ()
    assert station.shares_of_the_elbow() == [1.0, *FADE_SHARES[:-1], 0.2]
    assert not station.robot.goals.is_limp.any()
    station.clock.advance(10.0)  # nobody speaks to it any more
    assert not station.robot.goals.is_limp.any()
    assert station.effort_nm()[1] == pytest.approx(0.2 * FULL_NM[1], rel=0.01)


@pytest.mark.parametrize("safety", [LIMP, DAMP], ids=["limp", "hold_then_damp"])
def test_servos_that_had_stopped_by_themselves_fade_like_the_others(safety: SafetySpec) -> None:
    station = Station(safety)
    station.clock.advance(0.15)
    assert station.chain.tripped() == ("shoulder", "elbow", "grip")
    station.step_down()
    assert station.shares_of_the_elbow()[:3] == [1.0, *FADE_SHARES[:-1]]


def test_no_watchdog_trips_on_the_way_down() -> None:
    station = Station(DAMP)
    station.step_down()
    assert station.chain.tripped() == ()


@pytest.mark.parametrize("let_go", [ServoChain.close, ServoChain.let_go], ids=["close", "let_go"])
def test_neither_closing_nor_a_failure_takes_the_torque_of_a_robot_that_would_fall(let_go: Any) -> None:
    station = Station(DAMP)
    let_go(station.chain)
    assert not station.robot.goals.is_limp.any()
    assert station.effort_nm()[1] == pytest.approx(0.2 * FULL_NM[1], rel=0.01)


def test_connecting_anew_does_not_take_it_either_and_nothing_jumps_to_an_old_goal() -> None:
    station = Station(DAMP)
    station.step_down()
    station.move([-0.2, 0.5, 0.0])  # it has sunk
    station.chain.close()
    seen: list[tuple[bool, bool]] = []

    def look() -> None:
        goals = station.robot.goals
        is_strong = station.effort_nm()[:2] > 0.5 * FULL_NM[:2]
        is_far = np.abs(goals.position_rad - [-0.2, 0.5, 0.0])[:2] > 0.01
        seen.append((bool(goals.is_limp.any()), bool((is_strong & is_far).any())))

    again = station.chain_on_the_same_cables()
    again.set_up(look)
    again.rearm(look)
    assert len(seen) > 9
    assert not any(is_limp or jumps for is_limp, jumps in seen)
    np.testing.assert_allclose(station.effort_nm(), FULL_NM, rtol=0.01)


@pytest.mark.parametrize("safety", [LIMP, DAMP], ids=["limp", "hold_then_damp"])
def test_a_servo_that_does_not_hear_is_told_and_the_others_are_let_go(safety: SafetySpec) -> None:
    station = Station(safety)
    station.robot.buses["arm"].faults = FaultScript([Silent(2, hears=False)])
    (told,) = station.step_down()
    assert told.startswith("elbow")
    left_nm = np.zeros(3) if safety is LIMP else 0.2 * np.array([10.6, 4.1, 0.92])
    left_nm[1] = FULL_NM[1]
    np.testing.assert_allclose(station.effort_nm(), left_nm, rtol=0.01)


@pytest.mark.parametrize("safety", [LIMP, DAMP], ids=["limp", "hold_then_damp"])
def test_a_servo_that_missed_the_last_word_to_all_is_told_by_itself(safety: SafetySpec) -> None:
    station = Station(safety)
    station.robot.buses["arm"].faults = FaultScript([Silent(2, hears=False, cycles=range(0, 1))])
    assert station.chain.let_go() == ()
    left_nm = np.zeros(3) if safety is LIMP else 0.2 * np.array([10.6, 4.1, 0.92])
    np.testing.assert_allclose(station.effort_nm(), left_nm, rtol=0.01)


def test_a_silent_bus_does_not_hold_up_the_others() -> None:
    station = Station(LIMP)
    station.robot.buses["arm"].faults = FaultScript([AllSilent()])
    begun_s, limp_s = station.clock.now_s, []
    station.clock.watch(lambda now_s: limp_s.append(now_s) if station.robot.goals.is_limp[2] else None)
    assert len(station.chain.limp()) == 2
    assert limp_s[0] - begun_s < 0.02
    assert station.clock.now_s - begun_s > 0.1  # what the silent ones took


@pytest.mark.parametrize("gone", ["arm", "hand"])
@pytest.mark.parametrize("safety", [LIMP, DAMP], ids=["limp", "hold_then_damp"])
def test_with_one_cable_gone_the_other_servos_are_let_go_all_the_same(gone: str, safety: SafetySpec) -> None:
    station = Station(safety)
    station.clock.advance(0.05)
    station.chain.write_goals(np.array([0.1, 0.35, 0.1]))
    station.ports[gone].unplug()
    (told,) = station.step_down()
    assert told.startswith(f"bus {gone} (")
    (told,) = station.chain.close()
    assert told.startswith(f"bus {gone} (")
    reached = slice(2, 3) if gone == "arm" else slice(0, 2)
    expected = np.zeros(3) if safety is LIMP else np.minimum(FULL_NM, 0.2 * np.array([10.6, 4.1, 0.92]))
    np.testing.assert_allclose(station.effort_nm()[reached], expected[reached], rtol=0.01)
    # Held where they stood, and let sink, before torque went: nothing was dropped from full torque.
    seen = np.array(station.seen_nm)[:, reached]
    np.testing.assert_allclose(seen[0], FULL_NM[reached], rtol=0.01)
    if safety is LIMP:
        np.testing.assert_allclose(seen[-1], 0.15 * np.array([10.6, 4.1, 0.92])[reached], rtol=0.01)


def test_a_servo_whose_own_limit_of_pwm_is_lower_fades_in_proportion_and_comes_back() -> None:
    station = Station(LIMP)
    station.chain.close()
    elbow = station.robot.buses["arm"].servo(2)
    assert not elbow.write(table.PWM_LIMIT.address, table.PWM_LIMIT.encode(600))
    station.chain = station.chain_on_the_same_cables()
    station.chain.connect()
    assert elbow.get(table.GOAL_PWM) == 600
    station.chain.fade(0.5)
    assert elbow.get(table.GOAL_PWM) == 300
    station.chain.rearm()
    assert elbow.get(table.GOAL_PWM) == 600


def test_no_torque_comes_on_once_whoever_permits_it_says_no() -> None:
    class StopError(Exception):
        pass

    for allowed in range(12):
        station = Station(LIMP)
        station.chain.limp()
        left = [allowed]

        def permit(left: list[int] = left) -> None:
            left[0] -= 1
            if left[0] < 0:
                raise StopError

        try:
            station.chain.rearm(permit)
        except StopError:
            # Goals and shares of torque come before torque, so the first six permits switch nothing on.
            assert (~station.robot.goals.is_limp).sum() == max(0, allowed - 6)
            station.clock.advance(WATCHDOG_S + 0.02)
            armed = [servo for bus in station.robot.buses.values() for servo in bus.servos if servo.torque_on]
            assert all(servo.watchdog_tripped for servo in armed)
        else:
            assert allowed >= 9


@pytest.mark.parametrize(("elbow_rad", "ticks_s"), [(2.05, SLOW_TICKS), (1.95, 0)], ids=["outside", "inside"])
def test_a_joint_just_outside_its_limits_goes_back_slowly_and_is_free_again_inside(
    elbow_rad: float, ticks_s: int
) -> None:
    station = Station(LIMP)
    station.chain.limp()
    station.clock.advance(10.0)
    upper_rad = station.spec.upper[1]
    station.move([0.0, elbow_rad - 2.0 + upper_rad, 0.0])
    elbow = station.robot.buses["arm"].servo(2)
    at_torque: list[int] = []
    station.chain.rearm(lambda: at_torque.append(elbow.get(table.PROFILE_VELOCITY)))
    assert set(at_torque) == {ticks_s}
    station.chain.read()
    station.chain.watch()
    assert elbow.get(table.PROFILE_VELOCITY) == ticks_s
    station.clock.advance(0.04)
    station.move([0.0, upper_rad, 0.0])
    station.chain.read()
    station.chain.watch()
    assert elbow.get(table.PROFILE_VELOCITY) == 0


def test_a_joint_far_outside_its_limits_is_named_and_not_taken_hold_of() -> None:
    station = Station(LIMP)
    station.chain.limp()
    station.clock.advance(10.0)
    station.move([0.0, station.spec.upper[1] + 0.12, 0.0])
    with pytest.raises(ServoError, match=r"elbow stands at .* outside its limits"):
        station.chain.rearm()
    assert station.robot.goals.is_limp.all()


@pytest.mark.parametrize("lost", range(3))
def test_the_end_of_a_derating_is_said_until_it_was_surely_heard(lost: int) -> None:
    station = Station(LIMP)
    elbow = station.robot.buses["arm"].servo(2)
    ladder = StopLadder(SERVOS, {name: DynamixelBus(port, name) for name, port in station.ports.items()})
    warm, cool = np.array([1.0, 0.5, 1.0]), np.ones(3)
    ladder.derate(warm)
    assert elbow.get(table.GOAL_PWM) == 442
    station.robot.buses["arm"].faults = FaultScript([Silent(2, hears=False)])
    for _ in range(lost):
        ladder.derate(cool)
    station.robot.buses["arm"].faults = None
    ladder.derate(cool)
    assert elbow.get(table.GOAL_PWM) == 885


def test_taking_hold_that_fails_leaves_every_servo_with_its_watchdog() -> None:
    station = Station(LIMP)
    station.robot.buses["hand"].faults = FaultScript([Silent(3)])
    with pytest.raises(BusError, match="grip"):
        station.chain.rearm()
    station.clock.advance(WATCHDOG_S + 0.02)
    assert all(servo.watchdog_tripped for bus in station.robot.buses.values() for servo in bus.servos)
