"""Light, surfaces and cameras, as a scenario wants them."""

from __future__ import annotations

import re

import mujoco
import numpy as np
import pytest
from flights import middle_of
from hypothesis import given
from hypothesis import strategies as st
from pick_fruit_flights import blind_env, body_of, scenario

from envs.humanoid import HumanoidEnv
from envs.registry import make_env
from envs.scenario import Scenario
from envs.senses.lens import Lens
from envs.tasks.backdrop import black_body
from envs.tasks.known import TASK_NAMES, load_task
from envs.tasks.surroundings import SURROUNDINGS, TABLE_TEXTURES, WALL_TEXTURES
from envs.textures import EDGE, add_surfaces, paint

GREY = np.full((64, 96, 3), 120, dtype=np.uint8)


@pytest.mark.parametrize("task", TASK_NAMES)
def test_every_task_has_the_surroundings_as_its_last_factors_and_one_that_changes_nothing(task: str) -> None:
    factors = load_task(task).space.factors
    assert factors[-len(SURROUNDINGS) :] == SURROUNDINGS
    assert factors[-1].name == "crate_number"


def sensed(env: HumanoidEnv, where: Scenario) -> list[bytes]:
    """Every reading of the first steps, images among them."""
    observation, _ = env.reset(seed=3, options={"scenario": where})
    readings = []
    for step in range(5):
        readings += [observation[name].tobytes() for name in sorted(observation)]
        observation = env.step(env.robot.home + 0.02 * step)[0]
    return readings


@pytest.mark.parametrize("task", TASK_NAMES)
def test_the_factor_that_changes_nothing_changes_nothing_of_what_is_sensed(task: str) -> None:
    env = make_env(task)
    try:
        first, *others = (
            sensed(env, middle_of(env.task.space, crate_number=number, **values))
            for number, values in ((1.0, {}), (9.0, {}), (5.5, {"noise_level": 60.0}), (5.5, {"light_level": 0.3}))
        )
        assert any(name.startswith("image/") for name in env.observation_space.spaces)
    finally:
        env.close()
    assert [other == first for other in others] == [True, False, False]


@pytest.mark.parametrize("task", TASK_NAMES)
def test_every_factor_tells_a_trainer_its_value_in_both_languages_and_what_it_is_in_simulation(task: str) -> None:
    for factor in load_task(task).space.factors:
        assert "{value}" in factor.set_up_en, factor.name
        assert "{value}" in factor.set_up_zh, factor.name
        assert any("\u4e00" <= letter <= "\u9fff" for letter in factor.set_up_zh), factor.name
        assert factor.in_simulation, factor.name


UNITS = {"K", "EV"}  # that Chinese sentences write in Latin letters


@pytest.mark.parametrize("task", TASK_NAMES)
def test_every_choice_is_told_in_words_of_its_language(task: str) -> None:
    for factor in load_task(task).space.factors:
        assert set(factor.choice_words) == set(factor.choices), factor.name
        told = [factor.set_up(choice) for choice in factor.choices or (factor.lower, factor.upper)]
        assert len(set(told)) == len(told), factor.name
        for english, chinese in told:
            assert "_" not in english + chinese
            assert set(re.findall("[A-Za-z]+", chinese)) <= UNITS & {factor.unit}
        for english, chinese in factor.choice_words.values():
            assert re.fullmatch("[a-z ]+", english)
            assert re.fullmatch("[\u4e00-\u9fff]+", chinese)


@given(st.sampled_from(TASK_NAMES), st.data())
def test_a_number_is_told_in_plain_digits_as_exactly_as_a_person_can_set_it(task: str, data: st.DataObject) -> None:
    numeric = [factor for factor in load_task(task).space.factors if not factor.is_categorical]
    factor = data.draw(st.sampled_from(numeric))
    value = data.draw(st.floats(factor.lower, factor.upper))
    largest = max(abs(factor.lower), abs(factor.upper))
    for sentence, template in zip(factor.set_up(value), (factor.set_up_en, factor.set_up_zh), strict=True):
        before, after = template.split("{value}")
        assert sentence.startswith(before)
        assert sentence.endswith(after)
        digits = sentence[len(before) : len(sentence) - len(after)]
        assert re.fullmatch(r"-?\d+(\.\d*[1-9])?", digits)
        assert digits != "-0"
        assert abs(float(digits) - value) <= (0.5 if factor.is_whole else 0.005 * largest) * (1 + 1e-9)
        assert len(digits.replace("-", "").replace(".", "").lstrip("0").rstrip("0")) <= 3


def test_what_a_person_is_told_is_what_a_person_would_write() -> None:
    told = {factor.name: factor for task in TASK_NAMES for factor in load_task(task).space.factors}
    for name, value, text in (
        ("light_temperature", 5363.7, "5360"),
        ("crate_number", 6.6, "7"),
        ("towel_turn", -0.001, "0"),
        ("light_level", 0.25, "0.25"),
        ("cup_y", -32.25, "-32.2"),
        ("light_azimuth", 30.0, "30"),
    ):
        assert told[name].set_up(value)[0] == told[name].set_up_en.replace("{value}", text)
    assert told["fabric"].set_up("linen")[1] == "取这种织物的毛巾:亚麻布。"


def test_lamps_of_a_low_colour_temperature_are_orange_and_daylight_is_white() -> None:
    # CIE 1931 (x, y) of a black body of 2856 K, standard illuminant A, is (0.4476, 0.4074).
    red, green, blue = black_body(2856.0)
    assert red > 1.1 > green > 0.9 > 0.6 > blue
    np.testing.assert_allclose(black_body(6500.0), 1.0)
    assert black_body(4000.0) ** 2.2 @ [0.2126, 0.7152, 0.0722] == pytest.approx(1.0)


def test_staged_light_follows_level_and_colour_and_leaves_physics_alone() -> None:
    with blind_env() as env:
        env.reset(seed=0, options={"scenario": scenario(light_level=1.0, light_temperature=6500)})
        body = body_of(env)
        full, state = body.simulation.model.light_diffuse.copy(), body.simulation.physics_state()
        env.reset(seed=0, options={"scenario": scenario(light_level=0.5, light_temperature=6500)})
        np.testing.assert_allclose(body.simulation.model.light_diffuse, 0.5 * full)
        env.reset(seed=0, options={"scenario": scenario(light_level=1.0, light_temperature=2700, light_azimuth=80)})
        warm = body.simulation.model.light_diffuse
        assert (warm[:, 0] > full[:, 0]).all()
        assert (warm[:, 2] < full[:, 2]).all()
        np.testing.assert_array_equal(body.simulation.physics_state(), state)


@pytest.mark.parametrize(
    ("azimuth_deg", "told", "to_front", "to_left"),
    [
        (0.0, "from behind the robot, 0 degrees to its right", 1.0, 0.0),
        (90.0, "90 degrees to its right", 0.0, 1.0),
        (45.0, "45 degrees to its right", np.sqrt(0.5), np.sqrt(0.5)),
        (-90.0, "-90 degrees to its right (negative: left)", 0.0, -1.0),
    ],
)
def test_the_light_comes_from_where_a_trainer_is_told(
    azimuth_deg: float, told: str, to_front: float, to_left: float
) -> None:
    factor = next(factor for factor in SURROUNDINGS if factor.name == "light_azimuth")
    assert told in factor.set_up(azimuth_deg)[0]
    with blind_env() as env:
        env.reset(seed=0, options={"scenario": scenario(light_azimuth=azimuth_deg)})
        model, data = body_of(env).simulation.model, body_of(env).simulation.data
        goes = data.light_xdir[model.light("sun").id, :2]
        left = (data.site("left_grasp").xpos - data.site("right_grasp").xpos)[:2]
        front = np.array([left[1], -left[0]])
        assert front @ (data.body("ripe").xpos[:2] - data.site("right_grasp").xpos[:2]) > 0.0  # the tree is in front
        towards = np.array([goes @ front, goes @ left]) / np.linalg.norm(goes) / np.linalg.norm(left)
        np.testing.assert_allclose(towards, [to_front, to_left], atol=0.02)


def test_one_step_of_exposure_doubles_the_light() -> None:
    brighter = Lens(exposure_ev=1.0).develop(GREY, 0, 0)
    linear = (brighter / 255.0) ** 2.2
    np.testing.assert_allclose(linear, 2.0 * (GREY / 255.0) ** 2.2, rtol=0.01)
    assert (Lens(exposure_ev=0.7).develop(np.full_like(GREY, 250), 0, 0) == 255).all()


def test_grain_has_the_spread_asked_for_and_depends_on_seed_camera_and_step_alone() -> None:
    lens = Lens(noise_levels=5.0, seed=3)
    seen = lens.develop(GREY, 1, 7)
    assert np.std(seen.astype(float) - GREY) == pytest.approx(5.0, rel=0.05)
    lens.develop(GREY, 0, 8)
    np.testing.assert_array_equal(lens.develop(GREY, 1, 7), seen)
    np.testing.assert_array_equal(Lens(noise_levels=5.0, seed=3).develop(GREY, 1, 7), seen)
    for other in (
        lens.develop(GREY, 1, 8),
        lens.develop(GREY, 0, 7),
        Lens(noise_levels=5.0, seed=4).develop(GREY, 1, 7),
    ):
        assert (other != seen).any()


def test_a_lens_without_noise_and_exposure_changes_nothing() -> None:
    np.testing.assert_array_equal(Lens().develop(GREY, 0, 0), GREY)


def test_surfaces_continue_at_their_edges_and_differ_from_each_other() -> None:
    for surface, names in (("table", TABLE_TEXTURES), ("wall", WALL_TEXTURES)):
        pictures = [paint(surface, name) for name in names]
        assert all(picture.shape == (EDGE, EDGE, 3) for picture in pictures)
        assert len({picture.tobytes() for picture in pictures}) == len(names)
        np.testing.assert_array_equal(pictures[1], paint(surface, names[1]))


def test_a_scene_gets_the_surfaces_of_the_materials_it_has() -> None:
    world = mujoco.MjSpec.from_string(
        '<mujoco><asset><material name="table"/></asset>'
        '<worldbody><geom size="1" material="table"/></worldbody></mujoco>'
    )
    add_surfaces(world)
    model = world.compile()
    names = {model.mat(index).name for index in range(model.nmat)}
    assert names == {"table", *(f"table_{name}" for name in TABLE_TEXTURES)}
    shown = model.mat("table_wood").texid[mujoco.mjtTextureRole.mjTEXROLE_RGB]
    start = model.tex_adr[shown]
    np.testing.assert_array_equal(
        model.tex_data[start : start + paint("table", "wood").size], paint("table", "wood").ravel()
    )
