import dataclasses
from contextlib import closing

import numpy as np
import pytest
from episode_samples import ROBOT, header_of, made_up_ticks, record_episode, success

from envs.episodes.archive import Archive
from envs.errors import EnvError
from envs.registry import make_env
from envs.senses.logmel import log_mel
from envs.spaces import BodySpaces
from policies.dataset.features import SOUND, SenseFeatures, declared_features, default_weight, sense_shapes
from policies.errors import DatasetError


def test_training_and_running_see_the_same_numbers(tmp_path):
    """What the environment hands a policy at a step is, bit for bit, what the recording of that step becomes."""
    archive = Archive(tmp_path / "archive")
    ticks = made_up_ticks(ROBOT, 12)
    wild = dataclasses.replace(
        ticks[4].state, position_rad=np.array([9.0, -9.0, np.nan]), touch_n=np.full((2, 4, 4), 1e3)
    )
    ticks[4] = dataclasses.replace(ticks[4], state=wild)
    with archive.record(header_of()) as recorder:
        for tick in ticks:
            recorder.tick(tick)
        episode = archive.open(recorder.finish(success()))
    features = SenseFeatures(ROBOT)
    trained_on = features.of_episode(episode)
    spaces = BodySpaces(ROBOT)
    for index, tick in enumerate(ticks):
        observation, _ = spaces.pack(tick.state)
        seen = features.of_observation(observation)
        assert seen.keys() == {*trained_on, "observation.images.head", "observation.images.wrist"}
        for name, values in trained_on.items():
            assert values.dtype == seen[name].dtype == np.float32
            np.testing.assert_allclose(values[index], seen[name], rtol=0, atol=1e-4 if name == SOUND else 0)
        np.testing.assert_array_equal(seen["observation.images.head"], tick.state.images["head"].pixels)
        of_state = features.of_state(tick.state)
        assert all(np.array_equal(of_state[name], seen[name]) for name in trained_on)


def test_features_hold_the_senses_in_their_order():
    state = made_up_ticks(ROBOT, 1)[0].state
    features = SenseFeatures(ROBOT).of_state(state)
    np.testing.assert_allclose(features["observation.touch"], state.touch_n.reshape(-1), rtol=1e-6)
    np.testing.assert_allclose(features["observation.imu"][3:], state.imu.acceleration_m_s2, rtol=1e-6)
    np.testing.assert_array_equal(features[SOUND].reshape(16, 24), log_mel(state.sound))


def test_a_robot_declares_only_the_senses_that_it_has():
    bare = dataclasses.replace(ROBOT, cameras=(), pads=(), sound_hz=None, has_imu=False)
    assert set(sense_shapes(bare)) == {"observation.state", "observation.velocity", "observation.effort"}
    declared = declared_features(ROBOT, {"head": (48, 64)})
    assert declared["observation.images.head"]["shape"] == [48, 64, 3]
    assert list(declared)[-5:] == ["timestamp", "frame_index", "episode_index", "index", "task_index"]
    for feature in declared.values():
        assert feature["names"] is None or len(feature["names"]) == np.prod(feature["shape"][-3:]) or feature["info"]


def test_a_state_of_another_robot_is_refused():
    other = dataclasses.replace(ROBOT, joints=ROBOT.joints[:2])
    state = made_up_ticks(ROBOT, 1)[0].state
    with pytest.raises(EnvError, match=r"position_rad has shape \(3,\)"):
        SenseFeatures(other).of_state(state)
    observation, _ = BodySpaces(ROBOT).pack(state)
    with pytest.raises(DatasetError, match=r"position_rad is \(3,\); robot 'small' gives \(2,\)"):
        SenseFeatures(other).of_observation(observation)


def test_steps_that_nobody_commands_or_that_follow_an_alarm_weigh_nothing(tmp_path):
    archive = Archive(tmp_path / "archive")
    commanders = ["nobody", "policy", "policy", "policy", "nobody", "pilot", "pilot"]
    with archive.record(header_of()) as recorder:
        for tick, commander in zip(made_up_ticks(ROBOT, 7), commanders, strict=True):
            recorder.tick(dataclasses.replace(tick, in_command=commander))
        alarmed = archive.open(recorder.finish(dataclasses.replace(success(), alarm_step=2)))
    assert default_weight(alarmed).tolist() == [0, 1, 0, 0, 0, 1, 1]
    calm = archive.open(record_episode(archive, 3))
    assert default_weight(calm).tolist() == [1, 1, 1]


@pytest.mark.parametrize(("restart", "first"), [("exact", 0), ("staged", 1), (None, 1)])
def test_the_first_step_behind_an_exact_restart_weighs_nothing(tmp_path, restart, first):
    archive = Archive(tmp_path / "archive")
    with archive.record(header_of(extra={} if restart is None else {"restart": restart})) as recorder:
        for tick in made_up_ticks(ROBOT, 3):
            recorder.tick(tick)
        episode = archive.open(recorder.finish(success()))
    assert default_weight(episode).tolist() == [first, 1, 1]


def test_only_behind_an_exact_restart_does_a_policy_know_another_last_goal_than_the_dataset():
    """The reason for that weight: what the environment tells a policy was last sent, beside where the joints are."""
    with closing(make_env("pick_fruit", images=False)) as env:
        _, info = env.reset(seed=0)
        np.testing.assert_array_equal(info["sent_rad"], info["state"].position_rad)
        for _ in range(5):
            env.step(env.robot.home + 0.1)
        start = env.snapshot()
        _, info = env.reset(seed=0, options={"start": start})
        assert info["restart"] == "exact"
        assert np.abs(info["sent_rad"] - info["state"].position_rad).max() > 0.01
