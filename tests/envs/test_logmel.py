import numpy as np
import pytest

from envs.senses.logmel import BANDS, FRAMES, log_mel, mel_filters

HZ = 16_000
TIME_S = np.arange(8000) / HZ


def tone(frequency_hz: float, amplitude: float) -> np.ndarray:
    return np.round(amplitude * np.sin(2 * np.pi * frequency_hz * TIME_S)).astype(np.int16)


def band_centre_hz(band: int) -> float:
    """By the definition of the mel scale, worked by hand: 24 centres between 50 Hz and 8 kHz, evenly in mel."""
    lowest, highest = 1127.0 * np.log(1 + 50 / 700), 1127.0 * np.log(1 + 8000 / 700)
    return 700.0 * (np.exp((lowest + (band + 1) * (highest - lowest) / 25) / 1127.0) - 1.0)


@pytest.mark.parametrize("band", [1, 5, 11, 17, 22])
def test_a_tone_is_loudest_in_the_band_that_is_centred_on_it(band):
    assert set(log_mel(tone(band_centre_hz(band), 8000)).argmax(axis=1)) == {band}


def test_ten_times_the_amplitude_is_twenty_decibels_more():
    quiet, loud = log_mel(tone(1000, 300)), log_mel(tone(1000, 3000))
    np.testing.assert_allclose((loud - quiet).max(axis=1), 20.0, atol=0.1)


def test_a_full_scale_tone_has_the_power_of_a_sine():
    """Half of the squared amplitude, -3.01 dB; a tone on a band's centre passes its filter whole."""
    bands = log_mel(tone(band_centre_hz(20), 32_767))
    np.testing.assert_allclose(bands.max(axis=1), 10 * np.log10(0.5), atol=0.3)


def test_a_click_is_seen_in_the_frames_that_hold_it():
    sound = np.zeros(8000, dtype=np.int16)
    sound[4000] = 20_000
    holding = [frame for frame in range(FRAMES) if frame * 480 <= 4000 < frame * 480 + 800]
    loud = log_mel(sound).max(axis=1) > -99.0
    assert np.flatnonzero(loud).tolist() == holding


def test_silence_is_finite_and_many_windows_are_as_one():
    sound = np.stack([np.zeros(8000, np.int16), tone(700, 100)])
    together = log_mel(sound)
    assert (together.shape, together.dtype) == ((2, FRAMES, BANDS), np.float32)
    np.testing.assert_allclose(together[0], -100.0, atol=1e-4)
    np.testing.assert_allclose(together[1], log_mel(sound[1]), atol=1e-3)


def test_neighbouring_filters_share_each_bin_between_them():
    filters = mel_filters(HZ)
    centres = [round(band_centre_hz(band) / (HZ / 1024)) for band in (0, BANDS - 1)]
    np.testing.assert_allclose(filters[centres[0] + 1 : centres[1]].sum(axis=1), 1.0, atol=1e-5)
