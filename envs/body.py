"""The seam: what differs between simulation and reality, and nothing else.

SI units, joints in the order of `RobotSpec.joints`, quaternions wxyz. Stamps are seconds on the body's own clock
(simulated time, or the monotonic clock of the machine that reads the cables).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from typing import Any, Literal, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from assets.robot import RobotSpec
from envs.scenario import Scenario

FloatArray = NDArray[np.float64]

NEVER_S = 1e-9  # the stamp of a reading that has never come; no reading is taken a nanosecond after a clock began
SOUND_WINDOW = 8_000  # samples of sound in a state: 0.5 s at 16 kHz, so that uneven blocks fit a fixed space


@dataclass(frozen=True)
class JointTarget:
    """Where the joints should go: one position a joint."""

    position_rad: FloatArray  # (joints,)


@dataclass(frozen=True)
class Image:
    """One camera image and when it was taken."""

    pixels: NDArray[np.uint8]  # (height, width, 3) RGB
    stamp_s: float


@dataclass(frozen=True)
class Imu:
    """Rates and accelerations of the torso, in the torso's frame; gravity included."""

    rate_rad_s: FloatArray  # (3,)
    acceleration_m_s2: FloatArray  # (3,)
    stamp_s: float


Severity = Literal["note", "soft", "hard"]


@dataclass(frozen=True)
class Fault:
    """Something a body noticed. "note" is recorded; "soft" stops until reset; "hard" stops until a person re-arms."""

    severity: Severity
    source: str
    message: str


@dataclass(frozen=True)
class BodyState:
    """What the body sensed, each reading with its own stamp."""

    position_rad: FloatArray  # (joints,)
    velocity_rad_s: FloatArray  # (joints,)
    effort_nm: FloatArray  # (joints,)
    joints_stamp_s: float
    touch_n: FloatArray  # (pads, rows, columns)
    touch_stamp_s: float
    images: Mapping[str, Image]
    sound: NDArray[np.int16]  # (SOUND_WINDOW,), newest sample last
    sound_stamp_s: float  # of the newest sample
    sound_count: int  # samples heard since reset; tells a recorder which of the window are new
    imu: Imu
    faults: tuple[Fault, ...] = field(default=())
    sent_rad: FloatArray | None = None  # (joints,) what became of the target on its way; None: sent as it was given

    def __eq__(self, other: object) -> bool:
        """Equal to the bit, stamps and images included. (The generated comparison cannot compare arrays.)"""
        return isinstance(other, BodyState) and _is_same(self, other)


@runtime_checkable
class Body(Protocol):
    """A humanoid that takes one target and gives one state."""

    @property
    def spec(self) -> RobotSpec: ...

    def reset(self, scenario: Scenario, rng: np.random.Generator) -> BodyState:
        """Bring the body home and the scene into `scenario`.

        Raises:
            BodyError: the body cannot be brought home.
        """
        ...

    def exchange(self, target: JointTarget) -> BodyState:
        """Send one target, let one control period pass, return the newest state. Never waits for a camera."""
        ...

    def stop(self, reason: str) -> None:
        """Make the body safe at once. May be called at any time, more than once."""
        ...

    def close(self) -> None:
        """Release what the body holds; stops first. May be called more than once."""
        ...


def _is_same(one: Any, other: Any) -> bool:
    if type(one) is not type(other):
        return False
    if isinstance(one, np.ndarray):
        return one.dtype == other.dtype and np.array_equal(one, other)
    if isinstance(one, Mapping):
        return one.keys() == other.keys() and all(_is_same(one[key], other[key]) for key in one)
    if is_dataclass(one):
        return all(_is_same(getattr(one, field.name), getattr(other, field.name)) for field in fields(one))
    return bool(one == other)
