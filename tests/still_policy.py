"""A policy that has learnt nothing and stays at home, for tests that want any policy of a robot."""

from __future__ import annotations

import numpy as np

from assets.robot import RobotSpec
from policies.checkpoint import Provenance, TrainedPolicy
from policies.dataset.features import STATE
from policies.network import ChunkPolicy, InputSpec, NetworkConfig
from policies.scaling import Normal, Scaler


def policy_that_stays_at_home(robot: RobotSpec, tasks: tuple[str, ...] = ("pick_fruit",)) -> TrainedPolicy:
    """Scaled so that it says hardly anything but home; `tasks` are those that it claims to have learnt."""
    config = NetworkConfig(width=16, token_width=8, layers=1)
    joints = len(robot.joints)
    steps = (config.horizon, joints)
    home = np.broadcast_to(robot.home, steps).astype(np.float32)
    scaler = Scaler(
        {STATE: Normal(robot.home.astype(np.float32), np.ones(joints, np.float32))},
        Normal(home, np.full(steps, 1e-3, np.float32)),
        np.zeros(joints, np.bool_),
    )
    network = ChunkPolicy(InputSpec({STATE: joints}, (), joints), config)
    return TrainedPolicy(network, scaler, robot, Provenance("none", (), 0, 0, robot.control_hz, tasks=tasks))
