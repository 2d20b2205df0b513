"""What the environment does when all goes well, and when something breaks in the middle of a motion."""

import logging
from dataclasses import replace

import numpy as np
import pytest
from analytic_body import POINTING, AnalyticBody, analytic_env
from small_robot import SMALL_ROBOT

from envs.body import Fault, JointTarget
from envs.clock import SimClock, WallClock
from envs.errors import BodyError, EnvError, ScenarioError, StaleReadingError, StoppedError
from envs.humanoid import HumanoidEnv
from envs.scenario import Pool
from envs.stage import Station
from hardware.errors import BusError

HOME = SMALL_ROBOT.home
SCENARIO = {"mark": 0.4, "colour": "red"}


@pytest.fixture(autouse=True)
def _quiet(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL)


def test_nothing_is_connected_before_the_first_reset() -> None:
    connected = []
    env, body = analytic_env()
    lazy = HumanoidEnv(SMALL_ROBOT, POINTING, lambda: connected.append(1) or Station(body, body, body), env.clock)
    assert lazy.observation_space == env.observation_space
    assert not connected
    lazy.reset(seed=1)
    lazy.reset(seed=2)
    assert connected == [1]


def test_an_episode_ends_in_success_with_one_reward() -> None:
    env, body = analytic_env()
    env.reset(seed=1, options={"scenario": SCENARIO})
    rewards = []
    for _ in range(100):
        _, reward, terminated, truncated, info = env.step(np.array([0.4, 0.3, 0.0]))
        rewards.append(reward)
        if terminated or truncated:
            break
    assert (terminated, truncated) == (True, False)
    assert info["judgement"].success
    assert sum(rewards) == rewards[-1] == 1.0
    assert np.array_equal(np.array(body.received)[-1], info["sent_rad"])
    with pytest.raises(EnvError, match=r"is over; call reset\(\)"):
        env.step(HOME)


def test_what_cannot_be_mended_ends_the_episode_without_a_reward() -> None:
    env, _ = analytic_env()
    env.reset(seed=1)
    for _ in range(100):
        _, reward, terminated, _, info = env.step(np.array([0.0, 0.3, 1.2]))
        if terminated:
            break
    assert terminated
    assert reward == 0.0
    assert info["judgement"].failure == "the grip closed"


def test_an_episode_ends_when_its_time_is_up() -> None:
    env, _ = analytic_env()
    env.reset(seed=1, options={"scenario": SCENARIO})
    ends = [env.step(HOME)[3] for _ in range(round(POINTING.duration_s * SMALL_ROBOT.control_hz))]
    assert ends.index(True) == len(ends) - 1


def test_an_episode_from_a_snapshot_has_its_whole_time_before_it() -> None:
    env, _ = analytic_env()
    env.reset(seed=1, options={"scenario": SCENARIO})
    for _ in range(90):
        env.step(HOME)
    start = env.snapshot()
    _, info = env.reset(options={"start": start})
    assert info["step"] == start.step == 90
    ends = [env.step(HOME)[3] for _ in range(100)]
    assert ends.index(True) == 99


@pytest.mark.parametrize("error", [BodyError("a joint is stuck"), BusError("bus left is silent"), OSError("unplugged")])
def test_a_broken_cable_ends_the_episode_and_raises_nothing(error: Exception) -> None:
    env, body = analytic_env()
    env.reset(seed=1)
    env.step(HOME)
    body.broken = error
    observation, _, terminated, truncated, info = env.step(HOME)
    assert (terminated, truncated) == (False, True)
    assert info["error"] is error
    assert str(error) in info["stop"].reason
    assert info["stop"].severity == "soft"
    assert body.stops
    assert observation in env.observation_space
    with pytest.raises(StoppedError):
        env.step(HOME)
    body.broken = None
    env.reset()
    assert env.step(HOME)[4]["stop"] is None


@pytest.mark.parametrize("error", [ZeroDivisionError("a mistake in code"), KeyboardInterrupt()])
def test_a_mistake_in_code_and_ctrl_c_stop_the_body_before_they_are_raised(error: BaseException) -> None:
    env, body = analytic_env()
    env.reset(seed=1)
    body.broken = error
    with pytest.raises(type(error)):
        env.step(HOME)
    assert body.stops
    with pytest.raises(StoppedError):
        env.step(HOME)


def test_an_action_of_the_wrong_shape_stops_the_body_and_is_raised() -> None:
    env, body = analytic_env()
    env.reset(seed=1)
    with pytest.raises(EnvError, match=r"give \(3,\) positions in rad, in the order shoulder, elbow, grip"):
        env.step(np.zeros(2))
    assert body.stops


@pytest.mark.parametrize(("severity", "needs_person"), [("soft", False), ("hard", True)])
def test_a_fault_of_the_body_stops_it_as_hard_as_it_says(severity: str, needs_person: bool) -> None:
    env, body = analytic_env()
    env.reset(seed=1)
    body.fault = Fault(severity, "servo 7", "is hot")
    _, _, _, truncated, info = env.step(HOME)
    assert truncated
    assert info["stop"].reason == "servo 7: is hot"
    assert body.fault in info["faults"]
    body.fault = None
    if needs_person:
        with pytest.raises(StoppedError):
            env.reset()
        env.rearm("Ada")
    env.reset()


def test_a_note_is_told_and_stops_nothing() -> None:
    env, body = analytic_env()
    env.reset(seed=1)
    body.fault = Fault("note", "camera", "one frame was dropped")
    _, _, _, truncated, info = env.step(HOME)
    assert not truncated
    assert info["faults"] == (body.fault,)


def test_a_reading_that_grows_stale_stops_the_body() -> None:
    env, body = analytic_env()
    env.reset(seed=1)
    env.step(HOME)
    body.deaf = True  # touch may be 0.1 s old: two periods of 40 ms are allowed, a third is not
    assert [env.step(HOME)[3] for _ in range(3)] == [False, False, True]
    assert "stale touch" in body.stops[-1]


def test_nothing_starts_on_stale_or_faulty_readings() -> None:
    env, body = analytic_env()
    body.deaf = True
    env.reset(seed=1)
    start = env.snapshot()
    for _ in range(2):
        env.step(HOME)
    late = env.snapshot()
    physics = late.physics + np.eye(7)[0] * 0.04  # one period later
    with pytest.raises(StaleReadingError, match=r"stale touch is 0\.120 s old; allowed is 0\.100 s"):
        env.reset(options={"start": replace(late, physics=physics)})
    assert body.stops
    body.deaf, body.fault = False, Fault("soft", "servo 3", "is silent")
    with pytest.raises(BodyError, match="servo 3 is silent"):
        env.reset(options={"start": start})


def test_a_station_may_allow_its_readings_to_be_overdue() -> None:
    clock = SimClock(1.0 / SMALL_ROBOT.control_hz)
    body = AnalyticBody(clock, deaf=True)
    env = HumanoidEnv(SMALL_ROBOT, POINTING, lambda: Station(body, body, body, overdue_s=0.08), clock)
    env.reset(seed=1)
    assert [env.step(HOME)[3] for _ in range(5)] == [False] * 4 + [True]  # 0.1 s and 0.08 s: four periods of 40 ms
    assert "allowed is 0.180 s" in body.stops[-1]


def test_a_missed_deadline_stops_a_body_in_real_time() -> None:
    time_s = [0.0]
    clock = WallClock(0.04, now=lambda: time_s[0], sleep=lambda seconds: time_s.__setitem__(0, time_s[0] + seconds))
    _, body = analytic_env()
    body.clock = clock
    body.deaf = False
    env = HumanoidEnv(SMALL_ROBOT, POINTING, lambda: Station(body, body, body), clock, deadline_s=0.5)
    env.reset(seed=1)
    assert not env.step(HOME)[3]
    time_s[0] += 0.7
    _, _, _, truncated, info = env.step(HOME)
    assert truncated
    assert any(fault.source == "clock" for fault in info["faults"])
    assert info["clock"].overruns == 1


def test_the_first_reason_of_a_stop_is_kept_when_the_body_cannot_even_stop() -> None:
    env, body = analytic_env()
    env.reset(seed=1)

    def fail(reason: str) -> None:
        raise BusError("no answer to torque off")

    body.stop = fail
    env.stop("the red button")
    assert env.step(HOME)[4]["stop"].reason == "the red button; no answer to torque off"


def test_a_joint_target_is_as_good_as_an_array() -> None:
    env, _ = analytic_env()
    env.reset(seed=1)
    assert np.array_equal(env.step(JointTarget(HOME + 0.01))[4]["wish_rad"], HOME + 0.01)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"scenrio": SCENARIO}, "allowed are scenario, start, distribution, pool"),
        ({"scenario": {"mark": 0.4}}, r"missing factors \['colour'\]"),
        ({"scenario": {**SCENARIO, "wind": 3.0}}, r"unknown factors \['wind'\]"),
        ({"scenario": {"mark": 4.0, "colour": "red"}}, r"allowed is \[-1, 1\]"),
        ({"scenario": {"mark": float("nan"), "colour": "red"}}, r"allowed is \[-1, 1\]"),
        ({"scenario": {"mark": 0.4, "colour": "mauve"}}, "choose one of red"),
        ({"scenario": {"task": "pointing", "values": 3}}, "give a dictionary by factor"),
        ({"scenario": {"task": "juggling", "values": SCENARIO}}, "runs 'pointing'"),
        ({"scenario": 3}, "give a Scenario or a dictionary"),
        ({"start": "snapshot.bin"}, "give a Snapshot or its bytes"),
        ({"start": b"no snapshot"}, "are not a snapshot"),
        ({"distribution": "gaussian"}, "choose one of deployment, nominal"),
        ({"pool": "holdout"}, "choose one of train"),
        ({"pool": "train", "scenario": SCENARIO}, "leave them out"),
    ],
)
def test_reset_options_that_cannot_be_honoured_are_refused(options: dict[str, object], words: str) -> None:
    env, body = analytic_env()
    env.reset(seed=1)
    with pytest.raises(ScenarioError, match=words):
        env.reset(options=options)
    assert not body.stops


def test_a_snapshot_and_another_scenario_contradict() -> None:
    env, _ = analytic_env()
    env.reset(seed=1, options={"scenario": SCENARIO})
    start = env.snapshot()
    with pytest.raises(ScenarioError, match="another scenario"):
        env.reset(options={"start": start, "scenario": {**SCENARIO, "mark": 0.5}})


def test_drawn_scenarios_keep_to_pool_and_distribution() -> None:
    env, _ = analytic_env()
    marks = []
    for seed in range(20):
        scenario = env.reset(seed=seed, options={"pool": "verify", "distribution": "nominal"})[1]["scenario"]
        assert scenario.pool is Pool.VERIFY
        marks.append(scenario.number("mark"))
    assert max(np.abs(marks)) <= 0.5  # the middle half of [-1, 1]
    assert len(set(marks)) == 20


def test_it_renders_what_its_first_camera_saw() -> None:
    env, _ = analytic_env(render_mode="rgb_array")
    _, info = env.reset(seed=1)
    assert np.array_equal(env.render(), info["state"].images["head"].pixels)
    with pytest.raises(EnvError, match="needs images=True"):
        analytic_env(render_mode="rgb_array", images=False)
    with pytest.raises(EnvError, match="allowed are None and 'rgb_array'"):
        analytic_env(render_mode="human")
