"""Episodes of fold_towel without images, flown by the expert, and snapshots from their middle."""

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
from envs.snapshot import Snapshot
from envs.tasks.fold_towel import FOLD_TOWEL
from envs.tasks.fold_towel_rules import FoldTowelRules

FloatArray = NDArray[np.float64]
Info = dict[str, Any]
Meddle = Callable[[FloatArray, Info], FloatArray]

FINGERS = tuple(f"{side}_{digit}_flex" for side in ("left", "right") for digit in ("thumb", "middle"))


def scenario(**values: Any) -> Scenario:
    """The middle of every factor's nominal range, but for the values given."""
    middle = FOLD_TOWEL.space.at(np.full(len(FOLD_TOWEL.space.factors), 0.5), "nominal")
    return FOLD_TOWEL.space.scenario({**middle.values, **values})


@contextmanager
def blind_env() -> Iterator[HumanoidEnv]:
    env = make_env("fold_towel", images=False)
    yield env
    env.close()


def body_of(env: HumanoidEnv) -> SimBody:
    assert isinstance(env.body, SimBody)
    return env.body


def rules_of(env: HumanoidEnv) -> FoldTowelRules:
    rules = body_of(env).rules
    assert isinstance(rules, FoldTowelRules)
    return rules


def as_wished(wish_rad: FloatArray, info: Info) -> FloatArray:
    return wish_rad


def fly(
    env: HumanoidEnv, where: Scenario | Snapshot, meddle: Meddle = as_wished, *, steps: int = 500
) -> Iterator[Info]:
    """Yields the info of reset and of each step until the episode is over or so many steps were made."""
    options = {"start": where} if isinstance(where, Snapshot) else {"scenario": where}
    observation, info = env.reset(seed=0, options=options)
    pilot = ScriptedPilot(env)
    pilot.reset(info["scenario"], np.random.default_rng(0))
    yield info
    for _ in range(steps):
        target = pilot.command(observation, info)
        assert target is not None
        observation, _, terminated, truncated, info = env.step(meddle(target.position_rad.copy(), info))
        yield info
        if terminated or truncated:
            return


def with_fingers(env: HumanoidEnv, wish_rad: FloatArray, side: FloatArray) -> FloatArray:
    """The wish, thumbs and middle fingers as in `side`, (joints,)."""
    joints = [env.robot.joint_index[name] for name in FINGERS]
    wish_rad[joints] = side[joints]
    return wish_rad
