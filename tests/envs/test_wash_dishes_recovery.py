"""The expert of wash_dishes mends what goes wrong with the plate in its hand."""

from __future__ import annotations

from collections.abc import Iterator

import mujoco
import numpy as np
import pytest
from flights import body_of

from envs.humanoid import HumanoidEnv
from envs.pilots.plate_pinch import PINCH_DEPTH_M, SHALLOW_M, PlatePinch
from envs.pilots.scripted import ScriptedPilot
from envs.registry import make_env
from envs.snapshot import Snapshot
from envs.stage import Judgement
from envs.tasks.wash_dishes import WASH_DISHES
from envs.tasks.wash_dishes_rules import WashDishesRules

RACK = 4


@pytest.fixture(scope="module")
def env() -> Iterator[HumanoidEnv]:
    env = make_env("wash_dishes", images=False)
    yield env
    env.close()


@pytest.fixture(scope="module")
def lifted(env: HumanoidEnv) -> Snapshot:
    """The expert has just lifted the plate off its stand."""
    middle = WASH_DISHES.space.at(np.full(len(WASH_DISHES.space.factors), 0.5), "nominal")
    scenario = WASH_DISHES.space.scenario({**middle.values, "stain_share": 0.2})
    observation, info = env.reset(seed=0, options={"scenario": scenario})
    pilot = ScriptedPilot(env)
    pilot.reset(info["scenario"], np.random.default_rng(0))
    held = 0
    while held < 8:
        target = pilot.command(observation, info)
        assert target is not None
        observation, _, terminated, truncated, info = env.step(target.position_rad)
        assert not terminated
        assert not truncated
        held += info["judgement"].current == RACK
    return Snapshot.from_bytes(env.snapshot().to_bytes())


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
    observation, info = env.reset(seed=1, options={"start": lifted})
    pinch = pinch_of(env)
    assert not pinch.is_shallow()
    move_plate(env, (0.0, 0.0, SHALLOW_M - 0.001 - pinch.depth_m()))
    assert pinch.is_shallow()
    assert not pinch.is_lost()
    pilot = ScriptedPilot(env)
    pilot.reset(info["scenario"], np.random.default_rng(1))
    deepest_m, is_over = 0.0, False
    while not is_over:
        target = pilot.command(observation, info)
        assert target is not None
        observation, _, terminated, truncated, info = env.step(target.position_rad)
        is_over = terminated or truncated
        if pinch.is_held():
            deepest_m = max(deepest_m, pinch.depth_m())
    judgement: Judgement = info["judgement"]
    assert judgement.success, judgement.unmet
    assert deepest_m > 0.9 * PINCH_DEPTH_M


def test_a_hand_whose_plate_slipped_out_on_the_way_opens_for_it_again(env: HumanoidEnv, lifted: Snapshot) -> None:
    observation, info = env.reset(seed=1, options={"start": lifted})
    pilot = ScriptedPilot(env)
    pilot.reset(info["scenario"], np.random.default_rng(1))
    fingers = [env.robot.joint_index[f"right_{digit}_flex"] for digit in ("thumb", "index", "middle")]
    for step in range(40):
        if step == 20:
            move_plate(env, (0.0, -0.12, 0.12))
        target = pilot.command(observation, info)
        assert target is not None
        bent_rad = target.position_rad[fingers]
        if step == 20:
            held_rad = bent_rad
        observation, *_, info = env.step(target.position_rad)
        if info["judgement"].failure is not None:
            break
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
