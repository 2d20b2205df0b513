"""brew_coffee: good motion passes, each kind of bad motion fails for its own reason, and only the beep says when."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import mujoco
import numpy as np
import pytest
from brew_coffee_stage import (
    CONTROL_HZ,
    ON_TABLE,
    TAKE,
    UNDER_SPOUT,
    blind_env,
    brew,
    press_button,
    put_cup,
    rules_of,
    scenario,
    shove_cup,
    simulation_of,
    wait,
)
from pick_fruit_flights import FloatArray, Info, fly

from envs.humanoid import HumanoidEnv
from envs.pilots.brew_coffee_expert import REACTION_S
from envs.scenario import Factor
from envs.snapshot import Snapshot
from envs.stage import Judgement
from envs.tasks.brew_coffee import BREW_COFFEE
from envs.tasks.coffee_machine import BEEP_S, PATIENCE_S, POUR_S
from envs.tasks.surroundings import SURFACES, SURROUNDINGS

EPISODE_STEPS = round(BREW_COFFEE.duration_s * CONTROL_HZ)
# Those of the machine live in the rules, where only time and sound show them.
OF_MACHINE = ("brewing_time", "beep_over_noise")
SHARED = (*SURFACES, *SURROUNDINGS)
STAGED_FACTORS = [
    factor for factor in BREW_COFFEE.space.factors if factor not in SHARED and factor.name not in OF_MACHINE
]


@pytest.fixture(scope="module")
def env() -> Iterator[HumanoidEnv]:
    with blind_env() as made:
        yield made


@pytest.fixture(scope="module")
def flight(env: HumanoidEnv) -> list[tuple[Info, FloatArray, FloatArray]]:
    """One episode of the expert: info, where the hand was, where the cup was."""
    data, seen = None, []
    for info in fly(env, scenario(brewing_time=4.6), seed=3, steps=EPISODE_STEPS):
        data = simulation_of(env).data
        seen.append((info, data.site("right_grasp").xpos.copy(), data.body("cup").xpos.copy()))
    return seen


def ends(env: HumanoidEnv, seconds: float) -> Judgement:
    judgement: Judgement = wait(env, seconds)["judgement"]
    return judgement


def test_the_expert_brews_and_serves_a_coffee(flight: list[tuple[Info, FloatArray, FloatArray]]) -> None:
    judgement = flight[-1][0]["judgement"]
    assert judgement.success, judgement.unmet
    assert all(judgement.done)
    assert judgement.unmet == ""


def test_the_expert_waits_for_the_beep_and_reacts_as_late_as_a_person(
    flight: list[tuple[Info, FloatArray, FloatArray]],
) -> None:
    current = [info["judgement"].current for info, _, _ in flight]
    beep = current.index(TAKE)
    reaction = round(REACTION_S * CONTROL_HZ)
    fingers = [info["sent_rad"][-3:] for info, _, _ in flight[beep - 5 : beep + reaction]]
    assert np.ptp(fingers, axis=0).max() < 0.01
    hand = np.array([hand for _, hand, _ in flight[beep - 5 : beep + reaction]])
    assert np.ptp(hand, axis=0).max() < 0.003
    assert current.index(TAKE + 1) - beep <= round(PATIENCE_S * CONTROL_HZ)


def test_the_steps_are_done_one_after_the_other(flight: list[tuple[Info, FloatArray, FloatArray]]) -> None:
    current = [info["judgement"].current for info, _, _ in flight]
    assert sorted(set(current)) == list(range(7))
    # A first touch may slip off the cup.
    assert sum(after < before for before, after in pairwise(current)) <= 1


def test_a_cup_that_is_taken_before_the_beep_fails(env: HumanoidEnv) -> None:
    brew(env, scenario(brewing_time=6), 3.5)
    put_cup(env, (UNDER_SPOUT[0], UNDER_SPOUT[1], UNDER_SPOUT[2] + 0.03))
    judgement = ends(env, 0.04)
    assert judgement.failure is not None
    assert judgement.failure.startswith("early: the cup was taken 2.")
    assert judgement.unmet == judgement.failure


def test_a_cup_that_is_nudged_while_it_fills_does_not(env: HumanoidEnv) -> None:
    brew(env, scenario(brewing_time=6), 3.5)
    put_cup(env, (UNDER_SPOUT[0] + 0.008, UNDER_SPOUT[1], UNDER_SPOUT[2]))
    assert ends(env, 0.3).failure is None


@pytest.mark.parametrize(("after_beep_s", "is_late"), [(PATIENCE_S - 0.3, False), (PATIENCE_S + 0.3, True)])
def test_a_cup_that_is_left_there_after_the_beep_fails(env: HumanoidEnv, after_beep_s: float, is_late: bool) -> None:
    judgement = brew(env, scenario(brewing_time=4), 4.0 + after_beep_s)
    assert (judgement.failure or "").startswith("late: ") is is_late
    if not is_late:
        put_cup(env, ON_TABLE)
        judgement = ends(env, 1.0)
        assert judgement.done[TAKE]
        assert judgement.failure is None


def test_pressing_without_a_cup_fails(env: HumanoidEnv) -> None:
    env.reset(seed=0, options={"scenario": scenario()})
    press_button(env)
    assert (ends(env, 0.1).failure or "").startswith("missed: ")


def test_a_touch_that_is_too_light_does_not_press_the_button(env: HumanoidEnv) -> None:
    env.reset(seed=0, options={"scenario": scenario()})
    button = simulation_of(env).data.joint("button")
    for force_n, is_started in ((1.0, False), (2.5, True)):
        button.qfrc_applied[0] = force_n
        wait(env, 0.4)
        assert rules_of(env).machine.is_started is is_started


@pytest.mark.parametrize(("speed_m_s", "spills"), [(0.05, False), (0.6, True)])
def test_a_jerk_spills(env: HumanoidEnv, speed_m_s: float, spills: bool) -> None:
    brew(env, scenario(brewing_time=4), 4.2)
    shove_cup(env, speed_m_s)
    assert (ends(env, 0.3).failure or "").startswith("spilled: the surface stood ") is spills


@pytest.mark.parametrize(("share_of_edge", "spills"), [(0.8, False), (1.2, True)])
def test_coffee_runs_out_where_geometry_says(env: HumanoidEnv, share_of_edge: float, spills: bool) -> None:
    where = scenario(brewing_time=4, rim_gap=10)
    brew(env, where, 4.2)
    # A level surface reaches the rim of a cup that leans by atan(gap / inner radius).
    edge_rad = np.arctan2(10.0, where.number("cup_radius") - 3.5)
    failure, (x, y, z) = None, ON_TABLE
    for share in np.linspace(0.0, share_of_edge, 60):  # slowly
        put_cup(env, (x, y, z + 0.1), lean_rad=share * edge_rad)
        failure = failure or ends(env, 0.04).failure
        if failure is not None:
            break
    assert (failure or "").startswith("spilled: ") is spills


def test_a_full_cup_that_is_turned_over_spills_and_can_still_be_frozen(env: HumanoidEnv) -> None:
    brew(env, scenario(brewing_time=4), 4.2)
    put_cup(env, (0.3, -0.4, 0.9), lean_rad=2.8)
    assert (ends(env, 0.04).failure or "").startswith("spilled: ")
    snapshot = Snapshot.from_bytes(env.snapshot().to_bytes())
    *_, info = env.reset(seed=0, options={"start": snapshot})
    assert info["judgement"].failure.startswith("spilled: ")
    assert np.isfinite(simulation_of(env).model.geom("coffee").quat).all()


def test_an_empty_cup_that_falls_over_fails(env: HumanoidEnv) -> None:
    env.reset(seed=0, options={"scenario": scenario()})
    put_cup(env, (0.3, -0.4, 0.67), lean_rad=1.1)
    assert (ends(env, 0.5).failure or "").startswith("tipped: ")


def test_a_cup_that_falls_off_the_table_fails(env: HumanoidEnv) -> None:
    env.reset(seed=0, options={"scenario": scenario()})
    put_cup(env, (0.05, -0.5, 0.67))
    assert (ends(env, 0.5).failure or "").startswith("dropped: ")


@pytest.mark.parametrize(
    ("foot_m", "unmet"),
    [
        (ON_TABLE, "carry: the cup is 221 mm beside the tray's middle"),
        (UNDER_SPOUT, "take: "),
    ],
)
def test_a_cup_that_was_not_brought_to_the_tray_is_told(
    env: HumanoidEnv, foot_m: tuple[float, float, float], unmet: str
) -> None:
    brew(env, scenario(brewing_time=4), 4.2)
    put_cup(env, foot_m)
    judgement = ends(env, 0.3)
    assert not judgement.success
    assert judgement.failure is None
    assert judgement.unmet.startswith(unmet)


def test_the_coffee_weighs_what_its_volume_says(env: HumanoidEnv) -> None:
    where = scenario(brewing_time=6, cup_radius=30, cup_mass=100, rim_gap=12)
    brew(env, where, 5.0)
    simulation = simulation_of(env)
    data, feet = simulation.data, simulation.model.geom("drip_tray").id
    weight_n, force_n = 0.0, np.zeros(6)
    for index in range(data.ncon):
        if feet in data.contact.geom[index]:
            mujoco.mj_contactForce(simulation.model, data, index, force_n)
            weight_n += force_n[0]
    depth_m = 2.8 * 0.030 - 0.0065 - 0.012
    assert weight_n == pytest.approx(9.81 * (0.1 + 1000 * np.pi * 0.0265**2 * depth_m), rel=0.02)


def test_nothing_but_the_beep_tells_when_the_machine_is_ready(env: HumanoidEnv) -> None:
    states = []
    for brewing_s in (5.0, 12.0):
        brew(env, scenario(brewing_time=brewing_s), 0.04)
        states.append([wait(env, 0.04)["state"] for _ in range(round(4.8 * CONTROL_HZ))])
    assert states[0] == states[1]  # every sense but the cameras
    assert not rules_of(env).voices
    brew(env, scenario(brewing_time=5.0), 5.1)
    assert set(rules_of(env).voices) == {"beep"}


def test_the_pump_tells_no_more_than_that_the_machine_runs() -> None:
    brewing = BREW_COFFEE.space.by_name["brewing_time"]
    assert brewing.lower > POUR_S
    assert brewing.nominal_range == (brewing.lower, brewing.upper)


@pytest.mark.parametrize("over_db", [-5.0, 20.0])
def test_the_beep_is_as_loud_and_as_long_as_was_asked_for(env: HumanoidEnv, over_db: float) -> None:
    brew(env, scenario(brewing_time=4, beep_over_noise=over_db, noise_level=60), 3.9)
    heard = []
    for _ in range(50):
        wait(env, 0.04)
        heard.append(rules_of(env).voices.get("beep", 0.0))
    amplitude = max(heard)
    assert 94.0 + 20.0 * np.log10(amplitude) == pytest.approx(60.0 + over_db)
    beeping = [index for index, each in enumerate(heard) if each]
    assert beeping == list(range(beeping[0], beeping[-1] + 1))
    assert len(beeping) / CONTROL_HZ == pytest.approx(BEEP_S, abs=0.05)
    assert BEEP_S >= 0.6
    assert PATIENCE_S >= 1.5


@pytest.mark.parametrize("moment_s", [1.5, 4.0])
def test_a_brew_goes_on_bit_for_bit_where_a_snapshot_was_taken(env: HumanoidEnv, moment_s: float) -> None:
    brew(env, scenario(brewing_time=4.3), moment_s)
    shove_cup(env, 0.04)
    wait(env, 0.04)
    snapshot = Snapshot.from_bytes(env.snapshot().to_bytes())
    wishes = env.robot.home + np.random.default_rng(5).uniform(-0.05, 0.05, (15, env.robot.home.size))
    states = [env.step(wish)[-1]["state"] for wish in wishes]
    physics, memory = simulation_of(env).physics_state(), rules_of(env).memory()
    with blind_env() as fresh:
        for restarted in (env, fresh):
            *_, info = restarted.reset(seed=9, options={"start": snapshot})
            assert info["restart"] == "exact"
            assert [restarted.step(wish)[-1]["state"] for wish in wishes] == states
            assert (simulation_of(restarted).physics_state() == physics).all()
            assert rules_of(restarted).memory() == memory


def test_the_null_factor_changes_nothing(env: HumanoidEnv) -> None:
    one, other = (brewed_states(env, crate_number=number) for number in (1, 9))
    assert one == other


@pytest.mark.parametrize("factor", STAGED_FACTORS, ids=[factor.name for factor in STAGED_FACTORS])
def test_every_factor_of_its_own_changes_what_is_staged(env: HumanoidEnv, factor: Factor) -> None:
    one, other = (staged(env, **{factor.name: end}) for end in (factor.lower, factor.upper))
    if factor.name == "rim_gap":  # shows once the coffee is there
        one, other = (brewed_states(env, rim_gap=end) for end in (factor.lower, factor.upper))
    assert one != other


def test_staging_the_same_scenario_again_gives_the_same_scene(env: HumanoidEnv) -> None:
    first = staged(env)
    brew(env, scenario(cup_radius=26, cup_mass=180, tray_x=27, cup_hue=10), 3.2)
    assert staged(env) == first


def staged(env: HumanoidEnv, **values: float) -> tuple[bytes, bytes]:
    """The compiled model and the state after staging."""
    env.reset(seed=0, options={"scenario": scenario(**values)})
    simulation = simulation_of(env)
    buffer = np.empty(mujoco.mj_sizeModel(simulation.model), dtype=np.uint8)
    mujoco.mj_saveModel(simulation.model, None, buffer)
    return buffer.tobytes(), simulation.physics_state().tobytes()


def brewed_states(env: HumanoidEnv, **values: float) -> tuple[bytes, bytes, bytes]:
    """Of the physics and of what is heard, a little after the button, with the mass of the cup."""
    brew(env, scenario(brewing_time=4, **values), 1.0)
    state = wait(env, 0.04)["state"]
    simulation = simulation_of(env)
    return simulation.physics_state().tobytes(), state.sound.tobytes(), simulation.model.body("cup").mass.tobytes()
