"""How a hand with a sponge goes over a plate: from stain to stain, pressing by what it feels."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from envs.simulation import Simulation
from envs.tasks.wash_dishes_rules import WashDishesRules

FloatArray = NDArray[np.float64]

PRESS_N = 4.2
DEEPER_M_S_N = 0.011  # how fast it presses deeper for every newton that is missing
DEEPER_M_S = 0.06
START_ABOVE_M, DEEPEST_M = 0.022, 0.04
SPEED_M_S = 0.14
ACCELERATION_M_S2 = 1.1
BEYOND_M = 0.02  # how far a stroke goes beyond its stain
PRESSING_N = 1.5  # from here on it slides
ABOVE_KNOBS_M = 0.037  # how far it stays above the plate's lower edge, where the stand's knobs are
INSIDE_M = 0.025  # how far the sponge's middle stays from the plate's edge


class Wiping:
    """The aim of the sponge's middle in the plate's plane, and how deep it is pressed."""

    def __init__(self, simulation: Simulation, rules: WashDishesRules, dt_s: float) -> None:
        self._simulation = simulation
        self._rules = rules
        self._dt_s = dt_s
        self._plate = simulation.model.geom("plate").id
        self.begin()

    def begin(self) -> None:
        """Aim at the stain that is farthest up, from the air."""
        self.depth_m = -START_ABOVE_M
        self._velocity = np.zeros(2)
        places = self._dirty()
        self._aim: FloatArray = places[np.argmax(places[:, 0])] if len(places) else np.zeros(2)
        self._end: FloatArray | None = None

    def normal(self) -> FloatArray:  # (3,)
        return np.array(self._simulation.data.geom_xmat[self._plate].reshape(3, 3)[:, 2])

    def place(self, above_m: float) -> FloatArray:  # (3,)
        """The aim in the world, so far above the plate's face."""
        data, thickness_m = self._simulation.data, self._simulation.model.geom_size[self._plate, 1]
        axes = data.geom_xmat[self._plate].reshape(3, 3)
        return np.array(data.geom_xpos[self._plate] + axes @ [*self._aim, thickness_m + above_m])

    def advance(self) -> None:
        """One control step further."""
        press_n = self._rules.press_n
        rate = np.clip(DEEPER_M_S_N * (PRESS_N - press_n), -DEEPER_M_S, DEEPER_M_S)
        self.depth_m = float(np.clip(self.depth_m + rate * self._dt_s, -START_ABOVE_M, DEEPEST_M))
        wished = self._wished_velocity() if press_n > PRESSING_N else np.zeros(2)
        change = wished - self._velocity
        most = ACCELERATION_M_S2 * self._dt_s
        self._velocity = self._velocity + change * min(1.0, most / max(float(np.hypot(*change)), 1e-9))
        self._aim = self._aim + self._velocity * self._dt_s

    def _dirty(self) -> FloatArray:  # (dirty cells, 2)
        grid = self._rules.grid
        return grid.places_m[grid.dirt > 0.0]

    def _wished_velocity(self) -> FloatArray:  # (2,)
        places = self._dirty()
        if self._end is None or np.hypot(*(self._end - self._aim)) < 0.004:
            if not len(places):
                return np.zeros(2)
            self._end = self._stroke_end(places)
        way = self._end - self._aim
        far = float(np.hypot(*way))
        speed = min(SPEED_M_S, float(np.sqrt(1.2 * ACCELERATION_M_S2 * far)))
        return np.array(way / max(far, 1e-9) * speed)

    def _stroke_end(self, places: FloatArray) -> FloatArray:  # (2,)
        nearest = places[np.argmin(np.hypot(*(places - self._rules.middle_m).T))]
        way = nearest - self._rules.middle_m
        far = float(np.hypot(*way))
        if far < 0.008:  # it stands on the stain: rub to and fro, towards the plate's middle
            way, far = (-nearest if np.hypot(*nearest) > 0.005 else np.array([1.0, 0.0])), 1.0
            way = way / np.hypot(*way)
        end = nearest + BEYOND_M * way / far
        radius_m = float(self._simulation.model.geom_size[self._plate, 0])
        end = end * min(1.0, (radius_m - INSIDE_M) / max(float(np.hypot(*end)), 1e-9))
        return np.array([max(float(end[0]), ABOVE_KNOBS_M - radius_m), end[1]])
