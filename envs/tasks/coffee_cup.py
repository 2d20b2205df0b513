"""The cup of brew_coffee in the simulator: its size and weight, and the coffee in it."""

from __future__ import annotations

import colorsys
import math
from typing import Any

import numpy as np

from envs.engine import mujoco
from envs.scenario import Scenario
from envs.simulation import Simulation
from envs.tasks.slosh import Slosh

HEIGHT_TO_RADIUS = 2.8
WALL_M = 0.0035
FLOOR_M = 0.0065
COFFEE_KG_M3 = 1000.0
_WALLS = tuple(f"cup_wall_{number}" for number in range(12))
_FEET = tuple(f"cup_foot_{number}" for number in range(6))
_HANDLE = tuple(f"cup_handle_{number}" for number in range(3))
_COMPILED_RADIUS_M = 0.033


class CoffeeCup:
    """A cup that gets heavier as it is filled, with a surface that must stay below the rim.

    Weight and looks follow from the share that was poured, so a restart needs only that.
    """

    def __init__(self, simulation: Simulation) -> None:
        model = simulation.model
        self._model = model
        self._body = model.body("cup").id
        joint = model.joint("cup")
        self._qpos, self._dof = int(joint.qposadr[0]), int(joint.dofadr[0])
        self._coffee = model.geom("coffee").id
        shaped = ("cup", "cup_floor", "coffee", *_WALLS, *_FEET, *_HANDLE)
        self._pristine = {name: (model.geom(name).pos.copy(), model.geom(name).size.copy()) for name in shaped}
        self._slosh = Slosh(simulation.timestep_s)
        self.radius_m = _COMPILED_RADIUS_M
        self._gap_m = self._empty_kg = 0.0
        self._poured = 0.0
        self._leaning = (0.0, 0.0)  # slope of the surface along the cup's x and y, as it is shown
        self.peak_m = -math.inf  # highest that the surface has stood above the rim

    @property
    def height_m(self) -> float:
        return HEIGHT_TO_RADIUS * self.radius_m

    @property
    def inner_radius_m(self) -> float:
        return self.radius_m - WALL_M

    @property
    def depth_m(self) -> float:
        """Of the coffee in it."""
        return self._poured * (self.height_m - FLOOR_M - self._gap_m)

    def stage(self, scenario: Scenario) -> None:
        """Shape the empty cup and tell where it will stand; `place` puts it there."""
        model, number = self._model, scenario.number
        self.radius_m = number("cup_radius") / 1e3
        self._gap_m, self._empty_kg = number("rim_gap") / 1e3, number("cup_mass") / 1e3
        scale = self.radius_m / _COMPILED_RADIUS_M
        for name, (position, size) in self._pristine.items():
            geom = model.geom(name)
            if name in _FEET:
                geom.pos[:2] = position[:2] * scale
                continue
            geom.pos, geom.size = position * scale, size * scale
            if name in _WALLS:
                geom.size[0] = size[0]
        friction = number("cup_friction")
        model.geom("cup").friction[0] = friction
        colour = colorsys.hsv_to_rgb(number("cup_hue") / 360.0, 0.55, 0.85)
        for name in ("cup", "cup_floor", *_WALLS, *_HANDLE):
            model.geom(name).rgba[:3] = colour
        self._slosh.forget()
        self.peak_m = -math.inf
        model.body_ipos[self._body] = [0.0, 0.0, self.height_m / 2]
        model.body_iquat[self._body] = [1.0, 0.0, 0.0, 0.0]
        self._fill(0.0)
        self._show((0.0, 0.0))

    def place(self, simulation: Simulation, foot_m: tuple[float, float, float], handle_rad: float) -> None:
        """Set it upright on its foot, its handle pointing to an angle from the world's x axis."""
        half = handle_rad / 2
        simulation.data.qpos[self._qpos : self._qpos + 7] = [*foot_m, math.cos(half), 0.0, 0.0, math.sin(half)]

    def advance(self, simulation: Simulation, poured: float) -> None:
        """One step of physics: move the coffee's surface; `poured` is the share of the coffee that is in the cup."""
        if poured == 0.0:
            return
        if poured != self._poured:
            self._fill(poured)
        rotation: list[float] = simulation.data.xmat[self._body].tolist()
        velocity: list[float] = simulation.data.qvel[self._dof : self._dof + 6].tolist()
        surface_m = FLOOR_M + self.depth_m
        # The cup turns about its foot, at rates in its own frame.
        turning_x, turning_y = velocity[3] * surface_m, velocity[4] * surface_m
        moving_x = velocity[0] + rotation[0] * turning_y - rotation[1] * turning_x
        moving_y = velocity[1] + rotation[3] * turning_y - rotation[4] * turning_x
        self._slosh.advance((moving_x, moving_y), self.inner_radius_m, self.depth_m)
        slope = self._slosh.slope_in(rotation)
        rise_m = min(self.inner_radius_m * math.hypot(*slope), self.height_m)
        self.peak_m = max(self.peak_m, rise_m + surface_m - self.height_m)
        self._show(slope)

    def memory(self) -> dict[str, Any]:
        peak_m = None if math.isinf(self.peak_m) else self.peak_m
        leaning = list(self._leaning)
        return {"poured": self._poured, "peak_m": peak_m, "leaning": leaning, "slosh": self._slosh.memory()}

    def restore(self, memory: dict[str, Any]) -> None:
        self._fill(memory["poured"])
        self.peak_m = -math.inf if memory["peak_m"] is None else memory["peak_m"]
        self._slosh.restore(memory["slosh"])
        self._show(tuple(memory["leaning"]))

    def _fill(self, poured: float) -> None:
        """Weigh and show this share of the coffee, which counts as a rigid cylinder: what it does is in the slosh.

        The centre of mass stays at half the cup's height, a few millimetres from where it is: the engine's boxes around
        the cup's parts are compiled relative to it.
        """
        self._poured = poured
        model, body, depth_m = self._model, self._body, self.depth_m
        coffee_kg = COFFEE_KG_M3 * math.pi * self.inner_radius_m**2 * depth_m
        r2, h2 = self.radius_m**2, self.height_m**2
        upright = self._empty_kg * r2 * 0.8 + coffee_kg * r2 * 0.5
        across = self._empty_kg * (r2 * 0.4 + h2 / 12.0) + coffee_kg * (r2 / 4.0 + depth_m**2 / 12.0)
        # Without the second the engine would think the cup's centre of mass elsewhere.
        model.body_mass[body] = model.body_subtreemass[body] = self._empty_kg + coffee_kg
        model.body_inertia[body] = [across, across, upright]
        model.geom_rgba[self._coffee, 3] = 1.0 if poured > 0.0 else 0.0
        model.geom_pos[self._coffee, 2] = FLOOR_M + depth_m

    def _show(self, slope: tuple[float, float]) -> None:
        if not math.isfinite(slope[0]):
            return  # nothing is left in a cup that lies
        self._leaning = slope
        normal = np.array([-slope[0], -slope[1], 1.0])
        mujoco.mju_quatZ2Vec(self._model.geom_quat[self._coffee], normal / np.linalg.norm(normal))
