"""pick_fruit: good motion passes, each kind of bad motion fails for its own reason, and factors do what they say."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

import numpy as np
import pytest
from flights import staged
from pick_fruit_flights import CARRY, FINGERS, GRASP, PICK, FloatArray, Info, blind_env, body_of, fly, scenario

from envs.humanoid import HumanoidEnv
from envs.scenario import Factor
from envs.tasks.pick_fruit import BRUISE_FORCE_N, PICK_FRUIT

# The null factor changes nothing; the stem's strength lives in the rules, where only pulling shows it; cameras and
# background noise live in the senses.
_ELSEWHERE = ("crate_number", "stem_strength", "camera_exposure", "camera_noise", "noise_level", "noise_kind")
STAGED_FACTORS = [factor for factor in PICK_FRUIT.space.factors if factor.name not in _ELSEWHERE]


@pytest.fixture(scope="module")
def env() -> Iterator[HumanoidEnv]:
    with blind_env() as made:
        yield made


def last(flight: Iterator[Info]) -> Info:
    *_, info = flight
    return info


def fingers_at(env: HumanoidEnv, wish_rad: FloatArray, side: FloatArray) -> FloatArray:
    joints = [env.robot.joint_index[name] for name in FINGERS]
    wish_rad[joints] = side[joints]
    return wish_rad


@pytest.mark.slow
def test_the_expert_succeeds_on_nominal_scenarios(env: HumanoidEnv) -> None:
    drawn = PICK_FRUIT.space.draw(None, np.random.default_rng(31), distribution="nominal")
    for where in islice(drawn, 3):
        judgement = last(fly(env, where))["judgement"]
        assert judgement.success, judgement.unmet
        assert all(judgement.done)


def test_the_expert_does_not_stop_its_hand_to_close_it(env: HumanoidEnv) -> None:
    hand, reached = [], None
    for info in fly(env, scenario()):
        hand.append(body_of(env).simulation.data.site("right_grasp").xpos.copy())
        if info["judgement"].current == GRASP and reached is None:
            reached = len(hand) - 1
    assert reached is not None
    speed = np.linalg.norm(np.diff(hand, axis=0), axis=1) * env.robot.control_hz
    assert speed[reached - 1] > 0.1
    # Slowing down as it did before, it needs as long again; having stopped, it would be at rest within a step.
    assert speed[reached + 1] > 0.4 * speed[reached - 1]


def test_closing_the_hand_fully_on_the_fruit_bruises_it(env: HumanoidEnv) -> None:
    def squeeze(wish_rad: FloatArray, info: Info) -> FloatArray:
        return fingers_at(env, wish_rad, env.robot.upper) if info["judgement"].current >= PICK else wish_rad

    judgement = last(fly(env, scenario(), squeeze))["judgement"]
    assert not judgement.success
    assert judgement.failure.startswith("bruised: ")


def test_a_grip_a_hair_too_hard_is_told_so(env: HumanoidEnv) -> None:
    fly(env, scenario(), lambda wish_rad, info: wish_rad)
    body = body_of(env)
    body.rules.restore(body.rules.memory() | {"peak_n": BRUISE_FORCE_N + 0.003})
    assert body.rules.assess(body.simulation).failure == "bruised: gripped with 12.003 N (at most 12)"


def test_opening_the_hand_on_the_way_drops_the_fruit(env: HumanoidEnv) -> None:
    has_picked = False

    def let_go(wish_rad: FloatArray, info: Info) -> FloatArray:
        nonlocal has_picked
        has_picked |= info["judgement"].current >= CARRY
        return fingers_at(env, wish_rad, env.robot.lower) if has_picked else wish_rad

    judgement = last(fly(env, scenario(), let_go))["judgement"]
    assert not judgement.success
    assert judgement.failure.startswith("dropped: ")


@pytest.mark.parametrize(("pull_n", "falls"), [(2.0, False), (7.0, True)])
def test_tearing_an_unripe_fruit_off_fails(env: HumanoidEnv, pull_n: float, falls: bool) -> None:
    def pull(wish_rad: FloatArray, info: Info) -> FloatArray:
        data = body_of(env).simulation.data
        data.body("unripe_left").xfrc_applied[2] = -pull_n if info["step"] < 10 else 0.0
        return wish_rad

    failure = last(fly(env, scenario(unripe="both"), pull, steps=14))["judgement"].failure
    assert (failure or "").startswith("unripe_fallen: ") is falls


@pytest.mark.parametrize(("strength_n", "breaks"), [(1.0, True), (4.0, False)])
def test_a_stem_gives_at_its_own_strength(env: HumanoidEnv, strength_n: float, breaks: bool) -> None:
    env.reset(seed=0, options={"scenario": scenario(stem_strength=strength_n)})
    simulation = body_of(env).simulation
    stem = simulation.model.equality("ripe").id
    simulation.data.body("ripe").xfrc_applied[2] = -2.5
    for _ in range(8):
        if simulation.data.eq_active[stem]:
            env.step(env.robot.home)
    assert (not simulation.data.eq_active[stem]) is breaks


def test_the_null_factor_changes_nothing(env: HumanoidEnv) -> None:
    one, other = ([info["state"] for info in fly(env, scenario(crate_number=n), steps=60)] for n in (1, 9))
    assert scenario(crate_number=1) != scenario(crate_number=9)
    assert one == other


@pytest.mark.parametrize("factor", STAGED_FACTORS, ids=[factor.name for factor in STAGED_FACTORS])
def test_every_other_factor_changes_what_is_staged(env: HumanoidEnv, factor: Factor) -> None:
    ends = factor.choices[:2] if factor.is_categorical else (factor.lower, factor.upper)
    one, other = (staged(env, scenario(**{factor.name: end})) for end in ends)
    assert one != other


def test_staging_the_same_scenario_again_gives_the_same_scene(env: HumanoidEnv) -> None:
    first = staged(env, scenario())
    staged(env, scenario(fruit_radius=35, unripe="left", light_level=0.3, leaf_cover=1, fruit_x=38))
    assert staged(env, scenario()) == first
