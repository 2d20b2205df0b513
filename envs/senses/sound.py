"""Sound: background, motors and contacts, made causally, one control step at a time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from envs.body import SOUND_WINDOW

FULL_SCALE_DB = 94.0  # sound pressure level of a full-scale sine, as of a microphone with 94 dB at 0 dBFS
MOTOR_HZ = 140.0
MOTOR_GAIN = 0.004  # amplitude a rad/s of summed joint speed
KNOCK_HZ = 900.0
KNOCK_DECAY_S = 0.02


class SoundSense:
    """A microphone on the torso: 16-bit mono, with the newest half second kept.

    The waveform is a hum that follows the joint speeds, decaying knocks where contacts set in, and noise at the
    background level. All generators continue from step to step, so a snapshot of them restarts the sound exactly.
    """

    def __init__(self, sound_hz: int, control_hz: float) -> None:
        self._hz = sound_hz
        self._block = round(sound_hz / control_hz)
        self.reset(background_db=30.0)

    def reset(self, background_db: float, kind: str = "hum") -> None:
        """Fall silent but for background noise of this level (94 dB is a full-scale sine) and kind."""
        self._background = 10 ** ((background_db - FULL_SCALE_DB) / 20)
        self._motor_phase_rad = 0.0
        self._knock = 0.0  # amplitude left over from earlier knocks
        self._knock_phase_rad = 0.0
        self.window = np.zeros(SOUND_WINDOW, dtype=np.int16)
        self.count = 0

    def advance(
        self, joint_speed_rad_s: float, impact: float, voices: Mapping[str, float], rng: np.random.Generator
    ) -> None:
        """Let one control step sound.

        Args:
            joint_speed_rad_s: sum of the joints' speeds.
            impact: how hard contacts set in during the step, 0 to 1.
            voices: the machines that sound now, with their amplitudes as shares of full scale.
        """
        time_s = np.arange(1, self._block + 1) / self._hz
        motor_hz = MOTOR_HZ * (1.0 + 0.3 * min(joint_speed_rad_s, 5.0))
        motor = self._motor_phase_rad + 2 * np.pi * motor_hz * time_s
        amplitude = MOTOR_GAIN * joint_speed_rad_s
        hum = amplitude * (np.sin(motor) + 0.4 * np.sin(2.0 * motor))
        self._knock = min(self._knock + 0.5 * impact, 0.8)
        knock_phase = self._knock_phase_rad + 2 * np.pi * KNOCK_HZ * time_s
        knocks = self._knock * np.exp(-time_s / KNOCK_DECAY_S) * np.sin(knock_phase)
        noise = self._background / np.sqrt(2.0) * rng.standard_normal(self._block)
        self._motor_phase_rad = float(motor[-1] % (2 * np.pi))
        self._knock_phase_rad = float(knock_phase[-1] % (2 * np.pi))
        self._knock *= float(np.exp(-time_s[-1] / KNOCK_DECAY_S))
        block = np.clip(32_767 * (hum + knocks + noise), -32_768, 32_767).astype(np.int16)
        self.window = np.concatenate([self.window[self._block :], block])
        self.count += self._block

    def memory(self) -> dict[str, Any]:
        phases = [self._background, self._motor_phase_rad, self._knock, self._knock_phase_rad]
        return {"phases": phases, "count": self.count, "window": self.window.tobytes().hex()}

    def restore(self, memory: dict[str, Any]) -> None:
        self._background, self._motor_phase_rad, self._knock, self._knock_phase_rad = memory["phases"]
        self.count = memory["count"]
        self.window = np.frombuffer(bytes.fromhex(memory["window"]), dtype=np.int16).copy()
