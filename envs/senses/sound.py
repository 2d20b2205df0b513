"""Sound: background, motors, machines and contacts, made causally, one block at a time."""

from __future__ import annotations

from collections.abc import Mapping
from math import hypot
from typing import Any

import numpy as np

from envs.body import SOUND_WINDOW
from envs.senses.background import FULL_SCALE_DB, Background
from envs.senses.contact_sound import Heard, Strike
from envs.senses.materials import MATERIALS
from envs.senses.modes import Rings
from envs.senses.rubbing import Rubbing
from envs.senses.voices import Motors, Voices

__all__ = ["FULL_SCALE_DB", "SoundSense"]


class SoundSense:
    """A microphone on the torso: 16-bit mono, with the newest half second kept.

    Everything that sounds goes on from block to block and knows only what has happened, so a block never changes once
    it was made, and a snapshot restarts the sound exactly.

    Args:
        sound_hz: the sample rate.
        control_hz: how many blocks a second.
    """

    def __init__(self, sound_hz: int, control_hz: float) -> None:
        self._hz = sound_hz
        self._block = round(sound_hz / control_hz)
        self._motors, self._voices = Motors(sound_hz), Voices(sound_hz)
        self._rings, self._rubbing = Rings(sound_hz), Rubbing(sound_hz)
        self.reset(background_db=30.0)

    def reset(self, background_db: float, kind: str = "hum") -> None:
        """Fall silent but for background noise of this level (94 dB is a full-scale sine) and kind.

        Raises:
            ScenarioError: no such kind of noise.
        """
        self._background = Background(self._hz, background_db, kind)
        for part in (self._motors, self._voices, self._rings, self._rubbing):
            part.reset()
        self.window = np.zeros(SOUND_WINDOW, dtype=np.int16)
        self.count = 0

    def advance(
        self, joint_speed_rad_s: float, heard: Heard, voices: Mapping[str, float], rng: np.random.Generator
    ) -> None:
        """Let one block sound.

        Args:
            joint_speed_rad_s: sum of the joints' speeds.
            heard: what the contacts did during the block.
            voices: the machines that sound now, with their amplitudes as shares of full scale.
            rng: of whatever is random in it.

        Raises:
            BodyError: no such voice.
        """
        block = self._background.block(self._block, rng)
        self._motors.add_to(block, joint_speed_rad_s)
        self._voices.add_to(block, voices)
        for strike in heard.strikes:
            self._strike(strike)
        self._rings.add_to(block)
        self._rubbing.add_to(block, heard.rubbing_w, rng)
        block *= 32_767
        np.minimum(np.rint(block, out=block), 32_767, out=block)
        np.maximum(block, -32_768, out=block)
        self.window = np.concatenate([self.window[self._block :], block.astype(np.int16)])
        self.count += self._block

    def memory(self) -> dict[str, Any]:
        """All that goes on, as JSON values."""
        return {
            "background": self._background.memory(),
            "motors": self._motors.memory(),
            "voices": self._voices.memory(),
            "rings": self._rings.memory(),
            "rubbing": self._rubbing.memory(),
            "count": self.count,
            "window": self.window.tobytes().hex(),
        }

    def restore(self, memory: dict[str, Any]) -> None:
        """Go on from what `memory` returned."""
        self._background = Background.from_memory(memory["background"], self._hz)
        self._motors.restore(memory["motors"])
        self._voices.restore(memory["voices"])
        self._rings.restore(memory["rings"])
        self._rubbing.restore(memory["rubbing"])
        self.count = memory["count"]
        self.window = np.frombuffer(bytes.fromhex(memory["window"]), dtype=np.int16).copy()

    def _strike(self, strike: Strike) -> None:
        """Let both materials ring. The softer one says how long they touch: their compliances add up."""
        first, second = (MATERIALS[name] for name in strike.materials)
        contact_s = hypot(first.contact_s, second.contact_s)
        for name, material in zip(strike.materials, (first, second), strict=True):
            amplitude = material.loudness * strike.impulse_n_s
            self._rings.strike(name, contact_s, amplitude, int(strike.at * self._block))
