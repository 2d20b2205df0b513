"""brew_coffee without images: scenarios, and a cup that is set where a test wants it, as no hand could."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any

import numpy as np
from flights import Info, blind_env_of, body_of, middle_of

from envs.humanoid import HumanoidEnv
from envs.scenario import Scenario
from envs.simulation import Simulation
from envs.stage import Judgement
from envs.tasks.brew_coffee import BREW_COFFEE
from envs.tasks.brew_coffee_rules import BrewCoffeeRules

GRASP, SET, PRESS, WAIT, TAKE, CARRY, PLACE = range(7)
UNDER_SPOUT = (0.31, 0.02, 0.671)
ON_TABLE = (0.3, -0.4, 0.655)  # clear of the hand at home, which is over the tray
CONTROL_HZ = 25


def scenario(**values: Any) -> Scenario:
    """The middle of every factor's nominal range, but for the values given."""
    return middle_of(BREW_COFFEE.space, **values)


def blind_env() -> AbstractContextManager[HumanoidEnv]:
    return blind_env_of("brew_coffee")


def simulation_of(env: HumanoidEnv) -> Simulation:
    return body_of(env).simulation


def rules_of(env: HumanoidEnv) -> BrewCoffeeRules:
    rules = body_of(env).rules
    assert isinstance(rules, BrewCoffeeRules)
    return rules


def put_cup(env: HumanoidEnv, foot_m: tuple[float, float, float], *, lean_rad: float = 0.0) -> None:
    """Set the cup there, at rest, leaning about the world's y axis."""
    data = simulation_of(env).data
    joint = data.joint("cup")
    joint.qpos[:] = [*foot_m, np.cos(lean_rad / 2), 0.0, np.sin(lean_rad / 2), 0.0]
    joint.qvel[:] = 0.0


def shove_cup(env: HumanoidEnv, speed_m_s: float) -> None:
    simulation_of(env).data.joint("cup").qvel[0] = speed_m_s


def press_button(env: HumanoidEnv) -> None:
    simulation_of(env).data.joint("button").qpos[0] = 0.008


def wait(env: HumanoidEnv, seconds: float) -> Info:
    """Let the robot stay at home for so long, or until the episode is over."""
    info: Info = {}
    for _ in range(round(seconds * CONTROL_HZ)):
        *_, terminated, truncated, info = env.step(env.robot.home)
        if terminated or truncated:
            break
    return info


def brew(env: HumanoidEnv, where: Scenario, wait_s: float) -> Judgement:
    """Press with the cup under the spout, and wait so long."""
    env.reset(seed=0, options={"scenario": where})
    put_cup(env, UNDER_SPOUT)
    press_button(env)
    judgement: Judgement = wait(env, wait_s)["judgement"]
    return judgement
