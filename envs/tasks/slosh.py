"""Coffee in a cup that is moved: its surface as a damped pendulum, driven by the cup's acceleration."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

_GRAVITY_M_S2 = 9.81
_FIRST_ROOT = 1.841  # of the derivative of the Bessel function J1
DAMPING_RATIO = 0.08  # a cup's surface is calm again after about half a second


class Slosh:
    """The slope of a liquid's surface in an upright cylinder, as the first sideways mode has it.

    The mode's frequency is `w^2 = g k tanh(k h)` with `k = 1.841 / R` (Ibrahim, Liquid Sloshing Dynamics, 2005, ch. 1),
    for radius R and depth h. The surface stays flat and turns as the bob of a pendulum would: towards the plane across
    the effective gravity, past it and back. The slope is kept in the world, so a cup that tilts slowly leaves its
    surface level. Vertical acceleration is left out.
    """

    def __init__(self, timestep_s: float) -> None:
        self._dt_s = timestep_s
        self.forget()

    def forget(self) -> None:
        """Level, at rest."""
        self._slope = [0.0, 0.0]  # rise a metre along the world's x and y
        self._rate_s = [0.0, 0.0]
        self._velocity_m_s: list[float] | None = None  # of the cup, a step ago

    def advance(self, velocity_m_s: tuple[float, float], radius_m: float, depth_m: float) -> None:
        """One step of physics.

        Args:
            velocity_m_s: of the cup where the surface is, along the world's x and y.
            radius_m: of the cup's inside.
            depth_m: of the liquid; without depth nothing moves.
        """
        now = list(velocity_m_s)
        before, self._velocity_m_s = self._velocity_m_s or now, now
        if depth_m <= 0.0:
            return
        k = _FIRST_ROOT / radius_m
        stiffness = _GRAVITY_M_S2 * k * math.tanh(k * depth_m)
        damping = 2.0 * DAMPING_RATIO * math.sqrt(stiffness)
        for axis in (0, 1):
            # Pushed forward, the liquid stays behind and rises there.
            rest = -(now[axis] - before[axis]) / (self._dt_s * _GRAVITY_M_S2)
            pull = stiffness * (rest - self._slope[axis]) - damping * self._rate_s[axis]
            self._rate_s[axis] += self._dt_s * pull
            self._slope[axis] += self._dt_s * self._rate_s[axis]

    def slope_in(self, rotation: Sequence[float]) -> tuple[float, float]:
        """Slope along the cup's own x and y; `rotation` is the cup's in the world, nine numbers by rows.

        Infinite where the cup lies on its side or is turned over.
        """
        x, y = self._slope
        # The surface's normal (-x, -y, 1), seen from the cup.
        along = [-rotation[i] * x - rotation[3 + i] * y + rotation[6 + i] for i in (0, 1, 2)]
        if along[2] <= 0.0:
            return math.inf, math.inf
        return -along[0] / along[2], -along[1] / along[2]

    def memory(self) -> dict[str, Any]:
        return {"slope": list(self._slope), "rate_s": list(self._rate_s), "velocity_m_s": self._velocity_m_s}

    def restore(self, memory: dict[str, Any]) -> None:
        self._slope, self._rate_s = list(memory["slope"]), list(memory["rate_s"])
        velocity_m_s = memory["velocity_m_s"]
        self._velocity_m_s = None if velocity_m_s is None else list(velocity_m_s)
