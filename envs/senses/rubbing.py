"""What slides can be heard: noise as bright as the material, as loud as the friction is strong."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy.signal import butter, lfilter

from envs.senses.materials import MATERIALS, NAMES
from envs.senses.noise import unit_gain, white

FloatArray = NDArray[np.float64]

_HALF_BAND = 1.6  # the noise reaches from the middle over this to the middle times this


class Rubbing:
    """Friction noise by material.

    Its power goes with force times sliding speed, the power that friction takes (van den Doel, Kry and Pai,
    FoleyAutomatic, 2001). The level glides from block to block.
    """

    def __init__(self, sound_hz: int) -> None:
        self._hz = sound_hz
        self._loudness = np.array([material.rub_loudness for material in MATERIALS.values()])
        self.reset()

    def reset(self) -> None:
        self._level = np.zeros(len(NAMES))
        self._filter = np.zeros((len(NAMES), 2))

    def add_to(self, block: FloatArray, rubbing_w: FloatArray, rng: np.random.Generator) -> None:
        level = self._loudness * np.sqrt(rubbing_w)
        heard = np.flatnonzero(level + self._level)
        if not heard.size:
            return
        noise = white(rng, block.size)
        glide = np.arange(1, block.size + 1) / block.size
        for index in heard.tolist():
            before = self._level[index]
            coloured, self._filter[index] = lfilter(
                *_band(NAMES[index], self._hz),
                noise * (before + (level[index] - before) * glide),
                zi=self._filter[index],
            )
            block += coloured
        self._filter[level == 0.0] = 0.0
        self._level = level

    def memory(self) -> dict[str, list[float]]:
        return {
            name: [float(level), *state.tolist()]
            for name, level, state in zip(NAMES, self._level, self._filter, strict=True)
            if level
        }

    def restore(self, memory: dict[str, list[float]]) -> None:
        self.reset()
        for name, (level, *state) in memory.items():
            self._level[NAMES.index(name)] = level
            self._filter[NAMES.index(name)] = state


@cache
def _band(material: str, sound_hz: int) -> tuple[FloatArray, FloatArray]:
    middle_hz = MATERIALS[material].rub_hz
    edges_hz = middle_hz / _HALF_BAND, min(middle_hz * _HALF_BAND, 0.45 * sound_hz)
    return unit_gain(*butter(1, edges_hz, "bandpass", fs=sound_hz))
