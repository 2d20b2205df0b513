"""wash_dishes in the simulator: dirt that comes off, glaze that scratches, dishes that break, what counts as done."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from envs.scenario import Scenario
from envs.simulation import Simulation
from envs.stage import Judgement
from envs.tasks.dirt import DirtGrid
from envs.tasks.wash_dishes import CLEAN_FORCE_N, SCRATCH_FORCE_N
from envs.tasks.wash_dishes_stage import DishStage

FloatArray = NDArray[np.float64]

FORCE_FILTER_S = 0.02  # glaze and dirt answer to a force that lasts, not to one solver step
REACH_M = 0.024  # of the sponge about its middle
HOLDING_N = 0.6
LET_GO_N = 0.1
LIFTED_MM = 12.0
AWAY_MM = 80.0  # a plate so far from where it was has been lifted off the stand
TRAY_MM = (40.0, 32.0)  # how far the sponge's middle may lie beside the tray's
LYING_M = 0.012  # how high above the tray's floor a sponge lies in it
SLOT_MM = 16.0  # how far beside its slot's middle the plate's middle may stand
ALONG_MM = 30.0
SEATED_M = 0.008
UPRIGHT_DEG = 30.0
LYING_DEG = 60.0
STAND_M, RACK_M = 0.05, 0.13  # how far a plate may be from its place in the stand, and from its slot
FELL_M = 0.015  # above its place in the rack: a plate that nobody holds and that is lower has fallen
BREAK_N = 60.0
AT_REST_M_S = 0.06
FALLEN_BELOW_M = 0.44  # below the counter's top
HAND = "right_"


class WashDishesRules:
    """Staging, physics and judgement of wash_dishes on one simulation."""

    def __init__(self, simulation: Simulation) -> None:
        model = simulation.model
        self._model = model
        self._stage = DishStage(simulation)
        self.grid = DirtGrid()
        self.slot = "middle"
        self.plate, self.sponge = model.body("plate").id, model.body("sponge").id
        self._foot = model.site("foot").id
        self._tray = model.site("tray").id
        owner = [model.body(body).name for body in model.geom_bodyid]
        kinds = {"plate": 1, "sponge": 2, "foot": 2}
        self._kind = np.array([kinds.get(name, 0) for name in owner])
        self._kind[[name.startswith(HAND + "thumb") for name in owner]] = 3
        self._kind[[name.startswith(HAND) and "thumb" not in name for name in owner]] = 4
        self._is_dish = (self._kind == 1) | (self._kind == 2)
        self._blend = simulation.timestep_s / FORCE_FILTER_S
        self._peak_press_n = 0.0
        self._peak_blow_n = 0.0
        self._force: FloatArray = np.zeros(6)
        self.middle_m: FloatArray = np.zeros(2)  # of the sponge's sole, in the plate's plane
        self._seat: FloatArray = np.zeros(3)  # of the plate's middle, in the stand

    def stage(self, simulation: Simulation, scenario: Scenario) -> None:
        self._forget()
        self.slot = str(scenario.values["rack_slot"])
        number = scenario.number
        self.grid.stain(
            str(scenario.values["stain_pattern"]),
            float(np.deg2rad(number("stain_angle"))),
            number("stain_share"),
            number("plate_radius") / 1e3,
        )
        self._stage.stage(simulation, scenario, self.grid)
        self._seat = simulation.data.xpos[self.plate].copy()
        self._stage.show(self.grid)

    def after_physics(self, simulation: Simulation) -> None:
        forces = self._contact_forces(simulation)
        self._force += self._blend * (forces - self._force)
        self._peak_press_n = max(self._peak_press_n, float(self._force[0]))
        self._peak_blow_n = max(self._peak_blow_n, float(self._force[5]))
        middle = self._middle_on_plate(simulation)
        slid_m = float(np.hypot(*(middle - self.middle_m)))
        self.middle_m = middle
        if self._force[0] >= CLEAN_FORCE_N and self.grid.rub(middle, REACH_M, slid_m):
            self._stage.show(self.grid)

    @property
    def press_n(self) -> float:
        """How hard the sponge presses on the plate."""
        return float(self._force[0])

    def grip_n(self, thing: str) -> tuple[float, float]:
        """Normal force of the thumb, and of all else of the hand, on "sponge" or "plate"."""
        first = {"sponge": 1, "plate": 3}[thing]
        return float(self._force[first]), float(self._force[first + 1])

    def slot_place(self, simulation: Simulation) -> FloatArray:  # (3,)
        """Where the plate's middle is, once the plate stands in the free slot."""
        return self._stage.slot_place(simulation, self.slot)

    def assess(self, simulation: Simulation) -> Judgement:
        data = simulation.data
        plate, sponge = data.xpos[self.plate], data.xpos[self.sponge]
        in_tray = sponge - data.site_xpos[self._tray]
        beside_mm, lies_mm = 1e3 * np.abs(in_tray[:2]), 1e3 * float(self._foot_height(simulation))
        sponge_tilt = _tilt_deg(data.xmat[self.sponge])
        thumb, fingers = self.grip_n("sponge")
        holds_sponge = thumb > HOLDING_N and fingers > HOLDING_N
        is_back = (
            bool((beside_mm < TRAY_MM).all())
            and lies_mm < 1e3 * LYING_M
            and sponge_tilt < 15.0
            and thumb + fingers < LET_GO_N
        )
        plate_thumb, plate_fingers = self.grip_n("plate")
        holds_plate = plate_thumb > HOLDING_N and plate_fingers > HOLDING_N
        lifted_mm = 1e3 * float(plate[2] - self._seat[2])
        away_mm = 1e3 * float(np.hypot(*(plate - self._seat)[:2]))
        slot = plate - self.slot_place(simulation)
        lean = abs(90.0 - _tilt_deg(data.xmat[self.plate]))
        speed_m_s = float(np.linalg.norm(data.cvel[self.plate, 3:]))
        is_in_slot = (
            1e3 * abs(slot[1]) < SLOT_MM
            and 1e3 * abs(slot[0]) < ALONG_MM
            and abs(slot[2]) < SEATED_M
            and lean < UPRIGHT_DEG
        )
        is_clean = self.grid.left == 0
        checks = {
            f"take: thumb {thumb:.1f} N, fingers {fingers:.1f} N on the sponge (more than {HOLDING_N} each)": (
                holds_sponge or is_clean
            ),
            f"wipe: {self.grid.left} cells are dirty, at {self.press_n:.1f} N "
            f"(from {CLEAN_FORCE_N} N, below {SCRATCH_FORCE_N})": is_clean,
            f"put_back: the sponge is {beside_mm.max():.0f} mm beside the tray's middle, {lies_mm:.0f} mm above it, "
            f"{'let go' if thumb + fingers < LET_GO_N else 'held'}": is_clean and is_back,
            f"lift: thumb {plate_thumb:.1f} N, fingers {plate_fingers:.1f} N on the plate, {lifted_mm:.0f} mm up "
            f"(at least {LIFTED_MM:.0f})": (holds_plate and lifted_mm > LIFTED_MM) or away_mm > AWAY_MM,
            f"rack: the plate is {1e3 * abs(slot[1]):.0f} mm beside the {self.slot} slot (at most {SLOT_MM:.0f}), "
            f"{1e3 * slot[2]:.0f} mm above it, leans {lean:.0f} degrees (at most {UPRIGHT_DEG:.0f}), "
            f"{'let go' if plate_thumb + plate_fingers < LET_GO_N else 'held'}, moves at {speed_m_s:.2f} m/s": (
                is_in_slot and plate_thumb + plate_fingers < LET_GO_N and speed_m_s < AT_REST_M_S
            ),
        }
        done = tuple(bool(check) for check in checks.values())
        failure = self._failure(simulation, holds_plate)
        success = all(done) and failure is None
        unmet = failure or next((text for text, is_done in zip(checks, done, strict=True) if not is_done), "")
        return Judgement(done=done, success=success, failure=failure, unmet=unmet)

    def memory(self) -> dict[str, Any]:
        return {
            "dirt": self.grid.dirt.tolist(),
            "force_n": self._force.tolist(),
            "middle_m": self.middle_m.tolist(),
            "peaks_n": [self._peak_press_n, self._peak_blow_n],
        }

    def restore(self, memory: dict[str, Any]) -> None:
        self.grid.dirt = np.array(memory["dirt"])
        self._force = np.array(memory["force_n"])
        self.middle_m = np.array(memory["middle_m"])
        self._peak_press_n, self._peak_blow_n = memory["peaks_n"]
        self._stage.show(self.grid)

    @property
    def voices(self) -> Mapping[str, float]:
        return {}

    def _forget(self) -> None:
        self._force = np.zeros(6)  # sponge on plate; thumb, fingers on sponge; thumb, fingers on plate; a blow
        self.middle_m = np.zeros(2)
        self._peak_press_n = 0.0
        self._peak_blow_n = 0.0

    def _contact_forces(self, simulation: Simulation) -> FloatArray:  # (6,)
        data, forces = simulation.data, np.zeros(6)
        if not data.ncon:
            return forces
        pairs = data.contact.geom
        for index in np.flatnonzero(self._is_dish[pairs].any(axis=1)):
            kinds = sorted(int(kind) for kind in self._kind[pairs[index]])
            row = _ROWS.get((kinds[0], kinds[1]))
            if row is not None:
                forces[row] += simulation.contact_normal_n(int(index))
        return forces

    def _middle_on_plate(self, simulation: Simulation) -> FloatArray:  # (2,)
        data = simulation.data
        away = data.site_xpos[self._foot] - data.xpos[self.plate]
        return np.array((away @ data.xmat[self.plate].reshape(3, 3))[:2])

    def _foot_height(self, simulation: Simulation) -> float:
        data = simulation.data
        return float(data.site_xpos[self._foot][2] - data.site_xpos[self._tray][2])

    def _failure(self, simulation: Simulation, holds_plate: bool) -> str | None:
        data = simulation.data
        if self._peak_press_n > SCRATCH_FORCE_N:
            return f"scratched: pressed with {self._peak_press_n:.1f} N (at most {SCRATCH_FORCE_N:.0f})"
        if self._peak_blow_n > BREAK_N:
            return f"broken: the plate was struck with {self._peak_blow_n:.0f} N (at most {BREAK_N:.0f})"
        if data.xpos[self.sponge][2] < FALLEN_BELOW_M:
            return "dropped: the sponge fell off the counter"
        if data.xpos[self.plate][2] < FALLEN_BELOW_M:
            return "dropped: the plate fell off the counter"
        plate = data.xpos[self.plate]
        from_slot = plate - self.slot_place(simulation)
        is_at_rack = float(np.abs(from_slot[:2]).max()) < RACK_M
        is_at_stand = float(np.linalg.norm(plate - self._seat)) < STAND_M
        if sum(self.grip_n("plate")) < LET_GO_N and from_slot[2] < FELL_M and not is_at_rack and not is_at_stand:
            return "dropped: the plate lies neither in the stand nor in the rack"
        if min(tilt := _tilt_deg(data.xmat[self.plate]), 180.0 - tilt) < 90.0 - LYING_DEG and not holds_plate:
            return "dropped: the plate lies flat"
        return None


_ROWS = {(1, 2): 0, (2, 3): 1, (2, 4): 2, (1, 3): 3, (1, 4): 4, (0, 1): 5}


def _tilt_deg(matrix: FloatArray) -> float:
    """Angle between a body's z and the vertical."""
    return float(np.rad2deg(np.arccos(np.clip(matrix[8], -1.0, 1.0))))
