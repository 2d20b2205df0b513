"""What the simulated microphone hears: levels, spectra, machines, and that it goes on where it was."""

from __future__ import annotations

import json
from collections.abc import Mapping

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.signal import welch

from envs.errors import BodyError, ScenarioError
from envs.senses.contact_sound import Heard, Strike
from envs.senses.materials import NAMES
from envs.senses.sound import SoundSense

FloatArray = NDArray[np.float64]

HZ = 16_000
KINDS = ("hum", "clatter", "babble")
QUIET = Heard()
SOFTLY_DB = -40.0  # below the last bit


def listen(
    sense: SoundSense,
    blocks: int,
    *,
    seed: int = 4,
    speed_rad_s: float = 0.0,
    heard: Heard = QUIET,
    voices: Mapping[str, float] | None = None,
) -> FloatArray:
    """So many blocks, as shares of full scale; the contacts sound in the first one."""
    rng = np.random.default_rng(seed)
    parts = []
    for index in range(blocks):
        before = sense.count
        sense.advance(speed_rad_s, heard if index == 0 else QUIET, voices or {}, rng)
        parts.append(sense.window[-(sense.count - before) :])
    return np.concatenate(parts) / 32_767


def room(level_db: float = SOFTLY_DB, kind: str = "hum", control_hz: float = 25.0) -> SoundSense:
    sense = SoundSense(HZ, control_hz)
    sense.reset(level_db, kind)
    return sense


def level_db(sound: FloatArray) -> float:
    """Where a full-scale sine, of mean square one half, has 94 dB."""
    return float(94.0 + 10 * np.log10(2.0 * np.mean(np.square(sound))))


def spectrum(sound: FloatArray) -> tuple[FloatArray, FloatArray]:
    return welch(sound, HZ, nperseg=4096)


def strongest_hz(sound: FloatArray, count: int) -> list[float]:
    """The frequencies of the highest lines, lowest first, each 40 Hz from the others."""
    hz, power = spectrum(sound)
    power = power.copy()
    found = []
    for _ in range(count):
        top = hz[np.argmax(power)]
        found.append(float(top))
        power[np.abs(hz - top) < 40] = 0.0
    return sorted(found)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("step_db", [6.0, 20.0])
def test_background_noise_grows_by_as_many_decibels_as_were_asked_for(kind: str, step_db: float) -> None:
    quiet, loud = (level_db(listen(room(level, kind), 13)) for level in (45.0, 45.0 + step_db))
    assert loud - quiet == pytest.approx(step_db, abs=0.1)


@pytest.mark.parametrize("control_hz", [25.0, 50.0])
@pytest.mark.parametrize("kind", KINDS)
def test_background_noise_has_the_level_asked_for_in_the_long_run(kind: str, control_hz: float) -> None:
    sound = listen(room(62.0, kind, control_hz), round(40 * control_hz))
    assert level_db(sound) == pytest.approx(62.0, abs=0.5)


@pytest.mark.parametrize("kind", KINDS)
def test_the_loudest_background_fits_into_the_microphone(kind: str) -> None:
    assert np.abs(listen(room(70.0, kind), 250)).max() < 0.6


def test_the_hum_stands_on_the_mains_and_its_harmonics() -> None:
    sound = listen(room(60.0, "hum"), 100)
    assert strongest_hz(sound, 3) == pytest.approx([50.0, 100.0, 200.0], abs=5.0)


def test_babble_has_the_spectrum_of_speech() -> None:
    # Byrne et al., JASA 96 (1994), long-term average of twelve languages at 70 dB, third octaves.
    speech_db = {160: 56.8, 250: 60.3, 400: 62.1, 630: 60.5, 1000: 53.7, 1600: 52.0, 2500: 48.1, 4000: 45.6}
    hz, power = spectrum(listen(room(70.0, "babble"), 500))
    for middle_hz, expected_db in speech_db.items():
        in_band = np.abs(np.log2(hz[1:] / middle_hz)) < 1 / 6
        found_db = 94.0 + 10 * np.log10(2.0 * power[1:][in_band].sum() * hz[1])
        assert found_db == pytest.approx(expected_db, abs=4.0), middle_hz


def test_babble_swells_with_the_syllables_and_the_hum_does_not() -> None:
    def swell(kind: str) -> float:
        loudness = np.sqrt(np.mean(np.square(listen(room(60.0, kind), 500)).reshape(-1, 320), axis=1))  # 50 a second
        hz, power = welch(loudness / loudness.mean(), 50.0, nperseg=250)
        return float(power[(hz > 2.0) & (hz < 8.0)].sum() * hz[1])

    assert swell("babble") > 0.05
    assert swell("babble") > 10 * swell("hum")


def test_clatter_is_made_of_blows() -> None:
    def kurtosis(kind: str) -> float:
        sound = listen(room(60.0, kind), 250)
        return float(np.mean(sound**4) / np.mean(sound**2) ** 2)

    assert kurtosis("clatter") > 5.0  # 3 for steady noise
    assert kurtosis("hum") < 3.3


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("over_noise_db", [-5.0, 20.0])
def test_a_beep_stands_over_the_noise_by_as_much_as_was_asked(kind: str, over_noise_db: float) -> None:
    amplitude = 10 ** ((60.0 + over_noise_db - 94.0) / 20)
    noise = listen(room(60.0, kind), 1000)
    # The same seed makes the same noise, so what is left is the beep.
    beep = listen(room(60.0, kind), 1000, voices={"beep": amplitude}) - noise
    assert level_db(beep) - level_db(noise) == pytest.approx(over_noise_db, abs=0.5)
    assert strongest_hz(beep, 1) == pytest.approx([2000.0], abs=5.0)


def test_a_beep_begins_and_ends_softly() -> None:
    sense = room()
    sound = np.concatenate([listen(sense, 2, voices=voices) for voices in ({}, {"beep": 0.5}, {})])
    edges = 1280, 2560
    assert not sound[: edges[0]].any()
    for edge, outwards in zip(edges, (1, -1), strict=True):
        # Within the first and the last millisecond of its glide of 10 ms a beep has 2.5 % of its loudness.
        near = sound[edge : edge + 16] if outwards > 0 else sound[edge + 144 : edge + 160]
        assert 0.0 < np.abs(near).max() < 0.05
    assert np.abs(sound[1440:2560]).max() > 0.45
    assert not sound[2560 + 160 :].any()


def test_a_pump_buzzes_at_a_hundred_hertz_hisses_and_is_as_loud_as_was_asked() -> None:
    sound = listen(room(), 50, voices={"pump": 0.1})[HZ // 2 :]
    assert level_db(sound) == pytest.approx(74.0, abs=0.3)  # a sine of amplitude 0.1
    assert strongest_hz(sound, 3) == pytest.approx([100.0, 200.0, 300.0], abs=5.0)
    hz, power = spectrum(sound)
    between_lines = np.abs((hz + 50.0) % 100.0 - 50.0) > 25.0
    hiss = power[between_lines & (hz > 2000.0) & (hz < 6000.0)].mean()
    assert hiss > 8 * power[between_lines & (hz > 200.0) & (hz < 1000.0)].mean()


def test_motors_are_heard_while_they_move_and_rise_with_speed() -> None:
    assert not listen(room(), 10).any()
    slow, fast = (listen(room(), 50, speed_rad_s=speed) for speed in (0.5, 3.0))
    assert level_db(fast) > level_db(slow) + 10.0
    assert strongest_hz(fast, 1)[0] > strongest_hz(slow, 1)[0] + 50.0


def test_nothing_clicks_between_two_blocks_of_a_motor_that_changes_its_speed() -> None:
    sense, rng = room(), np.random.default_rng(0)
    for speed in (0.0, 4.0, 1.0, 5.0, 0.0, 0.0):
        sense.advance(speed, QUIET, {}, rng)
    sound = sense.window[-6 * 640 :] / 32_767
    steepest = 0.004 * 5.0 * 1.8 * 2 * np.pi * 350.0 / HZ  # amplitude times the slope of sin x + 0.4 sin 2x
    assert np.abs(np.diff(sound)).max() < 1.1 * steepest


def test_a_simulation_that_became_unstable_does_not_stay_in_the_ears() -> None:
    sense = room()
    listen(sense, 1, speed_rad_s=float("nan"))
    assert not listen(sense, 3).any()


def test_unknown_noises_and_machines_are_refused_by_name() -> None:
    with pytest.raises(ScenarioError, match=r"'rain'.*hum, clatter, babble"):
        room(60.0, "rain")
    with pytest.raises(BodyError, match=r"gong.*pump, beep"):
        listen(room(), 1, voices={"gong": 0.5})


def busy_block(index: int) -> tuple[float, Heard, dict[str, float]]:
    """Something else happens in every block: speed, contacts, voices."""
    rubbing = {NAMES[index // 2 % len(NAMES)]: 0.2 * (index % 3)} if index % 3 else {}
    strikes = (Strike(("ceramic", NAMES[index % len(NAMES)]), 0.02, 0.3),) if index % 4 == 1 else ()
    return 0.3 * index, Heard(strikes, rubbing), {"beep": 0.1} if index % 5 < 2 else {"pump": 0.05}


@pytest.mark.parametrize("kind", KINDS)
def test_sound_goes_on_bit_for_bit_from_its_memory(kind: str) -> None:
    sense, rng = room(55.0, kind), np.random.default_rng(7)
    for index in range(22):
        sense.advance(*busy_block(index), rng)
    memory, state = json.loads(json.dumps(sense.memory())), rng.bit_generator.state
    restarted, other_rng = room(31.0, "hum"), np.random.default_rng(8)
    listen(restarted, 3, speed_rad_s=2.0, heard=busy_block(1)[1], voices={"beep": 0.5})
    restarted.restore(memory)
    other_rng.bit_generator.state = state
    for index in range(22, 40):
        np.testing.assert_array_equal(restarted.window, sense.window)
        assert restarted.count == sense.count
        sense.advance(*busy_block(index), rng)
        restarted.advance(*busy_block(index), other_rng)
    np.testing.assert_array_equal(restarted.window, sense.window)


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_seed_makes_the_same_noise_and_another_does_not(kind: str) -> None:
    first, again, other = (listen(room(55.0, kind), 10, seed=seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


@pytest.mark.parametrize("kind", KINDS)
def test_a_block_never_changes_once_it_was_made(kind: str) -> None:
    sense, rng = room(55.0, kind), np.random.default_rng(7)
    for index in range(14):
        before = sense.window.copy()
        sense.advance(*busy_block(index), rng)
        np.testing.assert_array_equal(sense.window[:-640], before[640:])


def test_what_comes_later_is_not_heard_before_and_a_new_scene_forgets_everything() -> None:
    sense = room(50.0, "babble")
    struck = Heard((Strike(("steel", "ceramic"), 0.05, 0.5),))
    knocked = listen(sense, 1, heard=struck)
    quiet = listen(room(50.0, "babble"), 1)
    np.testing.assert_array_equal(knocked[:320], quiet[:320])
    assert (knocked[321:] != quiet[321:]).any()
    sense.reset(50.0, "babble")
    np.testing.assert_array_equal(listen(sense, 20), listen(room(50.0, "babble"), 20))
