"""A policy that a trainer corrects: command passes through a pause, nothing jumps, and the recording says who led."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from analytic_body import analytic_env
from small_robot import SMALL_ROBOT

from envs.body import JointTarget
from envs.episodes.archive import Archive
from envs.episodes.session import EpisodeOrder, run_episode
from envs.errors import PilotError
from envs.pilots.correction import SOURCE, Ask, Asking, CorrectedPilot
from envs.pilots.handover import BLEND_S, MAX_GAP_RAD, Phase
from envs.pilots.pilot import Pilot
from envs.scenario import Scenario

SCENARIO = Scenario("pointing", {"mark": -0.9, "colour": "red"})
POLICY_RAD = SMALL_ROBOT.home + np.array([0.3, 0.2, 0.1])
TRAINER_RAD = SMALL_ROBOT.home + np.array([-0.3, 0.1, 0.4])
STEEPEST_RAD = MAX_GAP_RAD * 15 / 8 / (BLEND_S * SMALL_ROBOT.control_hz)


@dataclass
class Wishing:
    """Wishes what the test says; as a policy it also knows how sure it was."""

    wish: np.ndarray | PilotError | None
    doubt: float | None = 0.5
    alarm_step: int | None = 7
    resets: int = 0
    lets_go: int = 0
    asked: int = 0

    def reset(self, scenario: Scenario, rng: np.random.Generator) -> None:
        self.resets += 1

    def let_go(self) -> None:
        self.lets_go += 1

    def command(self, observation: Any, info: Any) -> JointTarget | None:
        self.asked += 1
        if isinstance(self.wish, PilotError):
            raise self.wish
        return None if self.wish is None else JointTarget(self.wish)


@dataclass
class Rig:
    policy: Wishing = field(default_factory=lambda: Wishing(POLICY_RAD))
    trainer: Wishing = field(default_factory=lambda: Wishing(TRAINER_RAD))
    asking: Asking = field(default_factory=Asking)
    said: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.pilot = CorrectedPilot(SMALL_ROBOT, self.policy, self.trainer, self.asking, self.said.append)
        self.pilot.reset(SCENARIO, np.random.default_rng(0))
        self.sent_rad = POLICY_RAD.copy()

    def step(self, ask: Ask | None = None, times: int = 1) -> str:
        """Who commanded last; every command is near the one before."""
        if ask is not None:
            self.asking.ask(ask)
        for _ in range(times):
            target = self.pilot.command({}, {"sent_rad": self.sent_rad})
            if target is not None:
                assert (np.abs(target.position_rad - self.sent_rad) <= STEEPEST_RAD + 1e-9).all()
                self.sent_rad = target.position_rad
        return self.pilot.wishes.in_command


def test_command_goes_to_the_trainer_and_back_only_through_a_pause_and_without_a_jump() -> None:
    rig = Rig()
    assert rig.step() == "policy"
    assert rig.step("take_over") == "nobody"
    assert rig.step(times=3) == "nobody"
    assert not rig.pilot.was_corrected
    assert rig.step("take_over") == "pilot"
    assert rig.trainer.lets_go == 1
    rig.step(times=40)
    np.testing.assert_allclose(rig.sent_rad, TRAINER_RAD)
    assert rig.step("give_back") == "nobody"
    assert rig.step() == "policy"
    rig.step(times=40)
    np.testing.assert_allclose(rig.sent_rad, POLICY_RAD)
    assert rig.pilot.was_corrected
    assert rig.said == [
        "the policy leads",
        "paused; take the robot's pose, and take over",
        "the trainer leads",
        "paused; the robot holds",
        "the policy leads",
    ]


def test_both_wishes_are_kept_whoever_leads() -> None:
    rig = Rig()
    for ask in (None, "take_over", "take_over"):
        rig.step(ask)
        assert np.array_equal(rig.pilot.wishes.policy_rad, POLICY_RAD)
        assert np.array_equal(rig.pilot.wishes.pilot_rad, TRAINER_RAD)
    assert (rig.pilot.doubt, rig.pilot.alarm_step) == (0.5, 7)


@pytest.mark.parametrize(
    ("wish", "words"),
    [
        (SMALL_ROBOT.home + np.array([1.4, 0.0, 0.0]), "shoulder"),
        (None, "engage the device"),
        (PilotError("the exoskeleton has gone"), "has gone"),
    ],
)
def test_a_trainer_who_is_far_absent_or_gone_does_not_take_over_and_the_robot_holds(wish: Any, words: str) -> None:
    rig = Rig()
    rig.trainer.wish = wish
    rig.step()
    rig.step("take_over")
    assert rig.step("take_over") == "nobody"
    assert rig.pilot.phase is Phase.PAUSED
    assert words in rig.said[-1]
    assert not rig.pilot.was_corrected
    assert rig.step("give_back") == "policy"


def test_a_trainer_whose_device_fails_while_leading_leaves_the_robot_holding() -> None:
    rig = Rig()
    for ask in (None, "take_over", "take_over"):
        rig.step(ask)
    rig.trainer.wish = PilotError("the exoskeleton has gone")
    assert rig.step() == "nobody"
    assert rig.pilot.phase is Phase.PAUSED


def test_a_broken_device_does_not_hold_the_policy_up_in_every_period() -> None:
    rig = Rig()
    rig.trainer.wish = PilotError("silent")
    rig.step(times=50)
    assert rig.trainer.asked <= 3


def test_the_recording_says_who_commanded_each_step_and_when_the_phases_changed(tmp_path: Path) -> None:
    env, _ = analytic_env()
    policy, trainer, asking = Wishing(POLICY_RAD), Wishing(POLICY_RAD + 0.1), Asking()
    pilot: Pilot = CorrectedPilot(SMALL_ROBOT, policy, trainer, asking)
    asks: dict[int, Ask] = {10: "take_over", 20: "take_over", 40: "give_back"}

    def on_step(info: dict[str, Any]) -> None:
        if info["step"] in asks:
            asking.ask(asks[info["step"]])

    order = EpisodeOrder(SCENARIO, 1, "rollout", "policy", policy="p")
    archive = Archive(tmp_path)
    result = run_episode(env, pilot, order, archive, station="test", on_step=on_step)
    episode = archive.open(result.episode_id)
    led = episode.in_command.tolist()
    assert led[:10] == ["policy"] * 10
    assert led[10:20] == ["nobody"] * 10
    assert led[20:40] == ["pilot"] * 20
    assert led[40] == "nobody"
    assert led[41:] == ["policy"] * (len(led) - 41)
    assert np.isfinite(episode.pilot_rad).all()
    assert np.isfinite(episode.policy_rad).all()
    notes = [fault.message for fault in episode.sheet.faults if fault.source == SOURCE]
    assert len(notes) == 4  # "the policy leads" and the first pause each come once or twice, as one kind
