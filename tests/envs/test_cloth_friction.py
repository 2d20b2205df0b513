"""The friction of an exemplar reaches cloth as well: what it lies on, its own layers, and the hands that hold it."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from fold_towel_flights import body_of, rules_of, scenario

from assets.reality_gap import load_gap
from assets.table import load_robot
from envs.humanoid import HumanoidEnv
from envs.registry import make_env
from envs.tasks.towel import FABRICS

GAP = load_gap(load_robot())
TABLE, GRIP, GRIP_N = 0.7, 0.5, 2.0  # friction of the table, as the scene has it, and of the pads; force of the grip
# A folded corner lies on the towel.
WHERE = scenario(fabric="terry", turned_corner="far_right", grip_friction=GRIP)


@pytest.fixture(scope="module", params=[False, True], ids=["simulation", "twin"])
def env(request: pytest.FixtureRequest) -> Iterator[HumanoidEnv]:
    env = make_env("fold_towel", body="fast-twin" if request.param else "sim", images=False)
    yield env
    env.close()


def share_of(env: HumanoidEnv) -> float:
    return (GAP.twin if body_of(env).is_twin else GAP.simulated).contact_friction


def test_policies_train_on_the_friction_of_the_scenario_and_the_twin_has_less() -> None:
    assert GAP.simulated.contact_friction == 1.0
    assert GAP.twin.contact_friction < 0.95


def test_cloth_slides_on_itself_and_on_the_table_as_the_exemplar_says(env: HumanoidEnv) -> None:
    for _ in range(2):  # staged again, it is scaled once
        env.reset(seed=0, options={"scenario": WHERE})
    env.step(env.robot.home)
    simulation = body_of(env).simulation
    contact, table = simulation.data.contact, simulation.model.geom("table_top").id
    is_own = (contact.flex >= 0).all(axis=1)
    is_on_table = (contact.geom == table).any(axis=1) & (contact.flex >= 0).any(axis=1)
    assert min(is_own.sum(), is_on_table.sum()) > 5
    np.testing.assert_allclose(contact.friction[is_own, 0], share_of(env) * FABRICS["terry"].friction)
    np.testing.assert_allclose(contact.friction[is_on_table, 0], share_of(env) * TABLE)


@pytest.mark.parametrize(("pulled", "slips"), [(0.97, False), (1.03, True)])
def test_a_hold_breaks_at_the_friction_of_the_exemplar(env: HumanoidEnv, pulled: float, slips: bool) -> None:
    env.reset(seed=0, options={"scenario": WHERE})
    rules, simulation = rules_of(env), body_of(env).simulation
    bears_n = 2.0 * share_of(env) * GRIP * GRIP_N  # cloth slips on both pads
    memory = rules.memory()
    memory["holds"]["left"] |= {
        "vertices": [80],
        "gathered_m": [[0.0, 0.0, 0.0]],
        "grip_n": GRIP_N,
        "pull_n": pulled * bears_n,
    }
    rules.restore(memory)
    hold = rules.holds["left"]
    hold.act(simulation.data, rules.towel.vertices(simulation.data), GRIP)
    assert hold.slips == int(slips)
    assert hold.vertices == (() if slips else (80,))
