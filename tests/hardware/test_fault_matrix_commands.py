"""The fault matrix, rows 22 and 25: cables that are pulled, and commands that are none. Row 26 is told elsewhere.

Row 26 (wrong configuration) is `test_wrong_configuration.py` and `test_robot_check.py`; rows 4 and 22 with a body
on real pseudo-terminals are in `tests/envs/test_real_body.py` and `tests/envs/test_reconnecting.py`.
"""

from __future__ import annotations

import numpy as np
import pytest
from thirty_servos import COUNT, PERIOD_S, Rig

from hardware.control_table import servo_model
from hardware.errors import PortError, ServoError
from hardware.virtual_servo import VirtualServo


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
