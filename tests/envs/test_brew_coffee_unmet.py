"""brew_coffee: of all that a step demands, what is told is what does not hold, with its value and its limit."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import mujoco
import numpy as np
import pytest
from brew_coffee_stage import ON_TABLE, SET, UNDER_SPOUT, blind_env, put_cup, rules_of, scenario, simulation_of
from flights import fly

from envs.humanoid import HumanoidEnv

WHERE = scenario(brewing_time=4, cup_radius=30)


@pytest.fixture(scope="module")
def env() -> Iterator[HumanoidEnv]:
    with blind_env() as made:
        yield made


@pytest.fixture(scope="module")
def holding() -> Iterator[HumanoidEnv]:
    """The expert's hand is at the spout with the cup, which it has not let go yet."""
    with blind_env() as made:
        for info in fly(made, WHERE):
            judgement = info["judgement"]
            if judgement.current == SET and judgement.unmet.startswith("set: thumb and fingers hold"):
                break
        yield made


def unmet(env: HumanoidEnv, **remembered: Any) -> str:
    """What is told of the scene as it stands, without a step: contact forces stay as they are."""
    simulation, rules = simulation_of(env), rules_of(env)
    mujoco.mj_kinematics(simulation.model, simulation.data)
    before = rules.memory()
    rules.restore({**before, **remembered})
    told = rules.assess(simulation).unmet
    rules.restore(before)
    return told


def put_on_tray(env: HumanoidEnv, above_m: float = 0.0, lean_deg: float = 0.0) -> None:
    """On the tray, which is 8 mm thick."""
    tray_m = simulation_of(env).data.body("tray").xpos
    put_cup(env, (tray_m[0], tray_m[1], tray_m[2] + 0.008 + above_m), lean_rad=np.deg2rad(lean_deg))


def test_a_cup_that_stands_on_the_tray_leaves_nothing_to_tell(env: HumanoidEnv) -> None:
    env.reset(seed=0, options={"scenario": WHERE})
    put_on_tray(env)
    assert unmet(env, running_s=5.0, is_taken=True) == ""


def test_which_side_of_the_grip_is_missing_is_told(env: HumanoidEnv) -> None:
    env.reset(seed=0, options={"scenario": WHERE})
    assert unmet(env) == "grasp: thumb 0.0 N on the cup (above 0.6), fingers 0.0 N on the cup (above 0.6)"


@pytest.mark.parametrize(
    ("beside_m", "above_m", "lean_deg", "told"),
    [
        (0.0, 0.0, 0.0, ""),
        (0.02, 0.0, 0.0, "the cup is 20 mm beside the spout (below 12), "),
        (0.0, 0.0042, 0.0, "the cup is 4.2 mm above the grate (below 3), "),
        (0.0, 0.0, 7.5, "the cup leans 7.5 degrees (below 6), "),
    ],
)
def test_what_is_wrong_with_a_held_cup_at_the_spout_is_told(
    holding: HumanoidEnv, beside_m: float, above_m: float, lean_deg: float, told: str
) -> None:
    simulation = simulation_of(holding)
    spout_m = simulation.data.site("spout").xpos
    put_cup(holding, (spout_m[0], spout_m[1] + beside_m, 0.671 + above_m), lean_rad=np.deg2rad(lean_deg))
    said = unmet(holding)
    assert said.startswith(f"set: {told}thumb and fingers hold the cup with ")
    assert said.endswith(" N (at most 0.6)")


def test_how_far_the_button_is_in_is_told(env: HumanoidEnv) -> None:
    env.reset(seed=0, options={"scenario": WHERE})
    put_cup(env, UNDER_SPOUT)
    simulation_of(env).data.joint("button").qpos[0] = 0.002
    assert unmet(env) == "press: the button is in by 2.0 mm (above 5)"


def test_how_long_the_machine_has_run_without_a_beep_is_told(env: HumanoidEnv) -> None:
    env.reset(seed=0, options={"scenario": WHERE})
    assert unmet(env, running_s=2.5) == "wait: no beep in the 2.5 s that the machine runs"


def test_how_far_the_cup_must_still_be_taken_is_told(env: HumanoidEnv) -> None:
    env.reset(seed=0, options={"scenario": WHERE})
    spout_m = simulation_of(env).data.site("spout").xpos
    put_cup(env, (spout_m[0] + 0.003, spout_m[1], 0.672))
    told = "the cup is 3 mm beside the spout (at least 26.5) and 1.0 mm above the grate (or at least 6)"
    assert unmet(env, running_s=5.0) == f"take: {told}"  # within the walls, 3.5 mm thick, it still catches


def test_how_far_the_cup_is_from_the_tray_is_told(env: HumanoidEnv) -> None:
    env.reset(seed=0, options={"scenario": WHERE})
    put_cup(env, ON_TABLE)
    away_m = np.array(ON_TABLE[:2]) - simulation_of(env).data.body("tray").xpos[:2]
    told = f"the cup is {1e3 * np.hypot(*away_m):.0f} mm beside the tray's middle (below 42)"
    assert unmet(env, running_s=5.0, is_taken=True) == f"carry: {told}"


@pytest.mark.parametrize(
    ("above_m", "lean_deg", "told"),
    [
        (0.0057, 0.0, "the cup is 5.7 mm above the tray (below 3)"),
        (0.0, 8.5, "the cup leans 8.5 degrees (below 6)"),
        (0.0057, 8.5, "the cup is 5.7 mm above the tray (below 3), the cup leans 8.5 degrees (below 6)"),
    ],
)
def test_how_a_cup_stands_wrong_on_the_tray_is_told(
    env: HumanoidEnv, above_m: float, lean_deg: float, told: str
) -> None:
    env.reset(seed=0, options={"scenario": WHERE})
    put_on_tray(env, above_m, lean_deg)
    assert unmet(env, running_s=5.0, is_taken=True) == f"place: {told}"


def test_that_a_cup_moves_on_the_tray_is_told(env: HumanoidEnv) -> None:
    env.reset(seed=0, options={"scenario": WHERE})
    put_on_tray(env)
    simulation = simulation_of(env)
    simulation.data.joint("cup").qvel[0] = 0.045
    mujoco.mj_kinematics(simulation.model, simulation.data)
    mujoco.mj_comPos(simulation.model, simulation.data)
    mujoco.mj_comVel(simulation.model, simulation.data)  # no more: the hand at home would touch the cup
    assert unmet(env, running_s=5.0, is_taken=True) == "place: the cup moves at 0.045 m/s (below 0.03)"


def test_that_a_cup_on_the_tray_is_not_let_go_is_told(holding: HumanoidEnv) -> None:
    simulation = simulation_of(holding)
    put_on_tray(holding)
    simulation.data.cvel[simulation.model.body("cup").id] = 0.0
    said = unmet(holding, running_s=5.0, is_taken=True)
    assert said.startswith("place: thumb or fingers touch the cup with ")
    assert said.endswith(" N (below 0.1)")
