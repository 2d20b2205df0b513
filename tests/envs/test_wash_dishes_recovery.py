"""The expert of wash_dishes mends what goes wrong with the plate in its hand."""

from __future__ import annotations

from collections.abc import Iterator

import mujoco
import pytest
from flights import FloatArray, Info, blind_env_of, body_of, fly, middle_of

from envs.humanoid import HumanoidEnv
from envs.pilots.fingers import DIGITS
from envs.pilots.plate_pinch import PINCH_DEPTH_M, SHALLOW_M, PlatePinch
from envs.pilots.wash_dishes_expert import RACK
from envs.snapshot import Snapshot
from envs.stage import Judgement
from envs.tasks.wash_dishes import WASH_DISHES
from envs.tasks.wash_dishes_rules import WashDishesRules


@pytest.fixture(scope="module")
def env() -> Iterator[HumanoidEnv]:
    with blind_env_of("wash_dishes") as env:
        yield env


@pytest.fixture(scope="module")
def lifted(env: HumanoidEnv) -> Snapshot:
    """The expert has just lifted the plate off its stand."""
    held = 0
    for info in fly(env, middle_of(WASH_DISHES.space, stain_share=0.2)):
        held += info["judgement"].current == RACK
        if held == 8:
            return Snapshot.from_bytes(env.snapshot().to_bytes())
    pytest.fail("the expert never lifted the plate")


def pinch_of(env: HumanoidEnv) -> PlatePinch:
    body = body_of(env)
    assert isinstance(body.rules, WashDishesRules)
    return PlatePinch(body.simulation, body.rules)


def move_plate(env: HumanoidEnv, by_m: tuple[float, float, float]) -> None:
    simulation = body_of(env).simulation
    joint = simulation.model.joint("plate").qposadr[0]
    simulation.data.qpos[joint : joint + 3] += by_m
    mujoco.mj_forward(simulation.model, simulation.data)


def test_a_plate_that_is_pinched_near_its_rim_is_set_down_and_taken_deeper(env: HumanoidEnv, lifted: Snapshot) -> None:
    flight = fly(env, lifted, seed=1)
    judgement: Judgement = next(flight)["judgement"]
    pinch = pinch_of(env)
    assert not pinch.is_shallow()
    move_plate(env, (0.0, 0.0, SHALLOW_M - 0.001 - pinch.depth_m()))
    assert pinch.is_shallow()
    assert not pinch.is_lost()
    deepest_m = 0.0
    for info in flight:
        judgement = info["judgement"]
        if pinch.is_held():
            deepest_m = max(deepest_m, pinch.depth_m())
    assert judgement.success, judgement.unmet
    assert deepest_m > 0.9 * PINCH_DEPTH_M


def test_a_hand_whose_plate_slipped_out_on_the_way_opens_for_it_again(env: HumanoidEnv, lifted: Snapshot) -> None:
    fingers = [env.robot.joint_index[f"right_{digit}_flex"] for digit in DIGITS]
    bends_rad: list[FloatArray] = []

    def noted(wish_rad: FloatArray, info: Info) -> FloatArray:
        bends_rad.append(wish_rad[fingers])
        return wish_rad

    for step, _ in enumerate(fly(env, lifted, noted, seed=1, steps=40)):
        if step == 20:
            move_plate(env, (0.0, -0.12, 0.12))
    held_rad, bent_rad = bends_rad[20], bends_rad[-1]
    assert (bent_rad < held_rad - 0.1).all()


def test_a_plate_that_only_leans_on_the_hand_is_not_held(env: HumanoidEnv, lifted: Snapshot) -> None:
    env.reset(seed=1, options={"start": lifted})
    body, pinch = body_of(env), pinch_of(env)
    assert pinch.is_held()
    rules = body.rules
    assert isinstance(rules, WashDishesRules)
    memory = rules.memory()
    thumb = 3
    rules.restore({**memory, "force_n": [*memory["force_n"][:thumb], 0.0, *memory["force_n"][thumb + 1 :]]})
    assert not pinch.is_held()
    assert max(rules.grip_n("plate")) > 1.0
