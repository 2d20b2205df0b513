"""pick_fruit: of all that a step demands, what is told is what does not hold, with its value and its limit."""

from __future__ import annotations

from collections.abc import Iterator

import mujoco
import numpy as np
import pytest
from pick_fruit_flights import blind_env, body_of, scenario

from envs.humanoid import HumanoidEnv
from envs.simulation import Simulation
from envs.tasks.pick_fruit_rules import PickFruitRules

RIM_M = 0.072 - 0.04  # above the basket's site, which is 40 mm above its foot


@pytest.fixture(scope="module")
def env() -> Iterator[HumanoidEnv]:
    with blind_env() as made:
        yield made


class Fruit:
    """A ripe fruit of 100 g, put where a test wants it, as hard held as it wants."""

    def __init__(self, env: HumanoidEnv) -> None:
        env.reset(seed=0, options={"scenario": scenario(stem_strength=3.0, fruit_mass=100)})
        self.simulation: Simulation = body_of(env).simulation
        rules = body_of(env).rules
        assert isinstance(rules, PickFruitRules)
        self.rules = rules

    def put(self, site: str, *off_m: float) -> None:
        data = self.simulation.data
        data.joint("ripe").qpos[:3] = data.site(site).xpos + off_m

    def pick(self) -> None:
        self.simulation.data.eq_active[self.simulation.model.equality("ripe").id] = 0

    def feel(self, *forces_n: float) -> None:
        self.rules.restore({**self.rules.memory(), "grip_n": forces_n})

    @property
    def unmet(self) -> str:
        mujoco.mj_forward(self.simulation.model, self.simulation.data)
        return self.rules.assess(self.simulation).unmet


@pytest.fixture
def fruit(env: HumanoidEnv) -> Fruit:
    return Fruit(env)


def test_a_fruit_that_lies_in_the_basket_leaves_nothing_to_tell(fruit: Fruit) -> None:
    fruit.pick()
    fruit.put("basket", 0.0, 0.0, 0.0)
    assert fruit.unmet == ""


@pytest.mark.parametrize(("touching_n", "limit"), [(0.0, 20), (0.3, 35)])
def test_how_far_the_hand_is_from_the_fruit_is_told(fruit: Fruit, touching_n: float, limit: int) -> None:
    fruit.put("right_grasp", 0.0, 0.030, 0.040)
    fruit.feel(touching_n, 0.0)
    assert fruit.unmet == f"reach: the hand is 50 mm from the fruit (below {limit})"


@pytest.mark.parametrize(
    ("forces_n", "told"),
    [
        ((0.4, 1.0), "thumb 0.4 N on the fruit (above 0.6)"),
        ((1.0, 0.4), "fingers 0.4 N on the fruit (above 0.6)"),
        ((0.0, 0.0), "thumb 0.0 N on the fruit (above 0.6), fingers 0.0 N on the fruit (above 0.6)"),
    ],
)
def test_what_is_missing_of_the_grip_is_told(fruit: Fruit, forces_n: tuple[float, float], told: str) -> None:
    fruit.put("right_grasp", 0.0, 0.0, 0.0)
    fruit.feel(*forces_n)
    assert fruit.unmet == f"grasp: {told}"


def test_at_what_pull_the_stem_would_give_is_told(fruit: Fruit) -> None:
    fruit.put("right_grasp", 0.0, 0.0, 0.0)
    fruit.feel(1.0, 1.0)
    assert fruit.unmet == "pick: the stem holds, at 0.0 N (above 3.981)"  # 3 N, and the weight of the fruit


def test_how_far_a_held_fruit_is_from_the_basket_is_told(fruit: Fruit) -> None:
    fruit.pick()
    fruit.put("basket", 0.06, 0.0, 0.2)
    hand = fruit.simulation.model.site("right_grasp")
    data = fruit.simulation.data
    hand.pos = data.body(hand.bodyid[0]).xmat.reshape(3, 3).T @ (
        data.joint("ripe").qpos[:3] - data.body(hand.bodyid[0]).xpos
    )
    fruit.feel(1.0, 1.0)
    assert fruit.unmet == "carry: the fruit is 60 mm beside the basket's middle (below 45)"


@pytest.mark.parametrize(
    ("above_site_m", "speed_m_s", "forces_n", "told"),
    [
        (RIM_M + 0.012, 0.0, (0.0, 0.0), "the fruit is 12 mm above the rim (below 0)"),
        (0.0, 0.0, (0.9, 1.3), "thumb and fingers hold the fruit with 0.9 N (at most 0.6)"),
        (0.0, 0.4, (0.0, 0.0), "the fruit moves at 0.40 m/s (below 0.25)"),
        (
            RIM_M + 0.012,
            0.4,
            (0.0, 0.0),
            "the fruit is 12 mm above the rim (below 0), the fruit moves at 0.40 m/s (below 0.25)",
        ),
    ],
)
def test_what_is_missing_to_a_placed_fruit_is_told(
    fruit: Fruit, above_site_m: float, speed_m_s: float, forces_n: tuple[float, float], told: str
) -> None:
    fruit.pick()
    fruit.put("basket", 0.0, 0.0, above_site_m)
    fruit.simulation.data.joint("ripe").qvel[:3] = speed_m_s * np.array([0.6, 0.0, -0.8])
    fruit.feel(*forces_n)
    assert fruit.unmet == f"place: {told}"
