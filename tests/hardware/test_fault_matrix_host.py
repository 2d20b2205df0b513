"""The fault matrix, rows 20 to 22 and 25: hosts that stall or die, cables, and commands.

What a body makes of rows 4, 20 and 22 on real pseudo-terminals is in `tests/envs/test_real_body_faults.py`,
`tests/envs/test_real_body_stopping.py` and `tests/envs/test_reconnecting.py`.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from thirty_servos import COUNT, PERIOD_S, Rig, joint_of, thirty_servo_robot
from waiting import wait_until

from assets.robot import SafetySpec
from hardware import control_table as table
from hardware.control_table import servo_model
from hardware.errors import PortError, ServoError
from hardware.virtual import Chain
from hardware.virtual_paced import PacedThread
from hardware.virtual_robot import VirtualRobot
from hardware.virtual_servo import VirtualServo

both_chains = pytest.mark.parametrize("chain", ["stop", "continue"])
LATER_S = 30.0


@both_chains
def test_row_20_a_stalled_host_finds_the_servos_stopped_clears_them_and_starts_where_they_stand(chain: Chain) -> None:
    rig = Rig(chain)
    rig.goals_rad = np.full(COUNT, 0.3)
    rig.period()
    rig.clock.advance(0.15)
    rig.robot.sense(np.full(COUNT, 0.01), np.zeros(COUNT), np.zeros(COUNT))
    assert rig.chain.tripped() == tuple(joint_of(own) for own in range(1, COUNT + 1))
    told = [message for period in rig.periods(3) for message in period.stops]
    assert any("joint_07 (id 7): it heard nothing for too long and stopped" in message for message in told)
    stood_rad = rig.chain.rearm().position_rad
    np.testing.assert_allclose(rig.robot.goals.position_rad, stood_rad, atol=0.001)
    assert rig.chain.tripped() == ()
    rig.goals_rad = stood_rad + 0.02
    assert rig.period().faults == ()
    np.testing.assert_allclose(rig.robot.goals.position_rad, stood_rad + 0.02, atol=0.001)


WATCHDOG_S = 1.0
KILLED = """
import sys
from thirty_servos import thirty_servo_robot
from hardware.servos import ServoChain
import numpy as np, time
chain = ServoChain(thirty_servo_robot(), {"arm": sys.argv[1]}, watchdog_s=1.0, reply_margin_s=0.5)
chain.connect()
goal_rad = 0.0
while True:
    goal_rad = min(goal_rad + 0.005, 0.25)
    chain.write_goals(np.full(30, goal_rad))
    chain.read()
    time.sleep(0.01)
"""


def test_row_21_servos_whose_host_is_killed_stop_within_the_watchdog_time() -> None:
    robot = VirtualRobot(thirty_servo_robot())
    bus = robot.buses["arm"]
    here = Path(__file__).parent
    paths = os.pathsep.join([str(here), str(here.parents[1]), os.environ.get("PYTHONPATH", "")])
    with PacedThread({"arm": bus}) as paced:
        host = subprocess.Popen(
            [sys.executable, "-c", KILLED, paced.paths["arm"]], env={**os.environ, "PYTHONPATH": paths}
        )
        try:
            wait_until(lambda: bus.servo(7).get(table.GOAL_POSITION) > 2048 + 50, LATER_S)
        finally:
            host.send_signal(signal.SIGKILL)
            host.wait()
        wait_until(lambda: all(servo.watchdog_tripped for servo in bus.servos), LATER_S)
    for servo in bus.servos:
        assert servo.heard_s is not None
        # By its own clock, which stands between two ticks; the tick before the last was within the time.
        assert servo.tripped_between_s is not None
        before_s, tripped_s = servo.tripped_between_s
        assert before_s - servo.heard_s <= WATCHDOG_S < tripped_s - servo.heard_s
    stood_ticks = [servo.get(table.PRESENT_POSITION) for servo in bus.servos]
    assert [servo.get(table.GOAL_POSITION) for servo in bus.servos] == stood_ticks


def unguarded(rig: Rig) -> list[tuple[float, int]]:
    """From now on, when a servo had torque and no watchdog: a host that dies then leaves it holding for ever."""
    seen: list[tuple[float, int]] = []

    def look(now_s: float) -> None:
        for servo in rig.bus.servos:
            if servo.torque_on and not servo.get(table.BUS_WATCHDOG):
                seen.append((now_s, servo.servo_id))

    rig.clock.watch(look)
    return seen


@pytest.mark.parametrize("trouble", ["none", "stalled", "restarted"])
def test_row_21_no_servo_has_torque_without_a_watchdog_at_any_moment_of_taking_hold(trouble: str) -> None:
    rig = Rig()
    if trouble == "stalled":
        rig.clock.advance(0.15)
    if trouble == "restarted":
        rig.servo(7).reboot()
    seen = unguarded(rig)
    rig.chain.rearm()
    assert seen == []
    assert {servo.get(table.BUS_WATCHDOG) for servo in rig.bus.servos} == {5}


def test_row_21_a_robot_that_keeps_its_torque_while_it_is_set_up_keeps_a_watchdog() -> None:
    rig = Rig(safety=SafetySpec(ladder="hold_then_damp"))
    seen = unguarded(rig)
    rig.chain.set_up()
    assert any(servo.torque_on for servo in rig.bus.servos)
    assert seen == []
    rig.chain.rearm()
    assert seen == []


def test_row_21_a_host_that_hangs_in_the_middle_of_taking_hold_finds_the_servos_stopped() -> None:
    rig = Rig()
    asked: list[float] = []

    def hang() -> None:
        asked.append(rig.clock.now_s)
        if len(asked) == 2 * COUNT + 10:  # ten servos after torque has begun to come on
            rig.clock.advance(LATER_S)
            assert all(servo.watchdog_tripped for servo in rig.bus.servos)

    with pytest.raises(ServoError, match="the bus watchdog reads 255"):
        rig.chain.rearm(hang)
    rig.chain.rearm()
    assert rig.chain.tripped() == ()


def test_row_22_whatever_is_done_with_an_unplugged_cable_is_one_kind_of_error() -> None:
    rig = Rig()
    rig.port.unplug()
    for use in (
        rig.chain.read,
        rig.chain.watch,
        rig.chain.hold,
        rig.chain.rearm,
        lambda: rig.chain.write_goals(rig.goals_rad),
        lambda: rig.chain.fade(0.5),
    ):
        with pytest.raises(PortError, match="Replug it and connect again"):
            use()
    assert rig.chain.limp() != ()
    rig.chain.close()


def test_row_22_servos_behind_a_new_cable_are_verified_before_any_is_held() -> None:
    rig = Rig()
    rig.port.unplug()
    with pytest.raises(PortError):
        rig.chain.read()
    rig.port.plug("usb1")
    rig.bus.servos[6] = VirtualServo(7, servo_model("XM540-W270"))
    with pytest.raises(ServoError, match=r"joint_07.*XM540-W270.*XM430-W350"):
        rig.chain.connect()
    assert not any(servo.torque_on for servo in rig.bus.servos)


def test_row_25_a_command_that_is_no_number_is_refused_and_the_last_one_stays() -> None:
    rig = Rig()
    before = rig.robot.goals.position_rad
    bad = rig.goals_rad.copy()
    bad[6] = np.nan
    with pytest.raises(ServoError, match="finite"):
        rig.chain.write_goals(bad)
    np.testing.assert_array_equal(rig.robot.goals.position_rad, before)


def test_row_25_a_jump_is_limited_to_the_joints_rate_and_told() -> None:
    rig = Rig()
    rig.chain.write_goals(rig.goals_rad)
    rig.clock.advance(PERIOD_S)
    jump_rad = rig.goals_rad.copy()
    jump_rad[6] = 2.0
    rig.chain.write_goals(jump_rad)
    rate_rad_s = rig.spec.max_rate[6]
    assert 0.0 < rig.robot.goals.position_rad[6] <= 1.5 * rate_rad_s * PERIOD_S + 0.025
    assert rig.chain.held_back == ("joint_07",)


def test_row_25_a_command_beyond_the_limits_ends_at_them() -> None:
    rig = Rig()
    rig.goals_rad = np.full(COUNT, 9.0)
    rig.periods(60)
    np.testing.assert_allclose(rig.robot.goals.position_rad, 2.0, atol=0.002)


def test_row_25_without_a_command_for_100_ms_every_joint_holds_where_it_is() -> None:
    rig = Rig()
    rig.chain.write_goals(np.full(COUNT, 0.1))
    assert (rig.robot.goals.position_rad > 0.05).all()
    rig.clock.advance(0.11)
    np.testing.assert_allclose(rig.robot.goals.position_rad, 0.0, atol=0.001)
    assert not rig.robot.goals.is_limp.any()
