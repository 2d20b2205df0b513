"""Episodes of fold_towel without images; see `flights`."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any

from flights import FloatArray, Info, Meddle, as_wished, blind_env_of, body_of, fly, middle_of

from envs.humanoid import HumanoidEnv
from envs.scenario import Scenario
from envs.tasks.fold_towel import FOLD_TOWEL
from envs.tasks.fold_towel_rules import FoldTowelRules

__all__ = [
    "FINGERS",
    "FloatArray",
    "Info",
    "Meddle",
    "as_wished",
    "blind_env",
    "body_of",
    "fly",
    "rules_of",
    "scenario",
]

FINGERS = tuple(f"{side}_{digit}_flex" for side in ("left", "right") for digit in ("thumb", "middle"))


def scenario(**values: Any) -> Scenario:
    """The middle of every factor's nominal range, but for the values given."""
    return middle_of(FOLD_TOWEL.space, **values)


def blind_env() -> AbstractContextManager[HumanoidEnv]:
    return blind_env_of("fold_towel")


def rules_of(env: HumanoidEnv) -> FoldTowelRules:
    rules = body_of(env).rules
    assert isinstance(rules, FoldTowelRules)
    return rules


def with_fingers(env: HumanoidEnv, wish_rad: FloatArray, side: FloatArray) -> FloatArray:
    """The wish, thumbs and middle fingers as in `side`, (joints,)."""
    joints = [env.robot.joint_index[name] for name in FINGERS]
    wish_rad[joints] = side[joints]
    return wish_rad
