"""Machines that sound: a pump, a beep, and the robot's own motors."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.signal import butter

from envs.errors import BodyError
from envs.senses.loops import Loop, coloured_noise, harmonics, of_power

FloatArray = NDArray[np.float64]

VOICES = ("pump", "beep")
_SINE_POWER = 0.5  # a voice of amplitude 1 is as loud as a full-scale sine
_GLIDE_S = 0.01  # voices come and go softly
_BEEP_HZ = {2000: 1.0, 6000: 0.1}
_PUMP_HZ = {100 * number: 1.0 / number for number in range(1, 31)}  # the piston of a vibration pump, both ways
_HISS_SHARE = 0.25  # of the pump's power
_HISS_HZ = (2000.0, 6000.0)

_MOTOR_HZ = 140.0
_MOTOR_GAIN = 0.004  # amplitude a rad/s of summed joint speed
_FASTEST_RAD_S = 100.0


class Voices:
    """The voices of a scene; each glides to the amplitude that it is given."""

    def __init__(self, sound_hz: int) -> None:
        self._loops = _loops(sound_hz)
        self._hz = sound_hz
        self.reset()

    def reset(self) -> None:
        self._amplitude: dict[str, float] = {}
        self._count = 0

    def add_to(self, block: FloatArray, amplitudes: Mapping[str, float]) -> None:
        """Let these voices sound, all others fall silent.

        Raises:
            BodyError: there is no such voice.
        """
        if not amplitudes and not self._amplitude:
            self._count += block.size
            return
        if unknown := set(amplitudes) - set(VOICES):
            raise BodyError(f"no machine sounds as {', '.join(sorted(unknown))}; voices are {', '.join(VOICES)}")
        for name in VOICES:
            before, now = self._amplitude.get(name, 0.0), float(amplitudes.get(name, 0.0))
            if before or now:
                wave = self._loops[name].part(self._count, block.size)
                block += wave * (now if now == before else _glide(before, now, block.size, self._hz))
        self._amplitude = {name: float(amplitude) for name, amplitude in amplitudes.items() if amplitude}
        self._count += block.size

    def memory(self) -> list[Any]:
        return [self._count, dict(self._amplitude)]

    def restore(self, memory: list[Any]) -> None:
        self._count, self._amplitude = memory[0], dict(memory[1])


class Motors:
    """Gears and coils of the robot: a hum whose pitch and loudness follow how fast the joints move."""

    def __init__(self, sound_hz: int) -> None:
        self._hz = sound_hz
        self.reset()

    def reset(self) -> None:
        self._phase_rad = 0.0
        self._speed_rad_s = 0.0

    def add_to(self, block: FloatArray, joint_speed_rad_s: float) -> None:
        """Glide to this summed speed of the joints within the block."""
        # A simulation that has just become unstable is reported by the body; it must not stay in the ears.
        speed = min(joint_speed_rad_s, _FASTEST_RAD_S) if np.isfinite(joint_speed_rad_s) else 0.0
        before, self._speed_rad_s = self._speed_rad_s, speed
        step_rad = 2 * np.pi * _MOTOR_HZ * (1.0 + 0.3 * min(speed, 5.0)) / self._hz
        ramp = _ramp(block.size)
        phase = ramp * (step_rad * block.size) + self._phase_rad
        amplitude = ramp * (_MOTOR_GAIN * (speed - before)) + _MOTOR_GAIN * before
        octave = np.cos(phase)
        octave *= 0.8
        octave += 1.0
        amplitude *= np.sin(phase)
        block += amplitude * octave  # sin x + 0.4 sin 2x
        self._phase_rad = (self._phase_rad + step_rad * block.size) % (2 * np.pi)

    def memory(self) -> list[float]:
        return [self._phase_rad, self._speed_rad_s]

    def restore(self, memory: list[float]) -> None:
        self._phase_rad, self._speed_rad_s = memory


@cache
def _ramp(samples: int) -> NDArray[np.float32]:  # (samples,) up to 1
    # Single precision is several times as fast, and exact to 100 dB below the hum.
    return (np.arange(1, samples + 1) / samples).astype(np.float32)


def _glide(before: float, now: float, samples: int, sound_hz: int) -> FloatArray:  # (samples,)
    """From one amplitude to the other along half a cosine."""
    way = np.minimum(np.arange(1, samples + 1) / (_GLIDE_S * sound_hz), 1.0)
    return before + (now - before) * (0.5 - 0.5 * np.cos(np.pi * way))


@cache
def _loops(sound_hz: int) -> dict[str, Loop]:
    beep = of_power(harmonics(_BEEP_HZ, sound_hz), _SINE_POWER)
    buzz = of_power(harmonics(_PUMP_HZ, sound_hz), (1.0 - _HISS_SHARE) * _SINE_POWER)
    hiss = coloured_noise(butter(1, _HISS_HZ, "bandpass", fs=sound_hz), sound_hz, seed=0)
    return {"beep": Loop(beep), "pump": Loop(buzz + of_power(hiss, _HISS_SHARE * _SINE_POWER))}
