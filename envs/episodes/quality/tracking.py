"""How well the robot followed, and whether commands and readings came in time."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from envs.body import FloatArray

LATE = 1.5  # control periods: a reading that comes later than this is late
_NEAR_LIMIT = 0.02  # of a joint's range
_STILL_RAD = 1e-4  # a command that moves by less does not move
_LONGEST_LAG = 10  # ticks


def late_share(stamp_s: FloatArray, control_hz: float) -> float:
    """Share of the steps whose reading came late, or was the one before again."""
    if len(stamp_s) < 2:
        return 0.0
    took_s = np.diff(stamp_s)
    return float(((took_s > LATE / control_hz) | (took_s <= 0.0)).mean())


def is_held(sent_rad: FloatArray) -> NDArray[np.bool_]:  # (ticks,)
    """Where a command is the one before again in the midst of motion: at least one joint moved just before and moves
    just after.

    Args:
        sent_rad: (ticks, joints).
    """
    held = np.zeros(len(sent_rad), dtype=np.bool_)
    if len(sent_rad) < 4:
        return held
    moves = np.abs(np.diff(sent_rad, axis=0)).max(axis=1) > _STILL_RAD  # (ticks - 1,) from each tick to the next
    before, after = np.zeros(len(moves), np.bool_), np.zeros(len(moves), np.bool_)
    for shift in (1, 2, 3):  # a command that is sent again for longer than that is a pause
        before[shift:] |= moves[:-shift]
        after[:-shift] |= moves[shift:]
    held[1:] = ~moves & before & after
    return held


def tracking_error(sent_rad: FloatArray, position_rad: FloatArray) -> tuple[float, int]:
    """Root mean square of sent less measured, of the joint that follows worst, once the usual delay is taken off.

    Args:
        sent_rad, position_rad: (ticks, joints).

    Returns:
        Radians, and the delay in ticks at which the two fit best; NaN and 0 for fewer ticks than the longest delay.
    """
    count = len(sent_rad)
    if count <= 2 * _LONGEST_LAG:
        return float("nan"), 0
    errors = []
    for lag in range(_LONGEST_LAG + 1):
        apart = sent_rad[: count - lag] - position_rad[lag:]
        apart = apart - np.median(apart, axis=0)  # gravity, which a person corrects by eye
        errors.append(float(np.sqrt((apart**2).mean(axis=0)).max(initial=0.0)))
    best = int(np.argmin(errors))
    return errors[best], best


def limit_share(position_rad: FloatArray, lower: FloatArray, upper: FloatArray) -> float:
    """Share of the time in which any joint is within 2 % of its range from a limit.

    A joint that stays there all the time, such as an open hand, is at rest and does not count.
    """
    if not len(position_rad):
        return 0.0
    margin = _NEAR_LIMIT * (upper - lower)
    near = (position_rad < lower + margin) | (position_rad > upper - margin)
    return float(near[:, ~near.all(axis=0)].any(axis=1).mean())
