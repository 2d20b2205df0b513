"""What slides can be heard: noise as bright as the material, as loud as the friction is strong."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy.signal import butter

from envs.senses.loops import Loop, coloured_noise
from envs.senses.materials import MATERIALS, NAMES

FloatArray = NDArray[np.float64]

_HALF_BAND = 1.6  # the noise reaches from the middle over this to the middle times this


class Rubbing:
    """Friction noise by material.

    Its power goes with force times sliding speed, the power that friction takes (van den Doel, Kry and Pai,
    FoleyAutomatic, 2001). The level glides from block to block; each time that something begins to slide, its noise
    begins elsewhere.
    """

    def __init__(self, sound_hz: int) -> None:
        self._hz = sound_hz
        self.reset()

    def reset(self) -> None:
        self._now: dict[str, tuple[float, int]] = {}  # level and place in the noise, by material

    def add_to(self, block: FloatArray, rubbing_w: Mapping[str, float], rng: np.random.Generator) -> None:
        """Glide to friction of this power by material, within the block."""
        if not rubbing_w and not self._now:
            return
        glide = _ramp(block.size)
        after: dict[str, tuple[float, int]] = {}
        for name in {**self._now, **rubbing_w}:
            level = MATERIALS[name].rub_loudness * float(np.sqrt(rubbing_w.get(name, 0.0)))
            before, at = self._now.get(name) or (0.0, int(rng.integers(self._hz)))
            block += _noise(name, self._hz).part(at, block.size) * (glide * (level - before) + before)
            if level:
                after[name] = level, (at + block.size) % self._hz
        self._now = after

    def memory(self) -> dict[str, list[float]]:
        return {name: list(of_it) for name, of_it in self._now.items()}

    def restore(self, memory: dict[str, list[float]]) -> None:
        self._now = {name: (float(level), int(at)) for name, (level, at) in memory.items()}


@cache
def _ramp(samples: int) -> FloatArray:  # (samples,) up to 1
    return np.arange(1, samples + 1) / samples


@cache
def _noise(material: str, sound_hz: int) -> Loop:
    middle_hz = MATERIALS[material].rub_hz
    edges_hz = middle_hz / _HALF_BAND, min(middle_hz * _HALF_BAND, 0.45 * sound_hz)
    return Loop(coloured_noise(butter(1, edges_hz, "bandpass", fs=sound_hz), sound_hz, NAMES.index(material)))
