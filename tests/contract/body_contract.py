"""What every body must keep, seen through the environment: one suite for simulation and reality.

Inherit from `BodyContract`, give `make_env`, and set what is known of the body.
"""

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from typing import Any, ClassVar, Literal

import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

from envs.errors import BodyError, EnvError, ScenarioError, StoppedError
from envs.humanoid import HumanoidEnv
from envs.scenario import Scenario
from envs.snapshot import Snapshot
from envs.stage import Judgement, Station

Maker = Callable[[], HumanoidEnv]


class Button:
    """Stands beside crew and judge of an environment, and stops it as soon as the scene is "set up" or "judged"."""

    def __init__(self, env: HumanoidEnv, stage: str, severity: Literal["soft", "hard"]) -> None:
        self.is_pressed = False
        self._env, self._stage, self._severity = env, stage, severity
        connect = env._connect

        def connect_with_button() -> Station:
            self._station = connect()
            return replace(self._station, judge=self, crew=self)

        env._connect = connect_with_button

    def set_up(self, scenario: Scenario, start: Snapshot | None, rng: np.random.Generator) -> None:
        self._station.crew.set_up(scenario, start, rng)
        self._press_at("set up")

    def assess(self) -> Judgement:
        self._press_at("judged")
        return self._station.judge.assess()

    def _press_at(self, stage: str) -> None:
        if self.is_pressed and stage == self._stage:
            self._env.stop("the red button", self._severity)


class BodyContract:
    """The laws. `steps` is how many control steps a test walks; `is_restartable` whether snapshots work."""

    steps: ClassVar[int] = 20
    is_restartable: ClassVar[bool] = True
    is_deterministic: ClassVar[bool] = True

    @pytest.fixture
    def env(self, make_env: Maker) -> Any:
        env = make_env()
        yield env
        env.close()

    def walk(self, env: HumanoidEnv, steps: int, seed: int = 0) -> list[tuple[dict[str, Any], dict[str, Any]]]:
        """Random wishes near the last target; ends early where the episode does."""
        rng = np.random.default_rng(seed)
        seen = []
        wish = env.robot.home
        for _ in range(steps):
            wish = np.clip(wish + rng.normal(0.0, 0.05, wish.shape), env.robot.lower, env.robot.upper)
            observation, _, terminated, truncated, info = env.step(wish)
            assert info["stop"] is None, info["stop"]
            seen.append((observation, info))
            if terminated or truncated:
                break
        return seen

    def test_spaces_exist_before_any_connection_and_do_not_change(self, env: HumanoidEnv) -> None:
        observation_space, action_space = env.observation_space, env.action_space
        env.reset(seed=1)
        assert env.observation_space is observation_space
        assert env.action_space is action_space
        assert action_space.shape == (len(env.robot.joints),)

    def test_every_observation_is_in_its_space_and_in_fresh_arrays(self, env: HumanoidEnv) -> None:
        first, _ = env.reset(seed=1)
        seen = [first] + [observation for observation, _ in self.walk(env, self.steps)]
        assert all(observation in env.observation_space for observation in seen)
        for one, other in pairwise(seen):
            assert not any(np.shares_memory(one[key], other[key]) for key in one)

    def test_no_stamp_goes_backwards_or_lies_in_the_future(self, env: HumanoidEnv) -> None:
        _, first = env.reset(seed=1)
        before: dict[str, float] = {}
        for info in [first] + [info for _, info in self.walk(env, self.steps)]:
            state = info["state"]
            stamps = {
                "joints": state.joints_stamp_s,
                "touch": state.touch_stamp_s,
                "sound": state.sound_stamp_s,
                "sound count": state.sound_count,
                "imu": state.imu.stamp_s,
                **{name: image.stamp_s for name, image in state.images.items()},
            }
            assert all(stamps[name] >= before.get(name, -np.inf) for name in stamps)
            assert state.joints_stamp_s <= env.clock.now_s + 1e-6
            before = stamps
        assert before["joints"] > 0.0

    def test_what_is_sent_keeps_the_limits_of_the_joint_table(self, env: HumanoidEnv) -> None:
        _, info = env.reset(seed=1)
        sent, rng = [info["sent_rad"]], np.random.default_rng(2)
        for _ in range(self.steps):
            _, _, terminated, truncated, info = env.step(rng.uniform(env.robot.lower, env.robot.upper))
            sent.append(info["sent_rad"])
            if terminated or truncated:
                break
        rate = np.diff(sent, axis=0, prepend=sent[:1]) * env.robot.control_hz
        assert (np.abs(rate) <= env.robot.max_rate + 1e-6).all()
        assert (np.abs(np.diff(rate, axis=0)) * env.robot.control_hz <= env.robot.max_acceleration + 1e-4).all()
        assert ((env.robot.lower <= sent) & (sent <= env.robot.upper)).all()

    def test_a_measured_joint_follows_what_is_sent(self, env: HumanoidEnv) -> None:
        _, info = env.reset(seed=1)
        start = info["state"].position_rad
        joint = int(np.argmax(np.minimum(env.robot.upper - start, 0.3) * env.robot.max_rate))
        goal = info["sent_rad"]
        goal[joint] += 0.2
        for _ in range(self.steps):
            _, _, terminated, truncated, info = env.step(goal)
            if terminated or truncated:
                break
        moved = info["state"].position_rad[joint] - start[joint]
        assert 0.05 < moved < 0.35

    def test_an_action_out_of_range_is_clipped_and_said(self, env: HumanoidEnv) -> None:
        env.reset(seed=1)
        _, _, _, _, info = env.step(env.robot.upper + 10.0)
        assert "action" in info["clipped"]
        assert np.array_equal(info["wish_rad"], env.robot.upper)

    def test_an_action_that_is_no_number_moves_nothing(self, env: HumanoidEnv) -> None:
        _, before = env.reset(seed=1)
        _, _, _, _, info = env.step(np.full(len(env.robot.joints), np.nan))
        assert np.array_equal(info["sent_rad"], before["sent_rad"])
        assert info["safety"]["not_finite"] == 1

    def test_the_scenario_asked_for_is_the_scenario_staged(self, env: HumanoidEnv) -> None:
        scenario = next(env.task.space.draw(None, np.random.default_rng(7)))
        _, info = env.reset(seed=1, options={"scenario": scenario.to_dict()})
        assert info["scenario"] == scenario
        values = dict(scenario.values)
        with pytest.raises(ScenarioError, match="weather"):
            env.reset(options={"scenario": {**values, "weather": 1.0}})

    def test_a_stop_before_the_first_reset_is_cleared_as_its_severity_allows(self, env: HumanoidEnv) -> None:
        env.stop("pressed too early")
        with pytest.raises(StoppedError, match="pressed too early"):
            env.reset(seed=1)
        env.rearm("Ada")
        env.stop("a soft one", "soft")
        env.reset(seed=1)

    @pytest.mark.parametrize("severity", ["soft", "hard"])
    @pytest.mark.parametrize("stage", ["set up", "judged"])
    def test_a_stop_while_the_episode_is_prepared_lets_none_begin(
        self, make_env: Maker, stage: str, severity: Literal["soft", "hard"]
    ) -> None:
        env = make_env()
        button = Button(env, stage, severity)
        button.is_pressed = True
        with pytest.raises(StoppedError, match="the red button"):
            env.reset(seed=1)
        with pytest.raises(EnvError):
            env.step(env.robot.home)
        button.is_pressed = False
        if severity == "hard":
            with pytest.raises(StoppedError, match="the red button"):
                env.reset(seed=1)
            env.rearm("Ada")
        env.reset(seed=1)
        assert self.walk(env, 2)[-1][1]["stop"] is None
        env.close()

    @pytest.mark.parametrize("steps", [0, 3])
    def test_a_stop_ends_the_episode_and_latches(self, env: HumanoidEnv, steps: int) -> None:
        env.reset(seed=1)
        self.walk(env, steps)
        env.stop("the red button")
        _, _, terminated, truncated, info = env.step(env.robot.home)
        assert (terminated, truncated) == (False, True)
        assert (info["stop"].reason, info["stop"].severity) == ("the red button", "hard")
        with pytest.raises(StoppedError, match="the red button"):
            env.step(env.robot.home)
        with pytest.raises(StoppedError, match="the red button"):
            env.reset()
        env.rearm("Ada")
        with pytest.raises(EnvError, match=r"call reset\(\)"):
            env.step(env.robot.home)
        env.reset()
        assert self.walk(env, 2)[-1][1]["stop"] is None

    def test_a_stop_after_close_and_a_second_close_do_no_harm(self, make_env: Maker) -> None:
        env = make_env()
        env.reset(seed=1)
        env.close()
        env.stop("too late")
        env.close()
        with pytest.raises(EnvError, match="closed"):
            env.step(env.robot.home)

    def test_closing_what_was_never_connected_does_no_harm(self, make_env: Maker) -> None:
        env = make_env()
        env.close()
        env.close()

    def test_a_snapshot_restarts_the_episode_bit_for_bit(self, env: HumanoidEnv, make_env: Maker) -> None:
        env.reset(seed=1)
        frozen, _ = self.walk(env, self.steps // 2)[-1]
        if not self.is_restartable:
            with pytest.raises(BodyError):
                env.snapshot()
            return
        saved = env.snapshot().to_bytes()
        expected = self.walk(env, self.steps // 2, seed=5)
        other = make_env()
        thawed, info = other.reset(options={"start": saved})
        assert info["restart"] == "exact"
        assert all(np.array_equal(frozen[key], thawed[key]) for key in frozen)
        found = self.walk(other, self.steps // 2, seed=5)
        other.close()
        assert len(found) == len(expected) > 0
        for (_, one), (_, two) in zip(expected, found, strict=True):
            assert one["state"] == two["state"]
            assert np.array_equal(one["sent_rad"], two["sent_rad"])
            assert one["judgement"] == two["judgement"]
            assert one["step"] == two["step"]

    def test_the_same_seed_is_the_same_episode(self, make_env: Maker) -> None:
        if not self.is_deterministic:
            pytest.skip("a real body is never twice the same")
        runs = []
        for _ in range(2):
            env = make_env()
            env.reset(seed=11)
            runs.append(self.walk(env, self.steps // 2))
            env.close()
        for (_, one), (_, two) in zip(*runs, strict=True):
            assert one["state"] == two["state"]

    @pytest.mark.filterwarnings("ignore:.*symmetric and normalized space")
    def test_gymnasium_finds_nothing_to_complain_about(self, env: HumanoidEnv) -> None:
        check_env(env, skip_render_check=True)
