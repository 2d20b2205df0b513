"""Somebody tidies up next door: random blows on crockery and cutlery."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from envs.senses.modes import Rings, waveform

FloatArray = NDArray[np.float64]

_BETWEEN_S = (0.02, 0.16)
_POWERS = (0.1, 1.9)  # mean 1
_CONTACT_S = 0.2e-3
_THINGS = tuple((material, pitch) for material in ("ceramic", "steel") for pitch in (0.8, 0.93, 1.08))


class Clatter:
    """Ceramic and steel, struck at random, of power 1 in the long run: every blow has the same mean energy."""

    def __init__(self, sound_hz: int) -> None:
        self._amplitudes = _amplitudes(sound_hz)
        self._hz = sound_hz
        self._rings = Rings(sound_hz, most_at_once=200)
        self._until_next = 0  # samples

    def second(self, rng: np.random.Generator) -> FloatArray:
        while self._until_next < self._hz:
            thing = int(rng.integers(len(_THINGS)))
            amplitude = self._amplitudes[thing] * np.sqrt(rng.uniform(*_POWERS))
            material, pitch = _THINGS[thing]
            self._rings.strike(material, _CONTACT_S, float(amplitude), self._until_next, pitch)
            self._until_next += max(round(rng.uniform(*_BETWEEN_S) * self._hz), 1)
        self._until_next -= self._hz
        wave = np.zeros(self._hz)
        self._rings.add_to(wave)
        return wave

    def memory(self) -> list[Any]:
        return [self._until_next, self._rings.memory()]

    def restore(self, memory: list[Any]) -> None:
        self._until_next = memory[0]
        self._rings.restore(memory[1])


@cache
def _amplitudes(sound_hz: int) -> list[float]:
    """By thing: so loud that blows at the mean distance have power 1."""
    mean_samples = float(np.mean(_BETWEEN_S)) * sound_hz
    waves = [waveform(material, _CONTACT_S, sound_hz, pitch) for material, pitch in _THINGS]
    return [float(np.sqrt(mean_samples / np.sum(np.square(wave)))) for wave in waves]
