"""Blows and rubbing, against what mechanics and acoustics say."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import mujoco
import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.signal import find_peaks

from assets.table import load_robot
from envs.contact_rows import ContactRows
from envs.errors import BodyError
from envs.senses.contact_sound import ContactSound, Heard, Strike
from envs.senses.materials import MATERIALS, NAMES, materials_of
from envs.senses.sound import SoundSense
from envs.simulation import Simulation

FloatArray = NDArray[np.float64]
Build = Callable[..., Simulation]

HZ = 16_000
MASS_KG = 0.3
DISH = f"""
  <body name="dish" pos="0 0 {{height}}">
    <freejoint name="dish"/>
    <geom name="dish" type="box" size="0.05 0.05 0.01" mass="{MASS_KG}" friction="{{friction}}" condim="{{condim}}"/>
    <body name="lid" pos="0 0 0.02"><geom type="sphere" size="0.004" mass="1e-4" contype="0" conaffinity="0"/></body>
  </body>
"""
TOWEL = """
  <flexcomp name="towel" type="grid" dim="2" count="4 4 1" spacing="0.03 0.03 1" pos="0 0 0.6" radius="0.003"
            mass="0.03">
    <edge equality="true"/><contact selfcollide="none"/>
  </flexcomp>
"""


@pytest.fixture
def build(tmp_path: Path) -> Build:
    def scene(
        materials: str = "dish=ceramic",
        *,
        cone: str = "elliptic",
        height: float = 0.515,
        friction: float = 0.5,
        condim: int = 3,
        more: str = "",
    ) -> Simulation:
        """A robot far away, a floor 0.5 m high and a dish above it."""
        dish = DISH.format(height=height, friction=friction, condim=condim)
        (tmp_path / "kitchen.xml").write_text(
            f"""<mujoco>
              <option timestep="0.004" cone="{cone}" integrator="implicitfast"/>
              <custom><text name="sound_materials" data="{materials}"/></custom>
              <worldbody>
                <geom type="box" size="1 1 0.25" pos="0 0 0.25" friction="{friction}" condim="{condim}"/>
                <site name="robot" pos="5 0 0"/>{dish}{more}
              </worldbody>
            </mujoco>"""
        )
        simulation = Simulation(load_robot("tudi"), str(tmp_path / "kitchen"))
        simulation.place_home()
        return simulation

    return scene


def run(simulation: Simulation, sound: ContactSound, steps: int) -> Heard:
    for _ in range(steps):
        mujoco.mj_step(simulation.model, simulation.data)
        sound.listen()
    return sound.take()


def set_speed(simulation: Simulation, *speed_m_s: float) -> None:
    address = simulation.model.joint("dish").dofadr[0]
    simulation.data.qvel[address : address + 3] = speed_m_s


def ring_of(strike: Strike) -> FloatArray:
    """Half a second from the blow on, in a silent room."""
    sense, rng = SoundSense(HZ, 2.0), np.random.default_rng(0)
    sense.reset(-40.0)
    sense.advance(0.0, Heard((strike,)), {}, rng)
    return sense.window / 32_767


@pytest.mark.parametrize("cone", ["elliptic", "pyramidal"])
def test_a_blow_has_the_momentum_with_which_the_things_met(build: Build, cone: str) -> None:
    simulation = build(cone=cone)
    sound = ContactSound(simulation)
    set_speed(simulation, 0.0, 0.0, -0.5)
    (strike,) = run(simulation, sound, 10).strikes
    assert set(strike.materials) == {"ceramic", "wood"}
    steps_in_the_air = round(10 * strike.at)  # of 4 ms
    assert steps_in_the_air in (1, 2, 3)
    assert strike.impulse_n_s == pytest.approx(MASS_KG * (0.5 + 9.81 * 0.004 * steps_in_the_air), rel=0.01)


def test_what_lies_still_is_silent_and_so_is_what_touches_nothing(build: Build) -> None:
    simulation = build()
    sound = ContactSound(simulation)
    assert run(simulation, sound, 2).strikes == ()  # still in the air
    run(simulation, sound, 250)
    heard = run(simulation, sound, 250)
    assert simulation.data.ncon > 0
    assert heard.strikes == ()
    assert not heard.rubbing_w


@pytest.mark.parametrize("cone", ["elliptic", "pyramidal"])
def test_what_slides_rubs_with_its_weight_times_its_speed(build: Build, cone: str) -> None:
    simulation = build(cone=cone, height=0.51, friction=0.05)
    sound = ContactSound(simulation)
    run(simulation, sound, 50)
    set_speed(simulation, 0.4, 0.3, 0.0)
    slid = [run(simulation, sound, 1).rubbing_w for _ in range(50)]
    # Over 0.2 s it rests on the floor with its weight, and friction takes 0.1 m/s; creeping at 1 cm/s is silent.
    expected_w = MASS_KG * 9.81 * (0.45 - 0.01)
    rubbing_w = {name: np.mean([heard.get(name, 0.0) for heard in slid]) for name in NAMES}
    assert rubbing_w.pop("wood") == pytest.approx(expected_w, rel=0.05)  # softer than ceramic
    assert not any(rubbing_w.values())


@pytest.mark.parametrize("condim", [1, 3, 4, 6])
@pytest.mark.parametrize("cone", ["elliptic", "pyramidal"])
def test_the_forces_of_all_contacts_are_those_that_mujoco_tells_one_by_one(
    build: Build, cone: str, condim: int
) -> None:
    simulation = build(cone=cone, condim=condim)
    model, data, rows = simulation.model, simulation.data, ContactRows(simulation)
    set_speed(simulation, 0.6, 0.0, -0.4)
    felt = 0
    for _ in range(12):
        mujoco.mj_step(model, data)
        expected, force = [], np.zeros(6)
        for index in range(data.ncon):
            mujoco.mj_contactForce(model, data, index, force)
            expected.append(force[0])
        np.testing.assert_allclose(rows.normal_forces_n(data.contact), expected, atol=1e-9)
        felt += sum(value > 1.0 for value in expected)
        if condim > 1 and data.ncon:
            assert rows.slide_m_s(data.contact).max() < 1.0
    assert felt > 3


def test_a_flex_strikes_as_cloth(build: Build) -> None:
    simulation = build(materials="dish=ceramic towel=cloth", height=2.0, more=TOWEL)
    strikes = run(simulation, ContactSound(simulation), 60).strikes
    assert {frozenset(strike.materials) for strike in strikes} == {frozenset({"cloth", "wood"})}
    assert len(strikes) == 1  # not one a vertex


def test_who_touched_whom_is_remembered_so_that_nothing_strikes_twice(build: Build) -> None:
    simulation = build()
    sound = ContactSound(simulation)
    set_speed(simulation, 0.0, 0.0, -0.5)
    before = simulation.physics_state()
    for _ in range(4):
        before = simulation.physics_state()
        if run(simulation, sound, 1).strikes:
            break
    memory = json.loads(json.dumps(sound.memory()))
    restarted = ContactSound(simulation)
    simulation.restore(before, simulation.equality_state())
    assert len(run(simulation, restarted, 1).strikes) == 1
    simulation.restore(before, simulation.equality_state())
    restarted.restore(memory)
    assert run(simulation, restarted, 1).strikes == ()


def test_a_body_is_what_the_scene_says_a_child_what_its_parent_is_and_the_robot_rubber(build: Build) -> None:
    simulation = build(materials="dish=steel")
    model, materials = simulation.model, materials_of(simulation)
    of_body = {model.body(body).name: materials[geom] for geom, body in enumerate(model.geom_bodyid)}
    assert of_body["dish"] == of_body["lid"] == "steel"
    assert of_body["world"] == "wood"
    assert of_body["torso"] == of_body["left_thumb_distal"] == "rubber"


@pytest.mark.parametrize(
    ("materials", "reason"), [("dish=jelly", "dish=jelly.*ceramic"), ("cup=steel dish=steel", "cup.*neither a body")]
)
def test_a_scene_that_names_what_there_is_not_is_refused(build: Build, materials: str, reason: str) -> None:
    simulation = build(materials=materials)
    with pytest.raises(BodyError, match=reason):
        ContactSound(simulation)


@pytest.mark.parametrize("material", ["ceramic", "steel"])
def test_a_knock_peaks_at_the_modes_of_what_was_struck(material: str) -> None:
    sound = ring_of(Strike((material, material), 0.02, 0.0))
    power = np.abs(np.fft.rfft(sound * np.hanning(sound.size))) ** 2
    peaks = find_peaks(power, prominence=1e-4 * power.max(), distance=20)[0] * HZ / sound.size
    for hz in MATERIALS[material].modes_hz[:3]:
        assert np.abs(peaks - hz).min() < 6.0
    for peak in peaks:
        assert np.abs(np.array(MATERIALS[material].modes_hz) - peak).min() < 30.0


def test_ceramic_rings_as_long_as_its_damping_says() -> None:
    # KleinPAT, table 4: alpha 6, beta 1e-7; the lowest mode has 1180 Hz, and what stands loses 12 1/s more.
    decay_per_s = 12.0 + 0.5 * (6.0 + 1e-7 * (2 * np.pi * 1180.0) ** 2)
    sound = ring_of(Strike(("ceramic", "steel"), 0.05, 0.0))
    early, late = (
        np.abs(np.sum(part * np.exp(-2j * np.pi * 1180.0 * np.arange(part.size) / HZ)))
        for part in (sound[800:1600], sound[2400:3200])
    )
    assert np.log(early / late) / 0.1 == pytest.approx(decay_per_s, rel=0.05)


def test_a_blow_ten_times_as_hard_is_twenty_decibels_louder_and_sounds_when_it_falls() -> None:
    soft, hard = (ring_of(Strike(("wood", "ceramic"), impulse, 0.25)) for impulse in (0.01, 0.1))
    loudness = np.sqrt(np.mean(hard**2) / np.mean(soft**2))
    assert 20 * np.log10(loudness) == pytest.approx(20.0, abs=0.1)
    assert not hard[:2000].any()
    assert hard[2000:2100].any()


def test_what_is_touched_by_something_soft_sounds_dull() -> None:
    def brightness_hz(materials: tuple[str, str]) -> float:
        power = np.abs(np.fft.rfft(ring_of(Strike(materials, 0.05, 0.0)))) ** 2
        return float(np.sum(power * np.fft.rfftfreq(8000, 1 / HZ)) / np.sum(power))

    assert brightness_hz(("ceramic", "ceramic")) > 1.5 * brightness_hz(("ceramic", "wood"))
    assert brightness_hz(("ceramic", "wood")) > 1.5 * brightness_hz(("ceramic", "rubber"))


@pytest.mark.parametrize("material", NAMES)
def test_every_material_falls_silent_and_has_its_modes_where_they_can_be_heard(material: str) -> None:
    made_of = MATERIALS[material]
    assert len(made_of.modes_hz) == len(made_of.decays_per_s)
    assert max(made_of.modes_hz) < 8000.0
    sense, rng = SoundSense(HZ, 25.0), np.random.default_rng(0)
    sense.reset(-40.0)
    sense.advance(0.0, Heard((Strike((material, "steel"), 0.05, 0.0),)), {}, rng)
    assert sense.window.any()
    for _ in range(13 + 25):
        sense.advance(0.0, Heard(), {}, rng)
    assert not sense.window.any()


def test_rubbing_is_as_bright_as_its_material_and_ends_with_the_motion() -> None:
    sense, rng = SoundSense(HZ, 25.0), np.random.default_rng(0)
    sense.reset(-40.0)

    def rub(material: str, power_w: float) -> FloatArray:
        for _ in range(14):
            sense.advance(0.0, Heard(rubbing_w={material: power_w} if power_w else {}), {}, rng)
        return sense.window / 32_767

    sound = rub("ceramic", 0.25)
    assert np.sqrt(np.mean(sound**2)) == pytest.approx(MATERIALS["ceramic"].rub_loudness * 0.5, rel=0.05)
    four_times = rub("ceramic", 1.0)
    assert np.mean(four_times**2) == pytest.approx(4 * np.mean(sound**2), rel=0.1)
    power = np.abs(np.fft.rfft(sound)) ** 2
    hz = np.fft.rfftfreq(sound.size, 1 / HZ)
    assert np.abs(hz[np.cumsum(power) > 0.5 * power.sum()][0] - MATERIALS["ceramic"].rub_hz) < 700.0
    assert not rub("ceramic", 0.0).any()
