"""How a scenario of wash_dishes is set up: plate and stains, sponge, stand and rack."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from envs.engine import mujoco
from envs.scenario import Scenario
from envs.simulation import Simulation
from envs.tasks.dirt import CELLS, DirtGrid
from envs.tasks.wash_dishes import SLOTS

FloatArray = NDArray[np.float64]

HELD_FRICTION = 0.9, 0.45  # of what is held: dry, wet
FOAM_FRICTION = 0.45, 0.25  # of a sponge on a plate, with soap
CLEAN_COLOUR, DARK_COLOUR = np.array([0.93, 0.9, 0.82]), np.array([0.36, 0.17, 0.06])
KNOB_HALF_M, KNOB_M = 0.03, 0.0072  # the lower knobs: half their distance, how far up the slope they hold the edge
RAIL_HALF_M, RAIL_M = 0.036, 0.005  # the rails a plate's edge stands on: half their distance, their radius
RAIL_ABOVE_M = 0.02
_PARKED = (0.0, 0.0, -2.0)  # below the floor: the saucer of the slot that is free


class DishStage:
    """Edits one model and its data so that a scenario stands there."""

    def __init__(self, simulation: Simulation) -> None:
        model = simulation.model
        self._model = model
        self._plate = model.geom("plate").id
        self._stains = [model.geom(f"stain_{cell}").id for cell in range(len(CELLS))]
        self._glaze = [model.geom(name).id for name in ("glaze_0", "glaze_1", "glaze_2", "foot_ring")]
        self._pristine_size = model.geom_size.copy()
        self._stand = model.body("stand").pos.copy()
        self._saucers = {slot: model.body(f"saucer_{slot}").pos.copy() for slot in SLOTS}
        self._slots = {slot: model.site(f"slot_{slot}").id for slot in SLOTS}
        self._sponge_home = model.body("sponge").pos.copy()
        self._rubbed = [model.geom(name).id for name in ("plate", "grip", "scourer")]
        self._foam = [model.geom(f"foam_{corner}").id for corner in range(4)]

    def stage(self, simulation: Simulation, scenario: Scenario, grid: DirtGrid) -> None:
        model, number = self._model, scenario.number
        radius_m, mass_kg = number("plate_radius") / 1e3, number("plate_mass") / 1e3
        self._shape_plate(radius_m, mass_kg, grid, number("stain_darkness"))
        for geoms, (dry, wet) in ((self._rubbed, HELD_FRICTION), (self._foam, FOAM_FRICTION)):
            model.geom_friction[geoms, 0] = dry + number("wetness") * (wet - dry)
        model.jnt_stiffness[model.joint("foam").id] = number("sponge_stiffness")
        for slot, place in self._saucers.items():
            model.body(f"saucer_{slot}").pos = _PARKED if slot == scenario.values["rack_slot"] else place
        model.body("stand").pos[:] = self._stand
        model.body("stand").pos[0] += number("stand_offset") / 1e3
        mujoco.mj_setConst(model, simulation.data)
        simulation.place_home()
        self._place(simulation, radius_m, np.deg2rad(number("sponge_turn")))
        mujoco.mj_forward(model, simulation.data)

    def show(self, grid: DirtGrid) -> None:
        """Let each stain look as dirty as it is."""
        self._model.geom_rgba[self._stains, 3] = grid.dirt

    def slot_place(self, simulation: Simulation, slot: str) -> FloatArray:  # (3,)
        """Where the middle of a plate is that stands in a slot of the rack."""
        radius_m = float(self._model.geom_size[self._plate, 0])
        place: FloatArray = simulation.data.site_xpos[self._slots[slot]].copy()
        place[2] += math.sqrt((radius_m + RAIL_M) ** 2 - RAIL_HALF_M**2)
        return place

    def _shape_plate(self, radius_m: float, mass_kg: float, grid: DirtGrid, darkness: float) -> None:
        model, body = self._model, self._model.geom_bodyid[self._plate]
        share = radius_m / self._pristine_size[self._plate, 0]
        thickness_m = 2.0 * self._pristine_size[self._plate, 1]
        for geom in (self._plate, *self._glaze):
            model.geom_size[geom, 0] = share * self._pristine_size[geom, 0]
        model.body_mass[body] = mass_kg
        across = mass_kg * (3.0 * radius_m**2 + thickness_m**2) / 12.0
        model.body_inertia[body] = [across, across, 0.5 * mass_kg * radius_m**2]
        model.geom_pos[self._stains, :2] = grid.places_m
        for cell, geom in enumerate(self._stains):
            # Sauce runs: no stain is quite like the next one.
            model.geom_size[geom, :2] = (
                share * self._pristine_size[geom, :2] * (1.0 + 0.12 * np.sin([cell, 2.0 * cell]))
            )
        model.geom_rgba[self._stains, :3] = CLEAN_COLOUR + darkness * (DARK_COLOUR - CLEAN_COLOUR)

    def _place(self, simulation: Simulation, radius_m: float, turn_rad: float) -> None:
        data, model = simulation.data, self._model
        mujoco.mj_kinematics(model, data)
        stand = model.body("stand").id
        axes = data.xmat[stand].reshape(3, 3)
        plate = model.joint("plate").qposadr[0]
        data.qpos[plate : plate + 3] = data.xpos[stand] + axes @ [
            np.sqrt(radius_m**2 - KNOB_HALF_M**2) + KNOB_M,
            0.0,
            0.0,
        ]
        data.qpos[plate + 3 : plate + 7] = data.xquat[stand]
        sponge = model.joint("sponge").qposadr[0]
        data.qpos[sponge : sponge + 3] = self._sponge_home
        data.qpos[sponge + 3 : sponge + 7] = [np.cos(turn_rad / 2), 0.0, 0.0, np.sin(turn_rad / 2)]
