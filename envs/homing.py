"""The way home: how a body that stands anywhere moves to where every episode begins."""

from __future__ import annotations

from collections.abc import Iterator
from math import ceil, sqrt

import numpy as np
from numpy.typing import NDArray

from assets.robot import RobotSpec
from envs.errors import BodyError
from envs.pilots.paths import blend

FloatArray = NDArray[np.float64]

LIMIT_SHARE = 0.5  # of the joint table's rates and accelerations: nobody watches a reset as closely as an episode
TOLERANCE_RAD = 0.1  # a position servo sags a little under an arm's weight
_PEAK_RATE = 15.0 / 8.0  # of minimum jerk, in distance over duration
_PEAK_ACCELERATION = 10.0 / sqrt(3.0)  # the same, in distance over duration squared


def way_home(spec: RobotSpec, start_rad: FloatArray) -> Iterator[FloatArray]:
    """Targets (joints,) from `start_rad` to home, one a control period, by minimum jerk and all joints in step.

    No joint exceeds `LIMIT_SHARE` of its rate and acceleration.
    """
    distance = np.abs(spec.home - start_rad)
    by_rate_s = _PEAK_RATE * distance / (LIMIT_SHARE * spec.max_rate)
    by_acceleration_s = np.sqrt(_PEAK_ACCELERATION * distance / (LIMIT_SHARE * spec.max_acceleration))
    periods = max(1, ceil(float(max(by_rate_s.max(), by_acceleration_s.max())) * spec.control_hz))
    for period in range(1, periods + 1):
        yield blend(start_rad, spec.home, period, periods)


def is_home(spec: RobotSpec, position_rad: FloatArray) -> bool:
    """Whether every joint is within `TOLERANCE_RAD` of home."""
    return bool((np.abs(position_rad - spec.home) <= TOLERANCE_RAD).all())


def refuse_elsewhere(spec: RobotSpec, position_rad: FloatArray) -> None:
    """Let no episode begin anywhere but at home.

    Raises:
        BodyError: joints are elsewhere; the message names them.
    """
    gap_rad = position_rad - spec.home
    lost = [
        f"{joint.name} ({gap:+.2f} rad)"
        for joint, gap in zip(spec.joints, gap_rad, strict=True)
        if abs(gap) > TOLERANCE_RAD
    ]
    if lost:
        raise BodyError(
            f"the robot did not come home: {', '.join(lost)}; allowed are {TOLERANCE_RAD} rad. See what holds these "
            "joints, clear it away, and reset again"
        )
