"""What all servos report at once is what each reports alone."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from assets.table import load_robot
from hardware.joint_units import JointUnits
from hardware.servo_units import ServoUnits

TUDI = load_robot()
TOGETHER = JointUnits(TUDI.joints, TUDI.servos)
ALONE = [ServoUnits(servo) for servo in TUDI.servos]


@given(st.floats(-3.0, 3.0), st.floats(-6.0, 6.0), st.floats(-10.0, 10.0))
def test_readings_are_whole_counts_as_of_each_servo(position: float, velocity: float, effort: float) -> None:
    felt = np.outer([position, velocity, effort], np.ones(len(ALONE)))
    alone = [
        (
            units.position_rad(units.position_ticks(position)),
            units.velocity_rad_s(units.velocity_ticks(velocity)),
            units.effort_nm(units.effort_ticks(effort)),
        )
        for units in ALONE
    ]
    np.testing.assert_allclose(TOGETHER.counted(felt), np.transpose(alone), atol=1e-12)


def test_an_ampere_makes_the_torque_of_the_data_sheet() -> None:
    by_name = dict(zip(TUDI.joint_names, TOGETHER.nm_per_ampere, strict=True))
    assert by_name["left_elbow"] == 10.6 / 4.4  # XM540-W270: 10.6 Nm at 4.4 A
