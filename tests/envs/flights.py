"""Episodes of any task without images, flown by its expert, with somebody's hand in them; and what was staged."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import mujoco
import numpy as np
from numpy.typing import NDArray

from envs.humanoid import HumanoidEnv
from envs.pilots.scripted import ScriptedPilot
from envs.registry import make_env
from envs.scenario import Scenario, ScenarioSpace
from envs.sim_body import SimBody
from envs.snapshot import Snapshot

FloatArray = NDArray[np.float64]
Info = dict[str, Any]
Meddle = Callable[[FloatArray, Info], FloatArray]


def middle_of(space: ScenarioSpace, **values: Any) -> Scenario:
    """The middle of every factor's nominal range, but for the values given."""
    middle = space.at(np.full(len(space.factors), 0.5), "nominal")
    return space.scenario({**middle.values, **values})


@contextmanager
def blind_env_of(task: str) -> Iterator[HumanoidEnv]:
    env = make_env(task, images=False)
    yield env
    env.close()


def body_of(env: HumanoidEnv) -> SimBody:
    assert isinstance(env.body, SimBody)
    return env.body


def staged(env: HumanoidEnv, where: Scenario) -> tuple[bytes, bytes]:
    """The compiled model and the state after staging."""
    env.reset(seed=0, options={"scenario": where})
    body = body_of(env)
    model = body.simulation.model
    buffer = np.empty(mujoco.mj_sizeModel(model), dtype=np.uint8)
    mujoco.mj_saveModel(model, None, buffer)
    return buffer.tobytes(), body.simulation.physics_state().tobytes()


def as_wished(wish_rad: FloatArray, info: Info) -> FloatArray:
    return wish_rad


def fly(
    env: HumanoidEnv, where: Scenario | Snapshot, meddle: Meddle = as_wished, *, seed: int = 0, steps: int = 500
) -> Iterator[Info]:
    """Yields the info of reset and of each step until the episode is over or so many steps were made."""
    options = {"start": where} if isinstance(where, Snapshot) else {"scenario": where}
    observation, info = env.reset(seed=seed, options=options)
    pilot = ScriptedPilot(env)
    pilot.reset(info["scenario"], np.random.default_rng(seed))
    yield info
    for _ in range(steps):
        target = pilot.command(observation, info)
        assert target is not None
        observation, _, terminated, truncated, info = env.step(meddle(target.position_rad.copy(), info))
        yield info
        if terminated or truncated:
            return
