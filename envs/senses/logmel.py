"""What a robot hears, as a small picture: log-mel energies of the last half second."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy.fft import rfft
from scipy.signal.windows import hann

from envs.body import SOUND_WINDOW

FRAMES = 16
BANDS = 24
FRAME_SAMPLES = 800  # 50 ms at 16 kHz; sixteen of them, 480 samples apart, cover the window exactly
HOP_SAMPLES = (SOUND_WINDOW - FRAME_SAMPLES) // (FRAMES - 1)
_FFT_SAMPLES = 1024
_LOWEST_HZ = 50.0
_FLOOR = 1e-10  # -100 dB: below what 16 bits hold, so that silence is finite
FULL_SCALE = 32_768.0


def log_mel(sound: NDArray[np.int16], sound_hz: int = 16_000) -> NDArray[np.float32]:
    """Mel-band power of a sound window in dB of full scale, oldest frame first.

    Each frame is Hann-windowed; its one-sided power spectrum is scaled so that a full-scale sine sums to 0.5 (-3 dB),
    and summed under triangles that are equally wide on the mel scale `m = 2595 log10(1 + f / 700)` (O'Shaughnessy,
    Speech Communication, 1987) between 50 Hz and half the sample rate. Ten times the amplitude is 20 dB more.

    Args:
        sound: (..., 8000) samples; leading axes are kept.
        sound_hz: the sample rate.

    Returns:
        (..., 16, 24), frames by bands.
    """
    starts = np.arange(FRAMES) * HOP_SAMPLES
    samples = np.asarray(sound)[..., starts[:, None] + np.arange(FRAME_SAMPLES)]  # (..., frames, samples)
    window = _window()
    spectrum = rfft(samples.astype(np.float32) / np.float32(FULL_SCALE) * window, _FFT_SAMPLES)
    power = np.square(np.abs(spectrum)) * (2.0 / (_FFT_SAMPLES * np.square(window).sum()))  # (..., frames, bins)
    bands = power @ mel_filters(sound_hz)
    return np.asarray(10.0 * np.log10(np.maximum(bands, _FLOOR)), dtype=np.float32)


@cache
def mel_filters(sound_hz: int) -> NDArray[np.float32]:  # (bins, bands)
    """Triangles over the bins of the spectrum, each with peak 1 at its band's centre."""
    edges_mel = np.linspace(hz_to_mel(_LOWEST_HZ), hz_to_mel(sound_hz / 2.0), BANDS + 2)
    edges_hz = 700.0 * (10.0 ** (edges_mel / 2595.0) - 1.0)
    bins_hz = np.fft.rfftfreq(_FFT_SAMPLES, 1.0 / sound_hz)[:, None]
    lower, centre, upper = edges_hz[:-2], edges_hz[1:-1], edges_hz[2:]
    rising, falling = (bins_hz - lower) / (centre - lower), (upper - bins_hz) / (upper - centre)
    filters = np.clip(np.minimum(rising, falling), 0.0, None).astype(np.float32)
    filters.flags.writeable = False
    return filters


def hz_to_mel(frequency_hz: float) -> float:
    return float(2595.0 * np.log10(1.0 + frequency_hz / 700.0))


@cache
def _window() -> NDArray[np.float32]:  # (FRAME_SAMPLES,)
    window = hann(FRAME_SAMPLES, sym=False).astype(np.float32)
    window.flags.writeable = False
    return window
