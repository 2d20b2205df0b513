"""People who talk: noise with the spectrum of speech, in syllables."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.signal import bilinear_zpk, lfilter, zpk2tf

from envs.senses.noise import unit_gain, white

FloatArray = NDArray[np.float64]

_TALKERS = 4
_SYLLABLES_HZ = (2.5, 6.0)  # the modulation of speech is strongest at 3 to 5 Hz (Houtgast and Steeneken, JASA 1985)
_SILENT_SHARE = 0.2  # of the syllables, in which a talker takes breath
_POWERS = (0.2, 1.8)  # of the others
_MEAN_POWER = _TALKERS * (1.0 - _SILENT_SHARE) * np.mean(_POWERS) * 3.0 / 8.0  # 3/8 is the mean of sin^4
_KNOTS_A_SECOND = 100  # loudness is computed so often, and runs straight in between
# First-order corners that follow the long-term spectrum of Byrne et al., JASA 96 (1994), to some decibels: it rises up
# to 100 Hz, falls from about 500 Hz on, and levels out above 3.5 kHz.
_RISE_HZ, _FALLS_HZ, _LEVELS_OUT_HZ = 100.0, (450.0, 900.0), 3500.0


class Babble:
    """Several talkers at once, of power 1 in the long run.

    Each talker's loudness rises and falls as sin^2 once a syllable. Independent noises of one spectrum add up to noise
    of that spectrum whose power is the sum of theirs, so one filtered noise serves all talkers.
    """

    def __init__(self, sound_hz: int) -> None:
        self._hz = sound_hz
        self._filter = _speech(sound_hz)
        self._state = np.zeros(self._filter[1].size - 1)
        self._talkers: list[list[float]] = []  # of each: phase of the syllable, 0 to 1; its rate in Hz; its power

    def second(self, rng: np.random.Generator) -> FloatArray:
        if not self._talkers:  # everybody is in the middle of something
            self._talkers = [[float(rng.random()), *_syllable(rng)] for _ in range(_TALKERS)]
        wave, self._state = lfilter(*self._filter, white(rng, self._hz), zi=self._state)
        return np.asarray(wave * self._loudness(rng))

    def memory(self) -> list[Any]:
        return [self._state.tolist(), [list(talker) for talker in self._talkers]]

    def restore(self, memory: list[Any]) -> None:
        self._state = np.array(memory[0])
        self._talkers = [list(talker) for talker in memory[1]]

    def _loudness(self, rng: np.random.Generator) -> FloatArray:  # (sound_hz,)
        phases, powers = np.empty((2, _KNOTS_A_SECOND + 1, _TALKERS))
        for index, (phase, rate_hz, power) in enumerate(self._talkers):
            phases[0, index], powers[0, index] = phase, power
            for knot in range(1, _KNOTS_A_SECOND + 1):
                phase += rate_hz / _KNOTS_A_SECOND
                if phase >= 1.0:
                    over = (phase - 1.0) / rate_hz
                    rate_hz, power = _syllable(rng)
                    phase = over * rate_hz
                phases[knot, index], powers[knot, index] = phase, power
            self._talkers[index] = [phase, rate_hz, power]
        total = (powers * np.sin(np.pi * phases) ** 4).sum(axis=1)
        at_s = np.arange(1, self._hz + 1) / self._hz
        return np.asarray(np.interp(at_s, np.linspace(0.0, 1.0, total.size), np.sqrt(total / _MEAN_POWER)))


def _syllable(rng: np.random.Generator) -> tuple[float, float]:
    """How fast the next one goes, in Hz, and its power."""
    rate_hz = float(rng.uniform(*_SYLLABLES_HZ))
    return rate_hz, float(rng.uniform(*_POWERS)) * float(rng.random() >= _SILENT_SHARE)


@cache
def _speech(sound_hz: int) -> tuple[FloatArray, FloatArray]:
    corners = [-2 * np.pi * hz for hz in (_RISE_HZ, *_FALLS_HZ)]
    zeros, poles, gain = bilinear_zpk([0.0, -2 * np.pi * _LEVELS_OUT_HZ], corners, 1.0, fs=sound_hz)
    return unit_gain(*zpk2tf(zeros, poles, gain))
