"""wash_dishes: a good motion passes, each kind of bad motion fails for its own reason, and factors do what they say."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import mujoco
import numpy as np
import pytest
from flights import body_of, staged
from numpy.typing import NDArray

from envs.body import BodyState
from envs.humanoid import HumanoidEnv
from envs.pilots.scripted import ScriptedPilot
from envs.registry import make_env
from envs.scenario import Factor, Scenario
from envs.snapshot import Snapshot
from envs.stage import Judgement
from envs.tasks.dirt import CELLS, DirtGrid
from envs.tasks.surroundings import SURROUNDINGS
from envs.tasks.wash_dishes import CLEAN_FORCE_N, PATTERNS, WASH_DISHES
from envs.tasks.wash_dishes_rules import WashDishesRules

FloatArray = NDArray[np.float64]
WIPE, RACK = 1, 4
STEPS = 12
FINGERS = ("right_thumb_flex", "right_index_flex", "right_middle_flex")
OWN_FACTORS = [factor for factor in WASH_DISHES.space.factors if factor.name not in {f.name for f in SURROUNDINGS}]


def scenario(**values: Any) -> Scenario:
    """The middle of every factor's nominal range, with few stains, but for the values given."""
    middle = WASH_DISHES.space.at(np.full(len(WASH_DISHES.space.factors), 0.5), "nominal")
    return WASH_DISHES.space.scenario({**middle.values, "stain_share": 0.2, **values})


@dataclass
class Flight:
    """A whole episode of the expert: how it ended, and snapshots from its middle with what came after them."""

    judgement: Judgement
    presses_n: list[float]
    wiping: Snapshot
    carrying: Snapshot
    finished: Snapshot
    wishes: list[FloatArray]  # after `wiping`
    states: list[BodyState]


@pytest.fixture(scope="module")
def env() -> Iterator[HumanoidEnv]:
    env = make_env("wash_dishes", images=False)
    yield env
    env.close()


def rules_of(env: HumanoidEnv) -> WashDishesRules:
    rules = body_of(env).rules
    assert isinstance(rules, WashDishesRules)
    return rules


@pytest.fixture(scope="module")
def flight(env: HumanoidEnv) -> Flight:
    observation, info = env.reset(seed=0, options={"scenario": scenario()})
    pilot = ScriptedPilot(env)
    pilot.reset(info["scenario"], np.random.default_rng(0))
    taken: dict[int, Snapshot] = {}
    presses_n, wishes, states = [], [], []
    is_over, racking = False, 0
    while not is_over:
        target = pilot.command(observation, info)
        assert target is not None
        observation, _, terminated, truncated, info = env.step(target.position_rad)
        is_over = terminated or truncated
        presses_n.append(rules_of(env).press_n)
        if WIPE in taken and len(states) < STEPS:
            wishes.append(info["wish_rad"])
            states.append(info["state"])
        current = info["judgement"].current
        racking += current == RACK
        is_telling = {WIPE: presses_n[-1] > CLEAN_FORCE_N, RACK: racking > 30}.get(current, True)
        if current not in taken and is_telling:
            taken[current] = Snapshot.from_bytes(env.snapshot().to_bytes())
    return Flight(info["judgement"], presses_n, taken[WIPE], taken[RACK], env.snapshot(), wishes, states)


def meddled(env: HumanoidEnv, start: Snapshot, meddle: Callable[[FloatArray], FloatArray], steps: int) -> Judgement:
    """How an episode stands that goes on from a snapshot with somebody's hand in it."""
    _, info = env.reset(seed=1, options={"start": start})
    for _ in range(steps):
        _, _, terminated, truncated, info = env.step(meddle(info["sent_rad"].copy()))
        if terminated or truncated:
            break
    judgement: Judgement = info["judgement"]
    return judgement


def test_the_expert_washes_the_plate_and_racks_it(flight: Flight) -> None:
    assert flight.judgement.success, flight.judgement.unmet
    assert all(flight.judgement.done)
    assert max(flight.presses_n) < 7.0


def test_a_wipe_goes_on_bit_for_bit_where_the_snapshot_was_taken(env: HumanoidEnv, flight: Flight) -> None:
    _, info = env.reset(seed=123, options={"start": flight.wiping})
    assert info["restart"] == "exact"
    assert rules_of(env).grid.left > 0
    for wish_rad, state in zip(flight.wishes, flight.states, strict=True):
        *_, info = env.step(wish_rad)
        assert info["state"] == state


def test_pressing_too_hard_scratches_the_plate(env: HumanoidEnv, flight: Flight) -> None:
    def press(wish_rad: FloatArray) -> FloatArray:
        data = body_of(env).simulation.data
        data.body("sponge").xfrc_applied[:3] = -14.0 * data.body("plate").xmat.reshape(3, 3)[:, 2]
        return wish_rad

    judgement = meddled(env, flight.wiping, press, 12)
    assert (judgement.failure or "").startswith("scratched: ")


def test_letting_go_on_the_way_drops_the_plate(env: HumanoidEnv, flight: Flight) -> None:
    fingers = [env.robot.joint_index[name] for name in FINGERS]

    def let_go(wish_rad: FloatArray) -> FloatArray:
        wish_rad[fingers] = env.robot.lower[fingers]
        return wish_rad

    judgement = meddled(env, flight.carrying, let_go, 60)
    assert not judgement.success
    assert (judgement.failure or "").startswith(("dropped: ", "broken: "))


def test_a_blow_breaks_the_plate(env: HumanoidEnv, flight: Flight) -> None:
    def strike(wish_rad: FloatArray) -> FloatArray:
        body_of(env).simulation.data.body("plate").xfrc_applied[2] = -150.0
        return wish_rad

    judgement = meddled(env, flight.finished, strike, 2)
    assert (judgement.failure or "").startswith("broken: ")


def test_one_stain_left_is_not_done(env: HumanoidEnv, flight: Flight) -> None:
    env.reset(seed=1, options={"start": flight.finished})
    rules, simulation = rules_of(env), body_of(env).simulation
    assert rules.assess(simulation).success
    rules.grid.dirt[4] = 0.2
    judgement = rules.assess(simulation)
    assert not judgement.success
    assert judgement.unmet.startswith("wipe: 1 cell is dirty, ")
    assert judgement.done[2] is False


def test_a_sponge_that_was_never_taken_is_told_before_the_stains(env: HumanoidEnv) -> None:
    judgement = env.reset(seed=1, options={"scenario": scenario()})[1]["judgement"]
    assert judgement.unmet.startswith("take: ")


@pytest.mark.parametrize(("side", "cleans"), [(1.0, True), (-1.0, False)])
def test_only_the_stained_side_comes_clean(env: HumanoidEnv, side: float, cleans: bool) -> None:
    env.reset(seed=1, options={"scenario": scenario()})
    rules, simulation = rules_of(env), body_of(env).simulation
    data = simulation.data
    address = simulation.model.joint("sponge").qposadr[0]
    dirt_before = rules.grid.dirt.sum()
    normal = data.xmat[rules.plate].reshape(3, 3)[:, 2].copy()
    for shift_m in np.linspace(-0.02, 0.02, 12):
        along = data.xmat[rules.plate].reshape(3, 3)[:, 0]
        data.qpos[address : address + 3] = data.xpos[rules.plate] + side * 0.03 * normal + shift_m * along
        mujoco.mj_kinematics(simulation.model, data)
        rules._force_n[0] = 4.0  # as if pressed so, wherever it is
        rules.after_physics(simulation)
    assert (rules.grid.dirt.sum() < dirt_before) == cleans


@pytest.mark.parametrize(("moved", "step"), [("plate", "rack"), ("sponge", "put_back")])
def test_what_stands_in_the_wrong_place_is_told(env: HumanoidEnv, flight: Flight, moved: str, step: str) -> None:
    env.reset(seed=1, options={"start": flight.finished})
    rules, simulation = rules_of(env), body_of(env).simulation
    address = simulation.model.joint(moved).qposadr[0]
    simulation.data.qpos[address + 1] += 0.04  # as far as the next slot is
    mujoco.mj_forward(simulation.model, simulation.data)
    judgement = rules.assess(simulation)
    assert not judgement.success
    assert judgement.unmet.startswith(f"{step}: ")


def test_stains_fade_as_they_are_rubbed(env: HumanoidEnv, flight: Flight) -> None:
    def visible() -> float:
        model = body_of(env).simulation.model
        return float(sum(model.geom(f"stain_{cell}").rgba[3] for cell in range(len(CELLS))))

    env.reset(seed=1, options={"start": flight.wiping})
    before = visible()
    env.reset(seed=1, options={"start": flight.finished})
    assert visible() == 0.0 < before


@pytest.mark.parametrize("pattern", PATTERNS)
def test_a_pattern_dirties_its_share_of_the_cells(pattern: str) -> None:
    grid, turned = DirtGrid(), DirtGrid()
    grid.stain(pattern, 0.0, 0.4, 0.075)
    turned.stain(pattern, 2.0, 0.4, 0.075)
    assert grid.left == turned.left == round(0.4 * len(CELLS))
    assert (grid.dirt != turned.dirt).any()


def test_rubbing_takes_dirt_off_by_the_way_it_slides() -> None:
    grid = DirtGrid()
    grid.stain("smear", 0.0, 0.5, 0.075)
    dirty = grid.dirt.copy()
    assert grid.rub(np.zeros(2), 0.01, 0.015)
    middle = int(np.argmin(np.hypot(*CELLS.T)))
    assert grid.dirt[middle] == pytest.approx(0.5)
    assert np.array_equal(np.delete(grid.dirt, middle), np.delete(dirty, middle))
    grid.rub(np.zeros(2), 0.01, 0.02)
    assert grid.dirt[middle] == 0.0
    assert not grid.rub(np.array([0.2, 0.0]), 0.01, 0.1)


@pytest.mark.parametrize("factor", OWN_FACTORS, ids=[factor.name for factor in OWN_FACTORS])
def test_every_factor_changes_what_is_staged(env: HumanoidEnv, factor: Factor) -> None:
    ends = factor.choices[:2] if factor.is_categorical else (factor.lower, 0.9 * factor.upper + 0.1 * factor.lower)
    one, other = (staged(env, scenario(**{factor.name: end})) for end in ends)
    assert one != other


def test_staging_the_same_scenario_again_gives_the_same_scene(env: HumanoidEnv) -> None:
    first = staged(env, scenario())
    staged(env, scenario(plate_radius=85, rack_slot="left", stain_pattern="ring", wetness=1, stand_offset=8))
    assert staged(env, scenario()) == first
