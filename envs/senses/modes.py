"""Struck things ring: damped modes of their material, streamed block by block."""

from __future__ import annotations

from dataclasses import astuple, dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from envs.senses.materials import MATERIALS

FloatArray = NDArray[np.float64]

_AUDIBLE = 1e-3  # a ring is over when it has fallen by 60 dB
_FADE_S = 0.005
_LONGEST_S = 1.0


@cache
def waveform(material: str, contact_s: float, sound_hz: int, pitch: float = 1.0) -> FloatArray:  # (samples,)
    """What a blow of unit strength lets sound: the sum of gain e^(-decay t) sin(2 pi f t) over the modes.

    That is the modal model of van den Doel and Pai, The Sounds of Physical Shapes (Presence 1998). The gains are those
    of a blow anywhere, falling with the root of the mode's number, times the spectrum of a raised cosine as long as the
    contact (van den Doel, Kry and Pai, FoleyAutomatic, 2001): a soft contact leaves the high modes alone.

    Args:
        material: one of `MATERIALS`.
        contact_s: how long the blow lasts.
        sound_hz: the sample rate.
        pitch: all frequencies times this; the size of the thing.
    """
    struck = MATERIALS[material]
    hz = pitch * np.array(struck.modes_hz)
    heard = hz < 0.5 * sound_hz
    number = np.arange(1, hz.size + 1)[heard]
    hz, decay = hz[heard, None], np.array(struck.decays_per_s)[heard, None]
    gain = (1.0 / np.sqrt(number) / np.sum(1.0 / np.sqrt(number)))[:, None] * blow_spectrum(hz * contact_s)
    time_s = np.arange(round(_LONGEST_S * sound_hz)) / sound_hz
    envelopes = gain * np.exp(-decay * time_s)
    total = envelopes.sum(axis=0)
    length = int(np.flatnonzero(total > _AUDIBLE * total[0])[-1]) + 1
    wave = (envelopes * np.sin(2 * np.pi * hz * time_s))[:, :length].sum(axis=0)
    fade = min(round(_FADE_S * sound_hz), length)
    wave[-fade:] *= np.linspace(1.0, 0.0, fade)
    wave.flags.writeable = False
    return np.asarray(wave)


def blow_spectrum(cycles: FloatArray) -> FloatArray:
    """How strongly a raised-cosine blow of unit area excites a mode that swings so many times while it lasts."""
    away_from_pole = np.where(np.abs(cycles - 1.0) < 1e-6, 1.0 + 1e-6, cycles)
    return np.abs(np.sinc(away_from_pole) / (1.0 - away_from_pole**2))


@dataclass
class Ring:
    """One thing that was struck; `age` in samples, below zero while it is still to come in this block."""

    material: str
    contact_s: float
    pitch: float
    age: int
    amplitude: float


class Rings:
    """All that rings now. With more than `most_at_once` the oldest falls silent."""

    def __init__(self, sound_hz: int, most_at_once: int = 24) -> None:
        self._hz = sound_hz
        self._most = most_at_once
        self._rings: list[Ring] = []

    def reset(self) -> None:
        self._rings = []

    def strike(self, material: str, contact_s: float, amplitude: float, at: int, pitch: float = 1.0) -> None:
        """Let one thing ring from sample `at` of the next block on."""
        self._rings.append(Ring(material, contact_s, pitch, -at, amplitude))
        del self._rings[: -self._most]

    def add_to(self, block: FloatArray) -> None:
        still: list[Ring] = []
        for ring in self._rings:
            wave = waveform(ring.material, ring.contact_s, self._hz, ring.pitch)
            start, end = max(ring.age, 0), min(ring.age + block.size, wave.size)
            block[start - ring.age : end - ring.age] += ring.amplitude * wave[start:end]
            if end < wave.size:
                ring.age += block.size
                still.append(ring)
        self._rings = still

    def memory(self) -> list[Any]:
        return [list(astuple(ring)) for ring in self._rings]

    def restore(self, memory: list[Any]) -> None:
        self._rings = [Ring(*ring) for ring in memory]
