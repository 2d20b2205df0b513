"""fold_towel: of all that a step demands, what is told is what does not hold, with its value and its limit."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import mujoco
import numpy as np
import pytest
from fold_towel_flights import FloatArray, blind_env, body_of, rules_of, scenario

from envs.humanoid import HumanoidEnv
from envs.tasks.towel import SIDE, corner

TABLE_M = 0.66
LAYER_M = 0.004
SMOOTHED = [True] * SIDE


@pytest.fixture(scope="module")
def env() -> Iterator[HumanoidEnv]:
    with blind_env() as made:
        yield made


class Cloth:
    """A towel that lies flat, with nothing that moves and nobody who holds it, in any shape that a test wants."""

    def __init__(self, env: HumanoidEnv) -> None:
        env.reset(seed=0, options={"scenario": scenario(towel_turn=0)})
        self.simulation, self.rules = body_of(env).simulation, rules_of(env)
        row, column = np.divmod(np.arange(SIDE * SIDE), SIDE)
        self.row, self.spacing_m = row, self.rules.towel.size_m / (SIDE - 1)
        self.m: FloatArray = np.stack(
            [0.2 + self.spacing_m * row, self.spacing_m * (column - 4), np.full(row.shape, TABLE_M + 0.002)], axis=1
        )
        self.remember(calm_s=1.0)

    def fold(self) -> None:
        """The far half onto the near one."""
        far = self.row > 4
        self.m[far, 0] = 0.2 + self.spacing_m * (8 - self.row[far])
        self.m[far, 2] += LAYER_M

    def fold_again(self) -> None:
        """Both layers of the near half of that onto its far half, whose edge is the crease."""
        near = self.m[:, 0] < 0.2 + 1.5 * self.spacing_m
        self.m[near, 0] = 2 * (0.2 + 2 * self.spacing_m) - self.m[near, 0]
        self.m[near, 2] += 2 * LAYER_M

    def remember(self, **remembered: Any) -> None:
        self.rules.restore({**self.rules.memory(), **remembered})

    def hold(self, side: str, *vertices: int) -> None:
        holds = self.rules.memory()["holds"]
        holds[side]["vertices"] = list(vertices)
        self.remember(holds=holds)

    @property
    def unmet(self) -> str:
        model, data, towel = self.simulation.model, self.simulation.data, self.rules.towel
        data.qpos[towel.qpos] = self.m - model.body_pos[towel.bodies]
        mujoco.mj_kinematics(model, data)
        mujoco.mj_flex(model, data)
        return self.rules.assess(self.simulation).unmet


@pytest.fixture
def cloth(env: HumanoidEnv) -> Cloth:
    return Cloth(env)


def test_a_strip_leaves_nothing_to_tell(cloth: Cloth) -> None:
    cloth.fold()
    cloth.remember(is_folded=True, pressed=SMOOTHED)
    cloth.fold_again()
    assert cloth.unmet == ""


@pytest.mark.parametrize(("held", "missing"), [("left", "right"), ("right", "left")])
def test_the_corner_that_nobody_holds_is_told_and_how_far_it_is(cloth: Cloth, held: str, missing: str) -> None:
    cloth.hold(held, corner(f"far_{held}"))
    told = re.fullmatch(
        f"grasp: the {missing} hand does not hold the far {missing} corner, " r"(\d+) mm away \(below 28\)", cloth.unmet
    )
    assert told is not None
    pinch_m = cloth.rules.holds[missing].pinch_m(cloth.simulation.data)
    assert float(told[1]) == pytest.approx(1e3 * np.linalg.norm(cloth.m[corner(f"far_{missing}")] - pinch_m), abs=0.5)


@pytest.mark.parametrize(
    ("hand", "told"),
    [
        ({"is_open": True, "grip_n": 0.12}, "it pinches with 0.1 N (above 0.3)"),
        ({"is_open": True, "grip_n": 0.296}, "it pinches with 0.296 N (above 0.3)"),
        ({"is_open": False, "grip_n": 2.0}, "it closed too early, or the towel slipped; it has to open first"),
    ],
)
def test_a_hand_that_is_at_the_corner_and_does_not_hold_it_hears_why(
    cloth: Cloth, hand: dict[str, Any], told: str
) -> None:
    cloth.hold("left", corner("far_left"))
    holds = cloth.rules.memory()["holds"]
    holds["right"].update(hand)
    cloth.remember(holds=holds)
    pinch_m = cloth.rules.holds["right"].pinch_m(cloth.simulation.data)
    cloth.m[corner("far_right")] = pinch_m - np.array([0.0, 0.0, 0.021])
    assert cloth.unmet == f"grasp: the right hand does not hold the far right corner, 21 mm away: {told}"


def far_corners_off(cloth: Cloth) -> None:
    for side, inwards in (("left", -1.0), ("right", 1.0)):
        cloth.m[corner(f"far_{side}"), 1] += 0.042 * inwards


def all_corners_off(cloth: Cloth) -> None:
    far_corners_off(cloth)
    for side in ("left", "right"):
        cloth.m[corner(f"near_{side}"), 1] = cloth.m[corner(f"far_{side}"), 1]


def left_holds(cloth: Cloth) -> None:
    cloth.hold("left", 4)


def right_holds(cloth: Cloth) -> None:
    cloth.hold("right", 4, 13)


def calm_for_a_moment(cloth: Cloth) -> None:
    cloth.remember(calm_s=0.12)


def moving(cloth: Cloth) -> None:
    cloth.remember(calm_s=0.0)
    cloth.simulation.data.qvel[cloth.rules.towel.dof[40]] = [0.0, 0.3, 0.0]


def heaped(cloth: Cloth) -> None:
    cloth.m[40, 2] = TABLE_M + 0.078


def squeezed(cloth: Cloth) -> None:
    cloth.m[:, 1] *= 0.7


LYING = [
    (left_holds, "the left hand holds the towel at 1 place"),
    (right_holds, "the right hand holds the towel at 2 places"),
    (calm_for_a_moment, "the towel lies still for 0.12 s (above 0.2)"),
    (moving, "the towel lies still for 0.00 s (above 0.2), moves at 0.30 m/s (below 0.15)"),
]


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (far_corners_off, "the far corners are 42 mm from the near ones (below 35)"),
        *LYING,
        (heaped, "the towel is 78 mm tall (below 60)"),
        (squeezed, "35.0% of its area covered (46% to 60%)"),
    ],
)
def test_what_is_missing_to_a_half_is_told(cloth: Cloth, spoil: Any, told: str) -> None:
    cloth.fold()
    spoil(cloth)
    assert cloth.unmet == f"fold: {told}"


def test_how_much_of_the_crease_is_pressed_is_told(cloth: Cloth) -> None:
    cloth.fold()
    cloth.remember(pressed=[True] * 6 + [False] * 3)
    assert cloth.unmet == "smooth: 6 of 9 places of the crease are pressed (at least 7)"


@pytest.mark.parametrize("missing", ["far_left", "near_left", "far_right", "near_right"])
def test_the_layer_that_nobody_holds_is_told(cloth: Cloth, missing: str) -> None:
    cloth.fold()
    cloth.remember(is_folded=True, pressed=SMOOTHED)
    for side in ("left", "right"):
        cloth.hold(side, *(corner(name) for name in (f"far_{side}", f"near_{side}") if name != missing))
    side, name = missing.split("_")[1], missing.replace("_", " ")
    told = f"grasp_again: the {side} hand holds other places, not the {name} corner, " r"\d+ mm away \(below 28\)"
    assert re.fullmatch(told, cloth.unmet)


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (all_corners_off, "the corners are 42 mm from the crease's ends (below 35)"),
        *LYING,
        (heaped, "the towel is 78 mm tall (below 75)"),
        (squeezed, "17.5% of its area covered (20% to 36%)"),
    ],
)
def test_what_is_missing_to_a_strip_is_told(cloth: Cloth, spoil: Any, told: str) -> None:
    cloth.fold()
    cloth.remember(is_folded=True, pressed=SMOOTHED)
    cloth.fold_again()
    spoil(cloth)
    assert cloth.unmet == f"fold_again: {told}"
