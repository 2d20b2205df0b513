"""Episodes of pick_fruit without images; see `flights`."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

from flights import FloatArray, Info, Meddle, as_wished, blind_env_of, body_of, fly, middle_of

from envs.humanoid import HumanoidEnv
from envs.scenario import Scenario
from envs.tasks.pick_fruit import PICK_FRUIT

__all__ = [
    "FINGERS",
    "FloatArray",
    "Info",
    "Meddle",
    "as_wished",
    "blind_env",
    "body_of",
    "fly",
    "fly_until",
    "scenario",
]

GRASP, PICK, CARRY = 1, 2, 3
FINGERS = ("right_thumb_flex", "right_index_flex", "right_middle_flex")


def scenario(**values: Any) -> Scenario:
    """The middle of every factor's nominal range, but for the values given."""
    return middle_of(PICK_FRUIT.space, **values)


def blind_env() -> AbstractContextManager[HumanoidEnv]:
    return blind_env_of("pick_fruit")


def fly_until(env: HumanoidEnv, where: Scenario, is_there: Callable[[Info], bool]) -> Info:
    for info in fly(env, where):
        if is_there(info):
            return info
    raise AssertionError("the flight never came to where the test begins")
