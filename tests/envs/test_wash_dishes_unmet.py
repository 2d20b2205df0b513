"""wash_dishes: of all that a step demands, what is told is what does not hold, with its value and its limit."""

from __future__ import annotations

from collections.abc import Iterator

import mujoco
import numpy as np
import pytest
from flights import blind_env_of, body_of, middle_of

from envs.humanoid import HumanoidEnv
from envs.simulation import Simulation
from envs.stage import Judgement
from envs.tasks.wash_dishes import WASH_DISHES
from envs.tasks.wash_dishes_rules import WashDishesRules

ON_SPONGE, ON_PLATE = slice(1, 3), slice(3, 5)  # of the rules' forces: thumb and fingers


@pytest.fixture(scope="module")
def env() -> Iterator[HumanoidEnv]:
    with blind_env_of("wash_dishes") as made:
        yield made


class Dishes:
    """A clean plate, still in the stand, and the sponge in its tray."""

    def __init__(self, env: HumanoidEnv) -> None:
        env.reset(seed=0, options={"scenario": middle_of(WASH_DISHES.space)})
        self.simulation: Simulation = body_of(env).simulation
        rules = body_of(env).rules
        assert isinstance(rules, WashDishesRules)
        self.rules = rules
        self.rules.grid.dirt[:] = 0.0

    def feel(self, fingers: slice, *forces_n: float) -> None:
        self.rules._force_n[fingers] = forces_n

    def rack(self) -> None:
        """Set the plate upright into its slot, facing along the robot's y axis."""
        place_m = self.rules.slot_place(self.simulation)
        self.simulation.data.joint("plate").qpos[:] = [*place_m, np.sqrt(0.5), np.sqrt(0.5), 0.0, 0.0]

    def turn(self, thing: str, about: int, angle_deg: float) -> None:
        half, turn, quat = np.deg2rad(angle_deg) / 2.0, np.zeros(4), np.empty(4)
        turn[0], turn[1 + about] = np.cos(half), np.sin(half)
        now = self.simulation.data.joint(thing).qpos
        mujoco.mju_mulQuat(quat, turn, now[3:])
        now[3:] = quat

    def judged(self) -> Judgement:
        mujoco.mj_forward(self.simulation.model, self.simulation.data)
        return self.rules.assess(self.simulation)


@pytest.fixture
def dishes(env: HumanoidEnv) -> Dishes:
    return Dishes(env)


def test_a_clean_plate_in_its_slot_leaves_nothing_to_tell(dishes: Dishes) -> None:
    dishes.rack()
    assert dishes.judged().success
    assert dishes.judged().unmet == ""


@pytest.mark.parametrize(
    ("axis", "moved_mm", "told"),
    [
        (1, 21.0, "the plate is 21 mm beside its slot (below 16)"),
        (0, -35.0, "the plate is 35 mm off along its slot (below 30)"),
        (2, 9.0, "the plate is 9 mm above or below its seat (below 8)"),
        (2, -9.0, "the plate is 9 mm above or below its seat (below 8)"),
    ],
)
def test_where_a_plate_stands_wrong_in_the_rack_is_told(dishes: Dishes, axis: int, moved_mm: float, told: str) -> None:
    dishes.rack()
    dishes.simulation.data.joint("plate").qpos[axis] += 1e-3 * moved_mm
    assert dishes.judged().unmet == f"rack: {told}"


def test_that_a_plate_leans_in_the_rack_is_told(dishes: Dishes) -> None:
    dishes.rack()
    dishes.turn("plate", 0, -33.0)
    assert dishes.judged().unmet == "rack: the plate leans 33 degrees (below 30)"


def test_that_a_hand_is_still_at_the_plate_is_told(dishes: Dishes) -> None:
    dishes.rack()
    dishes.feel(ON_PLATE, 0.15, 0.02)
    assert dishes.judged().unmet == "rack: the hand touches the plate with 0.17 N (below 0.1)"


def test_that_a_plate_moves_in_the_rack_is_told(dishes: Dishes) -> None:
    dishes.rack()
    dishes.simulation.data.joint("plate").qvel[2] = 0.09
    assert dishes.judged().unmet == "rack: the plate moves at 0.09 m/s (below 0.06)"


@pytest.mark.parametrize(
    ("axis", "moved_mm", "told"),
    [
        (0, 43.0, "43 mm before or behind the tray's middle (below 40)"),
        (1, -36.0, "36 mm beside the tray's middle (below 32)"),
    ],
)
def test_where_a_sponge_lies_wrong_is_told(dishes: Dishes, axis: int, moved_mm: float, told: str) -> None:
    data = dishes.simulation.data
    data.joint("sponge").qpos[axis] = data.site("tray").xpos[axis] + 1e-3 * moved_mm
    assert dishes.judged().unmet == f"put_back: the sponge is {told}"


def test_that_a_sponge_does_not_lie_on_the_tray_is_told(dishes: Dishes) -> None:
    data = dishes.simulation.data
    data.joint("sponge").qpos[2] += data.site("tray").xpos[2] + 0.02 - data.site("foot").xpos[2]
    assert dishes.judged().unmet == "put_back: the sponge is 20 mm above the tray (below 12)"


def test_that_a_sponge_tilts_is_told(dishes: Dishes) -> None:
    dishes.turn("sponge", 1, 18.0)
    assert dishes.judged().unmet == "put_back: the sponge tilts by 18 degrees (below 15)"


def test_that_a_hand_is_still_at_the_sponge_is_told(dishes: Dishes) -> None:
    dishes.feel(ON_SPONGE, 0.0, 0.25)
    assert dishes.judged().unmet == "put_back: the hand touches the sponge with 0.25 N (below 0.1)"


@pytest.mark.parametrize(
    ("forces_n", "up_mm", "told"),
    [
        ((0.3, 2.0), 15.0, "thumb 0.3 N on the plate (above 0.6)"),
        ((2.0, 0.3), 15.0, "fingers 0.3 N on the plate (above 0.6)"),
        ((2.0, 2.0), 5.0, "the plate is 5 mm up (above 12)"),
    ],
)
def test_what_is_missing_to_lift_the_plate_is_told(
    dishes: Dishes, forces_n: tuple[float, float], up_mm: float, told: str
) -> None:
    dishes.feel(ON_PLATE, *forces_n)
    dishes.simulation.data.joint("plate").qpos[2] += 1e-3 * up_mm
    assert dishes.judged().unmet == f"lift: {told}"


@pytest.mark.parametrize(
    ("forces_n", "told"),
    [
        ((0.2, 1.0), "thumb 0.2 N on the sponge (above 0.6)"),
        ((1.0, 0.2), "fingers 0.2 N on the sponge (above 0.6)"),
    ],
)
def test_what_is_missing_to_hold_the_sponge_is_told(dishes: Dishes, forces_n: tuple[float, float], told: str) -> None:
    grid = dishes.rules.grid
    grid.dirt[:] = grid._stains
    dishes.feel(ON_SPONGE, *forces_n)
    assert dishes.judged().unmet == f"take: {told}"
    # Begun, dirt is what counts, and who holds nothing is told that as well.
    grid.dirt[:] = 0.0
    grid.dirt[:2] = 0.1
    missing = dishes.judged().unmet
    assert missing == f"wipe: 2 cells are dirty, at 0.0 N (from 2.0 N, below 8.0), {told}"


def test_while_the_sponge_is_held_only_the_dirt_is_told(dishes: Dishes) -> None:
    dishes.rules.grid.dirt[7] = 0.1
    dishes.feel(ON_SPONGE, 1.0, 1.0)
    assert dishes.judged().unmet == "wipe: 1 cell is dirty, at 0.0 N (from 2.0 N, below 8.0)"


def test_all_that_does_not_hold_is_told_in_one_line(dishes: Dishes) -> None:
    dishes.rack()
    dishes.simulation.data.joint("plate").qpos[:2] += [0.035, 0.021]
    told = "the plate is 21 mm beside its slot (below 16), the plate is 35 mm off along its slot (below 30)"
    assert dishes.judged().unmet == f"rack: {told}"
