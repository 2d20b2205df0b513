"""Episodes of pick_fruit without images, flown by the expert, with somebody's hand in them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from envs.humanoid import HumanoidEnv
from envs.pilots.scripted import ScriptedPilot
from envs.registry import make_env
from envs.scenario import Scenario
from envs.sim_body import SimBody
from envs.tasks.pick_fruit import PICK_FRUIT

FloatArray = NDArray[np.float64]
Info = dict[str, Any]
Meddle = Callable[[FloatArray, Info], FloatArray]

GRASP, PICK, CARRY = 1, 2, 3
FINGERS = ("right_thumb_flex", "right_index_flex", "right_middle_flex")


def scenario(**values: Any) -> Scenario:
    """The middle of every factor's nominal range, but for the values given."""
    middle = PICK_FRUIT.space.at(np.full(len(PICK_FRUIT.space.factors), 0.5), "nominal")
    return PICK_FRUIT.space.scenario({**middle.values, **values})


@contextmanager
def blind_env() -> Iterator[HumanoidEnv]:
    env = make_env(images=False)
    yield env
    env.close()


def body_of(env: HumanoidEnv) -> SimBody:
    assert isinstance(env.body, SimBody)
    return env.body


def as_wished(wish_rad: FloatArray, info: Info) -> FloatArray:
    return wish_rad


def fly(
    env: HumanoidEnv, where: Scenario, meddle: Meddle = as_wished, *, seed: int = 0, steps: int = 200
) -> Iterator[Info]:
    """Yields the info of reset and of each step until the episode is over or so many steps were made."""
    observation, info = env.reset(seed=seed, options={"scenario": where})
    pilot = ScriptedPilot(env)
    pilot.reset(where, np.random.default_rng(seed))
    yield info
    for _ in range(steps):
        target = pilot.command(observation, info)
        assert target is not None
        observation, _, terminated, truncated, info = env.step(meddle(target.position_rad.copy(), info))
        yield info
        if terminated or truncated:
            return


def fly_until(env: HumanoidEnv, where: Scenario, is_there: Callable[[Info], bool]) -> Info:
    for info in fly(env, where):
        if is_there(info):
            return info
    raise AssertionError("the flight never came to where the test begins")
