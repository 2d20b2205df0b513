"""Background noise of a kind, at a level."""

from __future__ import annotations

from functools import cache
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.signal import butter, lfilter

from envs.errors import ScenarioError
from envs.senses.babble import Babble
from envs.senses.clatter import Clatter
from envs.senses.loops import Loop, harmonics, of_power
from envs.senses.noise import unit_gain, white

FloatArray = NDArray[np.float64]

FULL_SCALE_DB = 94.0  # sound pressure level of a full-scale sine, as of a microphone with 94 dB at 0 dBFS
# A transformer hums loudest at twice the mains frequency, where its core is drawn twice a period.
_MAINS_HZ = {50: 0.5, 100: 1.0, 150: 0.35, 200: 0.5, 250: 0.15, 300: 0.25, 400: 0.12, 500: 0.06, 600: 0.06}
_MAINS_SHARE = 0.6  # of the power; the rest is a fan
_FAN_HZ = (60.0, 700.0)


class Noise(Protocol):
    """Noise of one kind, of power 1 in the long run, that goes on from block to block."""

    def block(self, samples: int, rng: np.random.Generator) -> FloatArray: ...

    def memory(self) -> list[Any]: ...

    def restore(self, memory: list[Any]) -> None: ...


class Hum:
    """The mains and what they drive: 50 Hz with harmonics, and a fan."""

    def __init__(self, sound_hz: int) -> None:
        self._mains, self._fan = _hum(sound_hz)
        self._state = np.zeros(2)
        self._count = 0

    def block(self, samples: int, rng: np.random.Generator) -> FloatArray:
        wave, self._state = lfilter(*self._fan, white(rng, samples), zi=self._state)
        wave += self._mains.part(self._count, samples)
        self._count += samples
        return np.asarray(wave)

    def memory(self) -> list[Any]:
        return [self._count, self._state.tolist()]

    def restore(self, memory: list[Any]) -> None:
        self._count, self._state = memory[0], np.array(memory[1])


KINDS: dict[str, type[Hum] | type[Clatter] | type[Babble]] = {"hum": Hum, "clatter": Clatter, "babble": Babble}


class Background:
    """What is heard when nothing happens. Falls in with the first block; nothing of an earlier scene is left."""

    def __init__(self, sound_hz: int, level_db: float, kind: str) -> None:
        """Noise of this level; 94 dB are as loud as a full-scale sine.

        Raises:
            ScenarioError: no such kind.
        """
        if kind not in KINDS:
            raise ScenarioError(f"background noise of kind {kind!r}; use one of {', '.join(KINDS)}")
        self._kind, self._level_db = kind, level_db
        self._amplitude = 10 ** ((level_db - FULL_SCALE_DB) / 20) / np.sqrt(2.0)
        self._noise: Noise = KINDS[kind](sound_hz)

    def block(self, samples: int, rng: np.random.Generator) -> FloatArray:  # (samples,)
        return np.asarray(self._amplitude * self._noise.block(samples, rng))

    def memory(self) -> dict[str, Any]:
        return {"level_db": self._level_db, "kind": self._kind, "noise": self._noise.memory()}

    @staticmethod
    def from_memory(memory: dict[str, Any], sound_hz: int) -> Background:
        background = Background(sound_hz, memory["level_db"], memory["kind"])
        background._noise.restore(memory["noise"])
        return background


@cache
def _hum(sound_hz: int) -> tuple[Loop, tuple[FloatArray, FloatArray]]:
    """The mains' part, and the filter that makes the fan's part of white noise."""
    mains = of_power(harmonics(_MAINS_HZ, sound_hz), _MAINS_SHARE)
    numerator, denominator = unit_gain(*butter(1, _FAN_HZ, "bandpass", fs=sound_hz))
    return Loop(mains), (np.sqrt(1.0 - _MAINS_SHARE) * numerator, denominator)
