"""Rollouts with a known truth: a space of factors, one of which changes nothing, and a planted weakness."""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice

import numpy as np

from envs.episodes.records import Instruction
from envs.scenario import Factor, Pool, Scenario, ScenarioSpace
from envs.tasks.task import Task
from policies.cases.rollout import Decisions, Rollout

_NUMBERS = ("radius", "mass", "strength", "friction", "hue", "height", "light", "azimuth", "nothing")

SPACE = ScenarioSpace(
    "planted",
    (
        *(Factor(name, "mm", f"Set {name} to {{value}}.", f"{name} 设为 {{value}}。", 0.0, 10.0) for name in _NUMBERS),
        Factor("leaves", "", "Leaves: {value}.", "叶片:{value}。", choices=("none", "left", "right")),
    ),
)
STEPS = (Instruction("grasp", "Close the hand.", "合手。"), Instruction("place", "Put it down.", "放下。"))
TASK = Task("planted", "A made-up task.", SPACE, STEPS, 6.0, "none")
CALM = Decisions.of(range(0, 100, 5), np.zeros(20), np.zeros(20))


def hard(scenario: Scenario) -> bool:
    """The planted weakness, 24 % of the space."""
    return scenario.number("radius") >= 6.0 and scenario.number("friction") < 6.0


def rollout(scenario: Scenario, success: bool, *, signature: str = "grasp", pool: Pool = Pool.DISCOVER) -> Rollout:
    return Rollout(
        scenario=scenario,
        pool=pool,
        success=success,
        signature="" if success else signature,
        episode_id=f"episode-{scenario.key}",
        seed=7,
        steps=100,
        decisions=CALM,
        alarm_step=None if success else 60,
        snapshot_steps=tuple(range(0, 100, 10)),
    )


def rollouts(
    n: int, seed: int, *, inside: float = 0.8, outside: float = 0.12, region: Callable[[Scenario], bool] = hard
) -> list[Rollout]:
    """Rollouts that fail so often inside and outside of a region."""
    rng = np.random.default_rng(seed)
    scenarios = islice(SPACE.draw(None, rng), n)  # any pool is quicker to draw, and labelled DISCOVER all the same
    return [rollout(s, bool(rng.random() >= (inside if region(s) else outside))) for s in scenarios]
