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
from envs.senses.loops import harmonics, of_power
from envs.senses.noise import unit_gain, white

FloatArray = NDArray[np.float64]

FULL_SCALE_DB = 94.0  # sound pressure level of a full-scale sine, as of a microphone with 94 dB at 0 dBFS
# A transformer hums loudest at twice the mains frequency, where its core is drawn twice a period.
_MAINS_HZ = {50: 0.5, 100: 1.0, 150: 0.35, 200: 0.5, 250: 0.15, 300: 0.25, 400: 0.12, 500: 0.06, 600: 0.06}
_MAINS_SHARE = 0.6  # of the power; the rest is a fan
_FAN_HZ = (60.0, 700.0)


class Noise(Protocol):
    """Noise of one kind, of power 1 in the long run, that goes on from second to second."""

    def second(self, rng: np.random.Generator) -> FloatArray: ...  # (sound_hz,)

    def memory(self) -> list[Any]: ...

    def restore(self, memory: list[Any]) -> None: ...


class Hum:
    """The mains and what they drive: 50 Hz with harmonics, and a fan."""

    def __init__(self, sound_hz: int) -> None:
        self._mains, self._fan = _hum(sound_hz)
        self._state = np.zeros(2)

    def second(self, rng: np.random.Generator) -> FloatArray:
        wave, self._state = lfilter(*self._fan, white(rng, self._mains.size), zi=self._state)
        return np.asarray(wave + self._mains)

    def memory(self) -> list[Any]:
        return self._state.tolist()

    def restore(self, memory: list[Any]) -> None:
        self._state = np.array(memory)


KINDS: dict[str, type[Hum] | type[Clatter] | type[Babble]] = {"hum": Hum, "clatter": Clatter, "babble": Babble}


class Background:
    """What is heard when nothing happens.

    Noise knows nothing of the scene, so it is made a second at a time, which is ten times as fast, from a seed drawn
    when that second begins. What has to be remembered is that seed, and what the noise was before it.
    """

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
        self._second = np.empty(0)
        self._made_from: tuple[int, list[Any]] | None = None  # seed, and memory of the noise before
        self._at = 0  # samples of the second that are over

    def block(self, samples: int, rng: np.random.Generator) -> FloatArray:  # (samples,)
        parts = [self._second[self._at : self._at + samples]]
        self._at += samples
        while self._at > self._second.size:
            self._at -= self._second.size
            self._make(int(rng.integers(2**53)), self._noise.memory())
            parts.append(self._second[: self._at])
        return parts[0].copy() if len(parts) == 1 else np.concatenate(parts)

    def memory(self) -> dict[str, Any]:
        return {"level_db": self._level_db, "kind": self._kind, "at": self._at, "made_from": self._made_from}

    @staticmethod
    def from_memory(memory: dict[str, Any], sound_hz: int) -> Background:
        """The background that returned this memory."""
        background = Background(sound_hz, memory["level_db"], memory["kind"])
        background._at = memory["at"]
        if memory["made_from"] is not None:
            background._make(*memory["made_from"])
        return background

    def _make(self, seed: int, before: list[Any]) -> None:
        self._made_from = seed, before
        self._noise.restore(before)
        self._second = self._amplitude * self._noise.second(np.random.default_rng(seed))


@cache
def _hum(sound_hz: int) -> tuple[FloatArray, tuple[FloatArray, FloatArray]]:
    """One second of the mains, and the filter that makes the fan of white noise."""
    mains = of_power(harmonics(_MAINS_HZ, sound_hz), _MAINS_SHARE)
    numerator, denominator = unit_gain(*butter(1, _FAN_HZ, "bandpass", fs=sound_hz))
    return mains, (np.sqrt(1.0 - _MAINS_SHARE) * numerator, denominator)
