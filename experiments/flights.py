"""The expert's flight through one scenario, step by step, and the simulated body that it goes by."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from envs.humanoid import HumanoidEnv
from envs.pilots.scripted import ScriptedPilot
from envs.scenario import Scenario
from envs.sim_body import SimBody
from experiments.command import UsageError


def flown(
    env: HumanoidEnv, scenario: Scenario, seed: int = 0, manner: np.random.Generator | None = None
) -> Iterator[dict[str, Any]]:
    """Let the expert fly: the info of the beginning, and of each step until the episode is over.

    `manner` draws how it moves; where it is left out, the seed does.

    Raises:
        PilotError: there is no expert for the task, or it cannot go on.
    """
    pilot = ScriptedPilot(env)
    observation, info = env.reset(seed=seed, options={"scenario": scenario})
    pilot.reset(scenario, np.random.default_rng(seed) if manner is None else manner)
    yield info
    is_over = False
    while not is_over:
        target = pilot.command(observation, info)
        observation, _, terminated, truncated, info = env.step(info["sent_rad"] if target is None else target)
        is_over = terminated or truncated
        yield info


def simulated_body(env: HumanoidEnv) -> SimBody:
    """The body of an environment that was reset.

    Raises:
        UsageError: it is not simulated.
    """
    if not isinstance(env.body, SimBody):
        raise UsageError("only a simulated body has a scene to look at")
    return env.body
