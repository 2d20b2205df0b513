"""A policy at the controls: what its chunks start from."""

from __future__ import annotations

from contextlib import closing

import numpy as np
import pytest

from envs.registry import make_env
from policies.checkpoint import Provenance, TrainedPolicy
from policies.cloning import ClonedPolicy
from policies.dataset.features import STATE
from policies.network import ChunkPolicy, InputSpec, NetworkConfig
from policies.policy_pilot import PolicyPilot
from policies.scaling import Normal, Scaler, relative_joints

pytestmark = pytest.mark.usefixtures("one_thread")

FURTHER_RAD = 0.3  # more than safety lets an arm go in one step


def test_each_plan_starts_from_what_was_really_sent_and_not_from_a_wish_or_a_pose() -> None:
    with closing(make_env("pick_fruit", images=False, senses=())) as env:
        relative = relative_joints(env.robot)
        steps = (1, len(env.robot.joints))
        mean = np.broadcast_to(np.where(relative, FURTHER_RAD, env.robot.home), steps).astype(np.float32)
        scaler = Scaler(
            {STATE: Normal(env.robot.home.astype(np.float32), np.ones(steps[1], np.float32))},
            Normal(mean, np.full(steps, 1e-9, np.float32)),
            relative,
        )
        network = ChunkPolicy(
            InputSpec({STATE: steps[1]}, (), steps[1]),
            NetworkConfig(horizon=1, execute=1, width=16, token_width=8, layers=1),
        )
        provenance = Provenance("none", (), 0, 0, env.robot.control_hz)
        pilot = PolicyPilot(env, ClonedPolicy(TrainedPolicy(network, scaler, env.robot, provenance)))
        observation, info = env.reset(seed=0)
        for _ in range(4):
            sent_rad = info["sent_rad"]
            wish_rad = pilot.command(observation, info).position_rad
            expected_rad = np.minimum(np.where(relative, sent_rad + FURTHER_RAD, env.robot.home), env.robot.upper)
            np.testing.assert_allclose(wish_rad, expected_rad, atol=1e-5)
            observation, _, _, _, info = env.step(wish_rad)
        assert np.abs(wish_rad - info["sent_rad"])[relative].max() > 0.1, "safety should have held it back"
        assert np.abs(info["sent_rad"] - observation["position_rad"])[relative].max() > 1e-3, "a servo should lag"
