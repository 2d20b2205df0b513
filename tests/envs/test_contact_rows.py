"""Forces of contacts, one by one and added up, against what MuJoCo says of each contact."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from itertools import islice

import mujoco
import numpy as np
import pytest

from envs.contact_rows import ContactRows
from envs.force_sums import ForceSums
from envs.registry import make_env
from envs.scenario import Scenario
from envs.simulation import Simulation
from envs.tasks.known import load_task
from experiments.flights import flown, simulated_body

HAND = "right_"


def is_thumb(body: str) -> bool:
    return body.startswith("right_thumb")


def is_limb(body: str) -> bool:
    return body.startswith(HAND)


def is_sponge(body: str) -> bool:
    return body in ("sponge", "foot")


def is_plate(body: str) -> bool:
    return body == "plate"


def is_any(body: str) -> bool:
    return True


Side = Callable[[str], bool]
SUMS: dict[str, dict[str, tuple[Side, Side]]] = {
    "pick_fruit": {
        "right_thumb_on_ripe": (is_thumb, "ripe".__eq__),
        "right_on_ripe": (is_limb, "ripe".__eq__),
    },
    "brew_coffee": {
        "right_thumb_on_cup": (is_thumb, "cup".__eq__),
        "right_on_cup": (is_limb, "cup".__eq__),
    },
    "wash_dishes": {
        "sponge_on_plate": (is_sponge, is_plate),
        "right_thumb_on_sponge": (is_thumb, is_sponge),
        "right_on_sponge": (is_limb, is_sponge),
        "right_thumb_on_plate": (is_thumb, is_plate),
        "right_on_plate": (is_limb, is_plate),
        "all_on_plate": (is_any, is_plate),
    },
}


def force_n(simulation: Simulation, contact: int) -> float:
    force = np.zeros(6)
    mujoco.mj_contactForce(simulation.model, simulation.data, contact, force)
    return float(force[0])


def met(simulation: Simulation) -> list[tuple[str, str, float]]:
    """The two bodies of every contact, and its normal force."""
    model = simulation.model
    return [
        (*(model.body(model.geom_bodyid[geom]).name for geom in geoms), force_n(simulation, contact))
        for contact, geoms in enumerate(simulation.data.contact.geom.tolist())
    ]


def between(one: str, other: str, sides: tuple[Side, Side]) -> bool:
    return any(first(one) and second(other) for first, second in (sides, sides[::-1]))


def nominal(task: str) -> Scenario:
    space = load_task(task).space
    return next(iter(islice(space.draw(None, np.random.default_rng(5), distribution="nominal"), 1)))


@pytest.mark.parametrize("task", SUMS)
def test_a_sum_holds_the_contacts_between_its_two_sides_and_no_other(task: str) -> None:
    names = list(SUMS[task])
    strongest_n = dict.fromkeys(names, 0.0)
    with closing(make_env(task, images=False, senses=())) as env:
        env.reset(options={"scenario": nominal(task)})
        simulation = simulated_body(env).simulation
        sums = ForceSums(simulation, names)
        for _ in flown(env, nominal(task), 5):
            contacts = met(simulation)
            expected = [sum(n for one, other, n in contacts if between(one, other, SUMS[task][name])) for name in names]
            assert sums.read_n() == pytest.approx(expected, abs=1e-9)
            strongest_n = {name: max(strongest_n[name], one_n) for name, one_n in zip(names, expected, strict=True)}
    assert min(strongest_n.values()) > 0.5, strongest_n  # each has had something to feel


def test_pads_that_pinch_nothing_feel_each_other() -> None:
    with closing(make_env("fold_towel", images=False, senses=())) as env:
        env.reset(seed=0)
        simulation = simulated_body(env).simulation
        sums, pinched_n = ForceSums(simulation, ("left_pinch", "right_pinch")), 0.0
        pads = {simulation.model.geom(f"right_{digit}_pad").id for digit in ("thumb", "middle")}
        closed = env.robot.home.copy()
        for joint in ("right_thumb_flex", "right_middle_flex"):
            index = env.robot.joint_names.index(joint)
            closed[index] = env.robot.joints[index].upper
        for _ in range(40):
            env.step(closed)
            contacts = [i for i, pair in enumerate(simulation.data.contact.geom.tolist()) if set(pair) == pads]
            expected_n = sum(force_n(simulation, contact) for contact in contacts)
            assert sums.read_n() == pytest.approx([0.0, expected_n], abs=1e-9)
            pinched_n = max(pinched_n, expected_n)
    assert pinched_n > 0.5


@pytest.mark.parametrize("cone", [mujoco.mjtCone.mjCONE_ELLIPTIC, mujoco.mjtCone.mjCONE_PYRAMIDAL])
def test_forces_of_some_contacts_are_those_that_mujoco_gives_one_by_one(cone: mujoco.mjtCone) -> None:
    with closing(make_env("wash_dishes", images=False, senses=())) as env:
        env.reset(seed=0)
        kitchen = simulated_body(env).simulation
        kitchen.model.opt.cone = cone
        mujoco.mj_step(kitchen.model, kitchen.data, 20)
        rows, indices = ContactRows(kitchen), list(range(kitchen.data.ncon))[::-1]
        forces_n = rows.some_normal_forces_n(kitchen.data.contact, indices)
        assert forces_n == pytest.approx([force_n(kitchen, i) for i in indices])
        assert max(forces_n) > 0.2


def test_a_sum_takes_no_other_sensor() -> None:
    with closing(make_env("pick_fruit", images=False, senses=())) as env:
        env.reset(seed=0)
        simulation = simulated_body(env).simulation
        with pytest.raises(ValueError, match="'imu_gyro' feels no contact forces"):
            ForceSums(simulation, ("imu_gyro",))
        with pytest.raises(KeyError):
            ForceSums(simulation, ("nothing",))


@pytest.mark.parametrize(("task", "thing"), [("brew_coffee", "cup"), ("pick_fruit", "ripe"), ("wash_dishes", "sponge")])
def test_no_force_is_cut_off_however_a_thing_lies_in_the_hand(task: str, thing: str) -> None:
    names = [name for name in SUMS[task] if name.startswith(HAND) and name.endswith(thing)]
    rng = np.random.default_rng(2)
    with closing(make_env(task, images=False, senses=())) as env:
        env.reset(options={"scenario": nominal(task)})
        simulation = simulated_body(env).simulation
        model, data = simulation.model, simulation.data
        sums = ForceSums(simulation, names)
        begun = data.qpos.copy()
        digits = [model.joint(f"right_{digit}_flex").qposadr[0] for digit in ("thumb", "index", "middle")]
        most = 0
        for _ in range(400):
            data.qpos[:] = begun
            data.qpos[digits] = rng.uniform(-0.5, 1.1, len(digits))
            mujoco.mj_kinematics(model, data)
            place_m = data.site("right_grasp").xpos + rng.normal(0.0, 0.02, 3)
            turn = rng.normal(size=4)
            data.joint(thing).qpos[:] = [*place_m, *turn / np.linalg.norm(turn)]
            mujoco.mj_forward(model, data)
            contacts = met(simulation)
            pressing = [
                [n for one, other, n in contacts if n > 0.0 and between(one, other, SUMS[task][name])] for name in names
            ]
            most = max(most, *(len(forces_n) for forces_n in pressing))
            assert sums.read_n() == pytest.approx([sum(forces_n) for forces_n in pressing], rel=1e-6)
    assert most > 4  # else the hand closed on nothing
