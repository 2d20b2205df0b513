"""The fault matrix, rows 15 and 17 to 19: what happens in servos. Row 26 is told elsewhere.

Row 26 (wrong configuration) is `test_wrong_configuration.py` and `test_robot_check.py`.
"""

from __future__ import annotations

import numpy as np
import pytest
from thirty_servos import COUNT, GRIPPER, PERIOD_S, Rig

from hardware import control_table as table
from hardware.bus import DynamixelBus
from hardware.errors import ServoError
from hardware.rebooting import reboot_servo
from hardware.supervisor import WARM_SHARE
from hardware.virtual import Chain
from hardware.virtual_servo import OVERLOAD_ERROR, VOLTAGE_ERROR
from hardware.virtual_servo_faults import Alert, BrownOutReboot, OverloadShutdown, TemperatureRamp, VoltageSag

both_chains = pytest.mark.parametrize("chain", ["stop", "continue"])
PERIODS_A_SECOND = round(1 / PERIOD_S)
LATER_S = 30.0


@both_chains
def test_row_15_an_alert_is_told_with_joint_and_id_its_data_used_and_its_cause_read_at_once(chain: Chain) -> None:
    rig = Rig(chain)
    rig.break_with(Alert(7, bits=VOLTAGE_ERROR))
    struck = rig.period()
    assert struck.state.missing == {}
    assert struck.state.alerts == ("joint_07",)
    assert any("hardware alert of joint_07 (id 7)" in note for note in struck.notes)
    told = [message for period in [struck, *rig.periods(3)] for message in period.stops]
    assert "joint_07 (id 7): hardware error: input voltage" in told[0]
    assert rig.chain.vitals.torque_on[6] == 1
    assert not any("torque is off" in message for message in told)


def test_row_15_alarms_in_every_cycle_leave_the_other_vital_signs_their_turn() -> None:
    rig = Rig()
    rig.break_with(Alert(7, bits=VOLTAGE_ERROR))
    rig.periods(4)
    rig.servo(9).feel(temperature_c=75)
    rig.periods(4)
    assert rig.chain.vitals.temperature_c[8] == 75


@both_chains
def test_row_17_an_overload_shutdown_is_noticed_with_its_cause_and_its_torque(chain: Chain) -> None:
    rig = Rig(chain)
    rig.break_with(OverloadShutdown(7))
    struck = rig.period()
    assert struck.state.missing == {}
    assert any("hardware error: overload" in told and "retake robot reboot" in told for told in struck.stops)
    assert any("torque is off although nobody" in told for told in struck.stops)


def test_row_17_only_a_reboot_that_somebody_asks_for_brings_the_servo_back_and_then_it_starts_where_it_stands() -> None:
    rig = Rig()
    rig.goals_rad = np.full(COUNT, 0.3)
    rig.periods(20)
    rig.break_with(OverloadShutdown(7))
    rig.period()
    rig.bus.faults = None
    with pytest.raises(ServoError, match="servo 7 refuses to write 1 to torque enable"):
        rig.chain.rearm()
    assert rig.servo(7).get(table.HARDWARE_ERROR_STATUS) == OVERLOAD_ERROR
    reboot_servo(DynamixelBus(rig.port, "arm"), 7)
    rig.servo(7).sense(2048 + 100)
    state = rig.chain.rearm()
    assert not rig.robot.goals.is_limp.any()
    np.testing.assert_allclose(rig.robot.goals.position_rad, state.position_rad, atol=0.001)
    assert state.position_rad[6] == pytest.approx(100 * 2 * np.pi / 4096)


def test_row_18_a_servo_that_warms_up_is_told_derated_and_stopped_before_it_does_so_itself() -> None:
    rig = Rig()
    full_nm = rig.robot.goals.effort_limit_nm[6]
    rig.break_with(TemperatureRamp(7, from_c=60, to_c=80, rate_c_s=1.0))
    seen: dict[str, float] = {}
    for _ in range(20 * PERIODS_A_SECOND):
        period = rig.period()
        now_c = rig.servo(7).get(table.PRESENT_TEMPERATURE)
        if period.stops:
            seen["stopped"] = now_c
            break
        if period.notes:
            seen.setdefault("told", now_c)
            assert rig.chain.effort_share[6] == WARM_SHARE
            assert rig.robot.goals.effort_limit_nm[6] == pytest.approx(WARM_SHARE * full_nm, rel=0.01)
    assert seen == {"told": 70, "stopped": 77}
    assert rig.servo(7).torque_on
    assert rig.robot.goals.effort_limit_nm[5] == full_nm


def test_row_18_a_servo_that_has_cooled_has_all_of_its_torque_again() -> None:
    rig = Rig()
    full_nm = rig.robot.goals.effort_limit_nm[6]
    rig.servo(7).feel(temperature_c=72)
    rig.periods(4)
    assert rig.robot.goals.effort_limit_nm[6] < full_nm
    rig.servo(7).feel(temperature_c=65)
    rig.periods(4)
    assert rig.robot.goals.effort_limit_nm[6] == full_nm


def test_row_18_a_servo_whose_own_limit_is_narrower_is_stopped_below_that_one() -> None:
    rig = Rig(connect=False)
    limit = table.TEMPERATURE_LIMIT
    assert not rig.servo(7).write(limit.address, limit.encode(60))
    rig.chain.connect()
    rig.servo(7).feel(temperature_c=58)
    told = [message for period in rig.periods(4) for message in period.stops]
    assert "joint_07 (id 7): 58 °C, its limit is 60 °C" in told[0]


@both_chains
def test_row_19_a_sagging_supply_stops(chain: Chain) -> None:
    rig = Rig(chain)
    rig.break_with(VoltageSag(None, supply_v=9.4))
    told = [message for period in rig.periods(4) for message in period.stops]
    assert any("joint_07 (id 7): its supply has 9.4 V, allowed is 9.5 to 16 V" in message for message in told)


@both_chains
def test_row_19_a_servo_that_restarted_is_noticed_at_once_and_by_its_torque(chain: Chain) -> None:
    rig = Rig(chain)
    rig.break_with(BrownOutReboot(7))
    told = [message for period in rig.periods(4) for message in period.stops]
    assert "the servo of joint_07 (id 7) has restarted" in told[0]
    assert any("torque is off although nobody" in message for message in told)
    assert any("its bus watchdog is off: it has restarted" in message for message in told)


@both_chains
def test_row_19_a_servo_that_restarted_is_set_up_again_before_anything_goes_on(chain: Chain) -> None:
    rig = Rig(chain)
    settings = (table.GOAL_CURRENT, table.BUS_WATCHDOG, table.GOAL_PWM, table.TORQUE_ENABLE)
    wanted = [rig.servo(GRIPPER).get(register) for register in settings]
    rig.break_with(BrownOutReboot(GRIPPER))
    rig.period()
    rig.bus.faults = None
    assert [rig.servo(GRIPPER).get(register) for register in settings] != wanted
    rig.chain.rearm()
    assert [rig.servo(GRIPPER).get(register) for register in settings] == wanted
    assert rig.period().faults == ()


def test_row_19_a_servo_that_restarted_while_nobody_looked_is_set_up_again_too() -> None:
    rig = Rig()
    wanted = rig.servo(GRIPPER).get(table.GOAL_CURRENT)
    rig.clock.advance(60.0)
    rig.servo(GRIPPER).reboot()
    rig.clock.advance(60.0)
    rig.chain.rearm()
    assert rig.servo(GRIPPER).get(table.GOAL_CURRENT) == wanted


def test_row_19_a_setting_up_that_failed_is_done_again() -> None:
    rig = Rig()
    wanted = rig.servo(GRIPPER).get(table.GOAL_CURRENT)
    rig.servo(GRIPPER).reboot()
    rig.servo(GRIPPER).feel(supply_v=9.0)
    with pytest.raises(ServoError, match="supply"):
        rig.chain.rearm()
    rig.servo(GRIPPER).feel(supply_v=12.0)
    rig.servo(GRIPPER).clear_hardware_error(VOLTAGE_ERROR)
    rig.chain.rearm()
    assert rig.servo(GRIPPER).get(table.GOAL_CURRENT) == wanted
