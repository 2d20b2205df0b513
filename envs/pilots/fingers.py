"""Fingers that close on things: where they touch, and how fast they close by what they feel."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from assets.robot import RobotSpec

FloatArray = NDArray[np.float64]

DIGITS = ("thumb", "index", "middle")
SQUEEZE_RAD_S_N = 0.175  # how fast they close for every newton that is missing: where nothing is felt, all of it is


def flexing_joints(robot: RobotSpec, side: str) -> NDArray[np.intp]:  # (digits,)
    """Numbers of the joints that flex the digits of one hand."""
    return np.array([robot.joint_index[f"{side}_{digit}_flex"] for digit in DIGITS])


def squeezed(flex_rad: FloatArray, missing_n: float, dt_s: float, eager: float = 1.0) -> FloatArray:  # (digits,)
    """Where digits go on to within one control step: the further, the more force is missing; back if it is too much.

    Args:
        flex_rad: commanded now, (digits,).
        missing_n: wanted less felt.
        dt_s: the control step.
        eager: a share of the usual speed.
    """
    return np.asarray(flex_rad + eager * SQUEEZE_RAD_S_N * dt_s * missing_n)


@lru_cache(maxsize=64)
def flex_at_contact(radius_m: float, across_m: float) -> float:
    """Finger flexion at which a digit touches a sphere centred on the grasp site, by bisection.

    Args:
        radius_m: of the sphere.
        across_m: how far the digit's plane lies beside the centre.
    """
    lower, upper = -0.7, 1.1
    for _ in range(30):
        middle = (lower + upper) / 2
        if _clearance_m(middle, radius_m, across_m) > 0:
            lower = middle
        else:
            upper = middle
    return lower


def _clearance_m(flex_rad: float, radius_m: float, across_m: float) -> float:
    base = np.array([0.034, -0.03])  # beside the hand's middle; along the hand
    inner = base + 0.042 * np.array([-np.sin(flex_rad), -np.cos(flex_rad)])
    bend = flex_rad + 0.35 + 0.6 * flex_rad
    tip = inner + 0.034 * np.array([-np.sin(bend), -np.cos(bend)])
    centre = np.array([0.0, -0.075])
    distance = min(_to_segment(centre, base, inner), _to_segment(centre, inner, tip))
    return float(np.hypot(distance, across_m)) - radius_m - 0.0085


def _to_segment(point: FloatArray, start: FloatArray, end: FloatArray) -> float:
    along = end - start
    share = np.clip((point - start) @ along / (along @ along), 0.0, 1.0)
    return float(np.linalg.norm(point - start - share * along))
