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
_KNOT_S = 0.01  # loudness is computed so often, and runs straight in between
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
        self._phase = np.zeros(_TALKERS)  # of the syllable, 0 to 1
        self._rate_hz = np.zeros(_TALKERS)
        self._power = np.zeros(_TALKERS)
        self._has_begun = False

    def block(self, samples: int, rng: np.random.Generator) -> FloatArray:
        if not self._has_begun:
            self._begin(rng)
        wave, self._state = lfilter(*self._filter, white(rng, samples), zi=self._state)
        return np.asarray(wave * self._loudness(samples, rng))

    def memory(self) -> list[Any]:
        talkers = [self._phase.tolist(), self._rate_hz.tolist(), self._power.tolist()]
        return [self._has_begun, self._state.tolist(), *talkers]

    def restore(self, memory: list[Any]) -> None:
        self._has_begun = memory[0]
        self._state, self._phase, self._rate_hz, self._power = (np.array(values) for values in memory[1:])

    def _begin(self, rng: np.random.Generator) -> None:
        """Everybody is in the middle of something."""
        self._has_begun = True
        self._phase = rng.random(_TALKERS)
        for talker in range(_TALKERS):
            self._rate_hz[talker], self._power[talker] = _syllable(rng)

    def _loudness(self, samples: int, rng: np.random.Generator) -> FloatArray:  # (samples,)
        times_s, weights = _knots(samples, self._hz)
        phase = self._phase + np.outer(times_s, self._rate_hz)  # (knots, talkers)
        power = np.repeat(self._power[None, :], len(phase), axis=0)
        for talker in np.flatnonzero(phase[-1] >= 1.0).tolist():  # none speaks two syllables within a block
            late = phase[:, talker] >= 1.0
            old_hz = self._rate_hz[talker]
            self._rate_hz[talker], self._power[talker] = _syllable(rng)
            phase[late, talker] = (phase[late, talker] - 1.0) * self._rate_hz[talker] / old_hz
            power[late, talker] = self._power[talker]
        self._phase = phase[-1].copy()
        swell = np.square(np.sin(np.pi * phase))
        return np.asarray(np.sqrt((np.square(swell) * power).sum(axis=1) / _MEAN_POWER) @ weights)


def _syllable(rng: np.random.Generator) -> tuple[float, float]:
    """How fast the next one goes, and how loud it is."""
    rate_hz = float(rng.uniform(*_SYLLABLES_HZ))
    return rate_hz, float(rng.uniform(*_POWERS)) * float(rng.random() >= _SILENT_SHARE)


@cache
def _knots(samples: int, sound_hz: int) -> tuple[FloatArray, FloatArray]:  # (knots,), (knots, samples)
    """When the knots of a block are, its two ends included, and each one's weight in every sample."""
    count = max(round(samples / sound_hz / _KNOT_S), 1) + 1
    at = np.linspace(0.0, samples, count)
    weights = np.array([np.interp(np.arange(1, samples + 1), at, knot) for knot in np.eye(count)])
    return at / sound_hz, weights


@cache
def _speech(sound_hz: int) -> tuple[FloatArray, FloatArray]:
    corners = [-2 * np.pi * hz for hz in (_RISE_HZ, *_FALLS_HZ)]
    zeros, poles, gain = bilinear_zpk([0.0, -2 * np.pi * _LEVELS_OUT_HZ], corners, 1.0, fs=sound_hz)
    return unit_gain(*zpk2tf(zeros, poles, gain))
