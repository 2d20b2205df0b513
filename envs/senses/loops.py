"""Sounds that repeat every second: made once, read out from any sample on."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.signal import lfilter

from envs.senses.noise import white

FloatArray = NDArray[np.float64]


def harmonics(of_hz: dict[int, float], sound_hz: int) -> FloatArray:  # (sound_hz,)
    """One second of a sum of sines, amplitude by frequency; those above half the sample rate are left out.

    Each begins at another phase (that of Schroeder, IEEE Trans. Information Theory 1970), so that no peak sticks out.
    """
    time_s = np.arange(sound_hz) / sound_hz
    wave = np.zeros(sound_hz)
    for number, (hz, amplitude) in enumerate(of_hz.items()):
        if 2 * hz < sound_hz:
            wave += amplitude * np.sin(2 * np.pi * hz * time_s + np.pi * number**2 / len(of_hz))
    return wave


def of_power(wave: FloatArray, power: float) -> FloatArray:
    """The wave, as loud as this mean square."""
    return np.asarray(wave * np.sqrt(power / np.mean(np.square(wave))))


def coloured_noise(a_filter: tuple[FloatArray, FloatArray], sound_hz: int, seed: int) -> FloatArray:  # (sound_hz,)
    """One second of filtered noise of power 1 that joins its own beginning."""
    twice = np.tile(white(np.random.default_rng(seed), sound_hz), 2)  # the filter has swung in after the first round
    return of_power(lfilter(*a_filter, twice)[sound_hz:], 1.0)


class Loop:
    """One second, repeated for ever."""

    def __init__(self, second: FloatArray) -> None:
        self._period = second.size
        self._twice = np.concatenate([second, second])

    def part(self, start: int, samples: int) -> FloatArray:  # (samples,), a view
        """From sample `start` since the beginning of time on, at most a second of it."""
        first = start % self._period
        return self._twice[first : first + samples]
