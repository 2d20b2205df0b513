"""A gamepad moves one hand as its sticks say, while the dead-man button is held, and nothing else ever."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from small_robot import SMALL_ROBOT

from assets.table import load_robot
from envs.errors import PilotError
from envs.pilots.gamepad import SPEED_M_S, GamepadPilot
from envs.pilots.kinematics import HandKinematics
from envs.scenario import Scenario
from hardware.gamepad import AT_REST, GamepadReading

TUDI = load_robot("tudi")
PERIOD_S = 0.04
SCENARIO = Scenario("pick_fruit", {})
HELD = replace(AT_REST, is_dead_man_held=True)


class Rig:
    def __init__(self) -> None:
        self.now_s = 5.0
        self.reading = AT_REST
        self.pilot = GamepadPilot(TUDI, self, now=lambda: self.now_s)
        self.pilot.reset(SCENARIO, np.random.default_rng(0))
        self.sent_rad = TUDI.home.copy()
        self.kinematics = HandKinematics(TUDI, "right")

    def read(self) -> GamepadReading:
        return self.reading

    def step(self, reading: GamepadReading, times: int = 1) -> bool:
        """Whether the pilot commanded at last."""
        for _ in range(times):
            self.reading = reading
            self.now_s += PERIOD_S
            target = self.pilot.command({}, {"sent_rad": self.sent_rad})
            if target is not None:
                step_rad = np.abs(target.position_rad - self.sent_rad)
                assert (step_rad <= TUDI.max_rate * PERIOD_S + 1e-9).all()
                self.sent_rad = target.position_rad
        return target is not None

    def hand_m(self) -> np.ndarray:
        self.kinematics.reset(self.sent_rad)
        return self.kinematics.hand_position()


@pytest.fixture
def rig() -> Rig:
    return Rig()


@pytest.mark.parametrize(
    ("moved", "direction"),
    [
        ({"left": (0.0, 1.0)}, (1.0, 0.0, 0.0)),
        ({"left": (-1.0, 0.0)}, (0.0, 1.0, 0.0)),
        ({"right": (0.0, 1.0)}, (0.0, 0.0, 1.0)),
    ],
)
def test_the_hand_moves_as_the_stick_says_in_the_robots_base_frame(
    rig: Rig, moved: dict, direction: tuple[float, float, float]
) -> None:
    rig.step(AT_REST)
    rig.step(HELD)
    before_m = rig.hand_m()
    rig.step(replace(HELD, **moved), times=15)
    way_m = rig.hand_m() - before_m
    np.testing.assert_allclose(way_m, SPEED_M_S * 15 * PERIOD_S * np.array(direction), atol=0.02)


def test_only_that_arm_and_hand_ever_move_and_at_rest_nothing_drifts(rig: Rig) -> None:
    rig.step(AT_REST)
    rig.step(HELD)
    assert np.array_equal(rig.sent_rad, TUDI.home)
    rig.step(HELD, times=20)
    assert np.array_equal(rig.sent_rad, TUDI.home)
    rig.step(replace(HELD, left=(0.3, 0.5), right=(1.0, -0.5), hat=(1, -1), close=1.0), times=20)
    own = {*TUDI.group("right_arm"), *TUDI.group("right_hand")}
    others = [index for index in range(len(TUDI.joints)) if index not in own]
    assert np.array_equal(rig.sent_rad[others], TUDI.home[others])
    assert not np.array_equal(rig.sent_rad, TUDI.home)


def test_triggers_close_and_open_the_fingers_and_leave_them_where_they_are(rig: Rig) -> None:
    flex = TUDI.joint_index["right_index_flex"]
    rig.step(AT_REST)
    rig.step(HELD)
    rig.step(replace(HELD, close=1.0), times=10)
    closed_rad = rig.sent_rad[flex]
    assert closed_rad > TUDI.home[flex] + 0.3
    rig.step(AT_REST)
    rig.step(HELD, times=3)
    assert rig.sent_rad[flex] == closed_rad
    rig.step(replace(HELD, close=-1.0), times=5)
    assert rig.sent_rad[flex] < closed_rad
    assert rig.sent_rad[TUDI.joint_index["right_thumb_turn"]] == TUDI.home[TUDI.joint_index["right_thumb_turn"]]


def test_without_the_button_nothing_is_commanded_and_a_button_held_from_before_counts_for_nothing(rig: Rig) -> None:
    full = replace(HELD, left=(1.0, 1.0))
    assert not rig.step(full, times=3)
    rig.step(AT_REST)
    assert rig.step(full)
    assert not rig.step(AT_REST)  # let go, or unplugged


def test_a_hand_at_the_end_of_its_reach_turns_back_at_once(rig: Rig) -> None:
    rig.step(AT_REST)
    rig.step(HELD)
    ahead, back = replace(HELD, left=(0.0, 1.0)), replace(HELD, left=(0.0, -1.0))
    rig.step(ahead, times=120)
    far_m = rig.hand_m()
    rig.step(back, times=25)
    assert rig.hand_m()[0] < far_m[0] - 0.05


def test_a_robot_without_a_model_cannot_be_moved_by_gamepad() -> None:
    with pytest.raises(PilotError, match="no MJCF"):
        GamepadPilot(SMALL_ROBOT, Rig())
