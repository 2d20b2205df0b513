"""fold_towel: a good fold passes, each kind of bad one fails for its own reason, and a snapshot holds the towel too."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice

import mujoco
import numpy as np
import pytest
from fold_towel_flights import FloatArray, Info, blind_env, body_of, fly, rules_of, scenario, with_fingers

from envs.body import BodyState
from envs.humanoid import HumanoidEnv
from envs.scenario import Factor, Scenario
from envs.snapshot import Snapshot
from envs.stage import Judgement
from envs.tasks.cloth_hold import REACH_M
from envs.tasks.fold_towel import FOLD_TOWEL
from envs.tasks.towel import FABRICS, corner

GRASP, FOLD, SMOOTH = 0, 1, 2
GOES_ON = 12
# What surrounds every task has tests of its own; how slippery the fingers are shows only in a pull.
STAGED = [
    factor
    for factor in FOLD_TOWEL.space.factors
    if any(word in factor.in_simulation for word in ("towel", "flex", "vertices"))
]


@dataclass
class Flight:
    """One good episode, and what was kept of it."""

    judgements: list[Judgement] = field(default_factory=list)
    held: Snapshot | None = None  # both far corners are in the hands, and off the table
    after: list[tuple[FloatArray, BodyState]] = field(default_factory=list)  # wishes and states that followed
    folded: Snapshot | None = None


@pytest.fixture(scope="module")
def env() -> Iterator[HumanoidEnv]:
    with blind_env() as made:
        yield made


@pytest.fixture(scope="module")
def flight() -> Flight:
    kept = Flight()
    with blind_env() as env:
        for info in fly(env, scenario()):
            kept.judgements.append(info["judgement"])
            current = kept.judgements[-1].current
            if kept.held is not None and len(kept.after) < GOES_ON:
                kept.after.append((info["wish_rad"], info["state"]))
            if kept.held is None and current == FOLD and lifted_m(env) > 0.03:
                kept.held = Snapshot.from_bytes(env.snapshot().to_bytes())
            if kept.folded is None and current == SMOOTH:
                kept.folded = Snapshot.from_bytes(env.snapshot().to_bytes())
    return kept


def lifted_m(env: HumanoidEnv) -> float:
    vertices_m = rules_of(env).towel.vertices(body_of(env).simulation.data)
    return float(vertices_m[corner("far_left"), 2] - vertices_m[corner("near_left"), 2])


def test_the_expert_folds_twice_doing_each_step_in_its_turn(flight: Flight) -> None:
    assert flight.judgements[-1].success, flight.judgements[-1].unmet
    steps = [judgement.current for judgement in flight.judgements]
    assert steps == sorted(steps)
    assert set(steps) == set(range(5))


def test_a_snapshot_with_the_towel_in_the_hands_goes_on_bit_for_bit(env: HumanoidEnv, flight: Flight) -> None:
    assert flight.held is not None
    _, info = env.reset(seed=99, options={"start": flight.held})
    assert info["restart"] == "exact"
    assert all(hold.vertices for hold in rules_of(env).holds.values())
    for wish_rad, state in flight.after:
        *_, info = env.step(wish_rad)
        assert info["state"] == state


def test_hands_that_open_on_the_way_leave_the_towel_unfolded(env: HumanoidEnv, flight: Flight) -> None:
    assert flight.held is not None
    *_, info = fly(env, flight.held, lambda wish_rad, _: with_fingers(env, wish_rad, env.robot.lower), steps=30)
    judgement = info["judgement"]
    assert not judgement.done[FOLD]
    assert judgement.unmet.startswith("grasp: the left hand does not hold the far left corner, ")


def test_a_towel_folded_once_and_left_there_is_not_done(env: HumanoidEnv, flight: Flight) -> None:
    assert flight.folded is not None
    env.reset(seed=0, options={"start": flight.folded})
    for _ in range(12):
        *_, info = env.step(env.robot.home)
    judgement = info["judgement"]
    assert judgement.done == (True, True, False, False, False)
    assert judgement.unmet.startswith("smooth: 0 of 9 ")


@pytest.mark.slow
def test_the_expert_takes_over_in_the_middle(env: HumanoidEnv, flight: Flight) -> None:
    assert flight.folded is not None
    *_, info = fly(env, flight.folded)
    assert info["judgement"].success, info["judgement"].unmet


def test_hands_that_close_before_they_are_there_catch_nothing(env: HumanoidEnv) -> None:
    for info in fly(env, scenario(), lambda wish_rad, _: with_fingers(env, wish_rad, env.robot.upper), steps=55):
        assert info["judgement"].current == GRASP
        assert not any(hold.vertices for hold in rules_of(env).holds.values())


@pytest.mark.parametrize(("friction", "slips"), [(0.15, True), (0.8, False)])
def test_a_hold_bears_no_more_than_friction(env: HumanoidEnv, friction: float, slips: bool) -> None:
    held = pull_when_held(env, scenario(grip_friction=friction), pull_n=2.0)
    assert (not held) is slips
    assert rules_of(env).holds["left"].slips == int(slips)


def test_a_towel_that_is_pulled_too_hard_tears(env: HumanoidEnv) -> None:
    assert pull_when_held(env, scenario(grip_friction=0.8), pull_n=11.0, squeezing=True)
    failure = body_of(env).assess().failure
    assert failure is not None
    assert failure.startswith("torn: ")


def pull_when_held(env: HumanoidEnv, where: Scenario, pull_n: float, *, squeezing: bool = False) -> bool:
    """Fly until both hands hold a corner, then draw one corner out for 0.3 s; whether it is still held."""

    def closer(wish_rad: FloatArray, info: Info) -> FloatArray:
        is_held = squeezing and info["judgement"].current == FOLD
        return with_fingers(env, wish_rad, env.robot.upper) if is_held else wish_rad

    pulled = 0
    for info in fly(env, where, closer):
        if info["judgement"].current == FOLD or pulled:
            pulled += 1
        if pulled > 8:
            data = body_of(env).simulation.data
            data.body("towel_80").xfrc_applied[0] = pull_n
        if pulled > 16 or info["judgement"].failure is not None:
            break
    return corner("far_left") in rules_of(env).holds["left"].vertices


def test_a_towel_drawn_over_the_edge_is_dropped(env: HumanoidEnv) -> None:
    env.reset(seed=0, options={"scenario": scenario()})
    simulation, towel = body_of(env).simulation, rules_of(env).towel
    simulation.data.xfrc_applied[towel.bodies, 0] = -0.01
    for _ in range(50):
        *_, terminated, _, info = env.step(env.robot.home)
        if terminated:
            break
    simulation.data.xfrc_applied[:] = 0.0
    assert info["judgement"].failure.startswith("dropped: the towel hangs ")


@pytest.mark.parametrize("factor", STAGED, ids=[factor.name for factor in STAGED])
def test_every_factor_of_the_towel_changes_what_is_staged(env: HumanoidEnv, factor: Factor) -> None:
    ends = factor.choices[:2] if factor.is_categorical else (factor.lower, 0.6 * factor.lower + 0.4 * factor.upper)
    one, other = (staged(env, scenario(**{factor.name: end})) for end in ends)
    assert one != other


def test_whoever_reaches_where_corners_lie_on_average_misses_one_in_half_of_the_nominal_towels(
    env: HumanoidEnv,
) -> None:
    # Else it could be folded by heart, without a look at where it lies.
    env.reset(seed=0, options={"scenario": scenario()})
    simulation, towel = body_of(env).simulation, rules_of(env).towel
    far = towel.bodies[[corner("far_left"), corner("far_right")]]
    drawn = FOLD_TOWEL.space.draw(None, np.random.default_rng(0), distribution="nominal")
    lay_m = []
    for where in islice(drawn, 256):
        towel.cut(where.number("towel_size") / 1e2, FABRICS["terry"])
        middle_m = np.array([where.number("towel_x"), where.number("towel_y")]) / 1e2
        towel.lay(simulation.data, middle_m, np.deg2rad(where.number("towel_turn")))
        mujoco.mj_kinematics(simulation.model, simulation.data)
        lay_m.append(simulation.data.xpos[far])
    away_m = np.linalg.norm(np.array(lay_m) - np.mean(lay_m, axis=0), axis=2)  # (scenarios, corners)
    assert np.mean((away_m < REACH_M).all(axis=1)) < 0.55


def test_staging_the_same_scenario_again_gives_the_same_scene(env: HumanoidEnv) -> None:
    first = staged(env, scenario())
    staged(env, scenario(towel_size=24, fabric="terry", towel_turn=8, turned_corner="far_right", pattern="checked"))
    assert staged(env, scenario()) == first


def test_a_turned_corner_lies_on_top_of_the_towel(env: HumanoidEnv) -> None:
    env.reset(seed=0, options={"scenario": scenario(turned_corner="far_right", towel_turn=0)})
    vertices_m = rules_of(env).towel.vertices(body_of(env).simulation.data)
    beside, behind, turned = (vertices_m[corner(name)] for name in ("far_left", "near_right", "far_right"))
    assert beside[0] - turned[0] > 0.05
    assert turned[1] - behind[1] > 0.05
    assert turned[2] > beside[2] + 0.002


def staged(env: HumanoidEnv, where: Scenario) -> tuple[bytes, bytes]:
    """The compiled model and the state after staging."""
    env.reset(seed=0, options={"scenario": where})
    simulation = body_of(env).simulation
    buffer = np.empty(mujoco.mj_sizeModel(simulation.model), dtype=np.uint8)
    mujoco.mj_saveModel(simulation.model, None, buffer)
    return buffer.tobytes(), simulation.physics_state().tobytes()
