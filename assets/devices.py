"""How the sensors of a robot are plugged in, how late they are, and what it means when one is gone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

# "stop": needed to start; a stale reading is a latched stop. "start": needed to start; a stale reading is a note
# afterwards. "note": never stops; what is missing reads zero or black, and is said.
Importance = Literal["stop", "start", "note"]
TouchProtocol = Literal["retake", "lines", "dexumi", "dexumi-fsr"]
ImuProtocol = Literal["retake", "lines", "bno08x-rvc", "witmotion"]

UPRIGHT_WXYZ = (1.0, 0.0, 0.0, 0.0)


@dataclass(frozen=True)
class TouchDevice:
    """What the taxel pads speak over their serial line.

    `latency_s` is how long before its arrival a frame was measured. `newton_per_count` scales the counts of every
    protocol but "retake", which sends forces.
    """

    protocol: TouchProtocol = "retake"
    baud: int = 921_600
    newton_per_count: float = 0.01
    latency_s: float = 0.0
    importance: Importance = "stop"


@dataclass(frozen=True)
class ImuDevice:
    """What the inertial unit speaks over its serial line, and how it sits in the torso.

    A vector in the unit's frame becomes one in the torso's by the rotation `imu_in_torso_wxyz`, a unit quaternion. The
    two units scale the numbers of "lines"; the other protocols have units of their own.
    """

    protocol: ImuProtocol = "retake"
    baud: int = 921_600
    imu_in_torso_wxyz: tuple[float, float, float, float] = UPRIGHT_WXYZ
    rate_unit_rad_s: float = 1.0
    acceleration_unit_m_s2: float = 1.0
    latency_s: float = 0.0
    importance: Importance = "stop"


@dataclass(frozen=True)
class SoundDevice:
    """The microphone."""

    latency_s: float = 0.0
    importance: Importance = "stop"


@dataclass(frozen=True)
class Devices:
    """The sensors of which a robot has at most one each; a camera says all this for itself."""

    touch: TouchDevice = TouchDevice()
    imu: ImuDevice = ImuDevice()
    sound: SoundDevice = SoundDevice()
