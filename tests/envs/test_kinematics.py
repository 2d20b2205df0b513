"""The expert's inverse kinematics, from wherever a policy left the joints."""

from __future__ import annotations

import numpy as np
import pytest

from assets.table import load_robot
from envs.pilots.kinematics import HandKinematics, facing

TUDI = load_robot("tudi")


@pytest.mark.parametrize("seed", range(4))
def test_a_hand_arrives_from_postures_with_joints_at_their_limits(seed: int) -> None:
    rng = np.random.default_rng(seed)
    kinematics = HandKinematics(TUDI, "right")
    goal = kinematics.hand_position() + np.array([0.05, 0.0, 0.1])
    posture = TUDI.home.copy()
    others = np.setdiff1d(np.arange(posture.size), [*TUDI.group("right_arm"), *TUDI.group("waist")])
    posture[others] = np.where(rng.random(others.size) < 0.5, TUDI.lower[others], TUDI.upper[others])
    kinematics.reset(posture)
    for _ in range(100):
        kinematics.solve(goal, facing(np.array([1.0, 0.0, 0.0])), 0.04)
    np.testing.assert_allclose(kinematics.hand_position(), goal, atol=0.01)
