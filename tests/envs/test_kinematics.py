"""The expert's inverse kinematics, from wherever a policy left the joints."""

from __future__ import annotations

import numpy as np
import pytest

from assets.table import load_robot
from envs.pilots.bimanual import TwoHands
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


def test_two_hands_arrive_from_a_posture_with_head_and_fingers_at_their_limits() -> None:
    hands = TwoHands(TUDI)
    posture = TUDI.home.copy()
    moved = [*TUDI.group("waist"), *TUDI.group("right_arm"), *TUDI.group("left_arm")]
    others = np.setdiff1d(np.arange(posture.size), moved)
    posture[others] = TUDI.lower[others]
    hands.reset(posture)
    goals = {side: np.array([0.3, y, 0.8]) for side, y in (("left", 0.15), ("right", -0.15))}
    for _ in range(100):
        hands.command(goals)
    for side, goal in goals.items():
        np.testing.assert_allclose(hands.place(side), goal, atol=0.01)
