"""The environment is compared with the very same physics, and a difference between two episodes is found."""

from __future__ import annotations

import time
from contextlib import closing

import numpy as np
import pytest

from envs.humanoid import HumanoidEnv
from envs.registry import make_env
from envs.sim_body import SimBody
from envs.simulation import Simulation
from experiments.bench.env_costs import Bare, Led
from experiments.bench.env_flights import Flight, record_flight
from experiments.bench.env_tasks import first_difference


@pytest.fixture(scope="module")
def flight() -> Flight:
    return record_flight("pick_fruit", limit=12)


def simulation_of(env: HumanoidEnv) -> Simulation:
    assert isinstance(env.body, SimBody)
    return env.body.simulation


def test_the_bare_loop_takes_the_same_physics_steps_to_the_bit(flight: Flight) -> None:
    with closing(make_env(images=False, senses=())) as env, closing(Bare(env.robot, flight)) as bare:
        for way in (Led(env, flight), bare):
            way.begin()
            assert way.go(time.process_time) > 0.0
        led = simulation_of(env).physics_state()
        assert np.array_equal(bare.simulation.physics_state(), led)


def test_two_episodes_are_the_same_until_something_differs(flight: Flight) -> None:
    with closing(make_env(images=False)) as first, closing(make_env(images=False)) as second:
        assert first_difference(flight, first, second, len(flight)) is None
        simulation_of(second).model.opt.gravity[2] -= 0.1
        assert first_difference(flight, first, second, len(flight)) == "imu at step 0"
