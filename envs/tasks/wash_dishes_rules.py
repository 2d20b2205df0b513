"""wash_dishes in the simulator: dirt that comes off, glaze that scratches, dishes that break, what counts as done."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from envs.force_sums import ForceSums
from envs.scenario import Scenario
from envs.simulation import Simulation
from envs.stage import Judgement
from envs.tasks.dirt import DirtGrid
from envs.tasks.grip import HOLDING_N
from envs.tasks.rules import above, below, check, judge, tilt_deg, told
from envs.tasks.wash_dishes import CLEAN_FORCE_N, SCRATCH_FORCE_N
from envs.tasks.wash_dishes_stage import DishStage

FloatArray = NDArray[np.float64]

FORCE_FILTER_S = 0.02  # glaze and dirt answer to a force that lasts, not to one solver step
REACH_M = 0.024  # of the sponge about its middle
LET_GO_N = 0.1
LIFTED_MM = 12.0
AWAY_MM = 80.0  # a plate so far from where it was has been lifted off the stand
TRAY_MM = (40.0, 32.0)  # how far the sponge's middle may lie beside the tray's
LYING_MM = 12.0  # how high above the tray's floor a sponge lies in it
SLOT_MM = 16.0  # how far beside its slot's middle the plate's middle may stand
ALONG_MM = 30.0
SEATED_MM = 8.0  # how far below or above its place in the slot it may stand
UPRIGHT_DEG = 30.0
LEVEL_DEG = 15.0  # how far a sponge may tilt in the tray
LYING_DEG = 60.0
STAND_M, RACK_M = 0.05, 0.13  # how far a plate may be from its place in the stand, and from its slot
FELL_M = 0.015  # above its place in the rack: a plate that nobody holds and that is lower has fallen
BREAK_N = 60.0
AT_REST_M_S = 0.06
FALLEN_BELOW_M = 0.44  # below the counter's top
_FEELS = (  # sensors of the scene, all read at once: thrice takes twice as long
    "sponge_on_plate",
    "right_thumb_on_sponge",
    "right_on_sponge",
    "right_thumb_on_plate",
    "right_on_plate",
    "all_on_plate",
)


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
        self._forces = ForceSums(simulation, _FEELS)
        self._blend = simulation.timestep_s / FORCE_FILTER_S
        self._peak_press_n = 0.0
        self._peak_blow_n = 0.0
        self._force_n = [0.0] * len(_FEELS)
        self.middle_m = (0.0, 0.0)  # of the sponge's sole, in the plate's plane
        self._seat = (0.0, 0.0, 0.0)  # of the plate's middle, in the stand

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
        self._seat = tuple(simulation.data.xpos[self.plate].tolist())
        self._stage.show(self.grid)

    def after_physics(self, simulation: Simulation) -> None:
        # Called hundreds of times a second: this is what the rules cost.
        blend, before_m = self._blend, self.middle_m
        self._force_n = [
            force + blend * (now - force) for force, now in zip(self._force_n, self._forces_n(), strict=True)
        ]
        press_n, blow_n = self._force_n[0], self._force_n[5]
        self._peak_press_n = max(self._peak_press_n, press_n)
        self._peak_blow_n = max(self._peak_blow_n, blow_n)
        self.middle_m = self._middle_on_plate(simulation)
        slid_m = math.dist(self.middle_m, before_m)
        is_wiping = press_n >= CLEAN_FORCE_N and self._is_before_plate(simulation)
        if is_wiping and self.grid.rub(self.middle_m, REACH_M, slid_m):
            self._stage.show(self.grid)

    @property
    def press_n(self) -> float:
        """How hard the sponge presses on the plate."""
        return self._force_n[0]

    @property
    def support_n(self) -> float:
        """How hard everything but hand and sponge presses on the plate."""
        return self._force_n[5]

    def grip_n(self, thing: str) -> tuple[float, float]:
        """Normal force of the thumb, and of all else of the hand, on "sponge" or "plate"."""
        first = {"sponge": 1, "plate": 3}[thing]
        return self._force_n[first], self._force_n[first + 1]

    def slot_place(self, simulation: Simulation) -> FloatArray:  # (3,)
        """Where the plate's middle is, once the plate stands in the free slot."""
        return self._stage.slot_place(simulation, self.slot)

    def assess(self, simulation: Simulation) -> Judgement:
        data = simulation.data
        plate_x, plate_y, plate_z = data.xpos[self.plate].tolist()
        sponge_x, sponge_y, _ = data.xpos[self.sponge].tolist()
        tray_x, tray_y, tray_z = data.site_xpos[self._tray].tolist()
        left = self.grid.left
        foot_z = data.site_xpos[self._foot].item(2)
        slot_x, slot_y, slot_z = self._stage.slot_place(simulation, self.slot).tolist()
        thumb_n, fingers_n = self.grip_n("sponge")
        plate_thumb_n, plate_fingers_n = self.grip_n("plate")
        holds_plate = plate_thumb_n > HOLDING_N and plate_fingers_n > HOLDING_N
        lets_plate_go = below(plate_thumb_n + plate_fingers_n, LET_GO_N, "the hand touches the plate with {:.2f} N")
        seat_x, seat_y, seat_z = self._seat
        slot = plate_x - slot_x, plate_y - slot_y, plate_z - slot_z
        tilt = tilt_deg(data.xmat[self.plate])
        is_clean = left == 0, self._dirt, (left,)
        holds_sponge = (
            above(thumb_n, HOLDING_N, "thumb {:.1f} N on the sponge"),
            above(fingers_n, HOLDING_N, "fingers {:.1f} N on the sponge"),
        )
        take = check("take", *holds_sponge, instead=is_clean[0])
        if not take[0] and self.grid.is_begun:  # whoever has wiped and let go hears of what was missed
            take = check("wipe", is_clean, *holds_sponge)
        checks = (
            take,
            check("wipe", is_clean),
            check(
                "put_back",
                is_clean,
                below(
                    1e3 * abs(sponge_x - tray_x),
                    TRAY_MM[0],
                    "the sponge is {:.0f} mm before or behind the tray's middle",
                ),
                below(1e3 * abs(sponge_y - tray_y), TRAY_MM[1], "the sponge is {:.0f} mm beside the tray's middle"),
                below(1e3 * (foot_z - tray_z), LYING_MM, "the sponge is {:.0f} mm above the tray"),
                below(tilt_deg(data.xmat[self.sponge]), LEVEL_DEG, "the sponge tilts by {:.0f} degrees"),
                below(thumb_n + fingers_n, LET_GO_N, "the hand touches the sponge with {:.2f} N"),
            ),
            check(
                "lift",
                above(plate_thumb_n, HOLDING_N, "thumb {:.1f} N on the plate"),
                above(plate_fingers_n, HOLDING_N, "fingers {:.1f} N on the plate"),
                above(1e3 * (plate_z - seat_z), LIFTED_MM, "the plate is {:z.0f} mm up"),
                instead=1e3 * math.hypot(plate_x - seat_x, plate_y - seat_y) > AWAY_MM,
            ),
            check(
                "rack",
                below(1e3 * abs(slot[1]), SLOT_MM, "the plate is {:.0f} mm beside its slot"),
                below(1e3 * abs(slot[0]), ALONG_MM, "the plate is {:.0f} mm off along its slot"),
                below(1e3 * abs(slot[2]), SEATED_MM, "the plate is {:.0f} mm above or below its seat"),
                below(abs(90.0 - tilt), UPRIGHT_DEG, "the plate leans {:.0f} degrees"),
                lets_plate_go,
                below(math.hypot(*data.cvel[self.plate, 3:].tolist()), AT_REST_M_S, "the plate moves at {:.2f} m/s"),
            ),
        )
        is_at_stand = math.dist((plate_x, plate_y, plate_z), self._seat) < STAND_M
        return judge(checks, self._failure(simulation, slot, tilt, holds_plate, lets_plate_go[0], is_at_stand))

    def _dirt(self, left: int) -> str:
        return (
            f"{left} {'cell is' if left == 1 else 'cells are'} dirty, at {self.press_n:.1f} N "
            f"(from {CLEAN_FORCE_N} N, below {SCRATCH_FORCE_N})"
        )

    def memory(self) -> dict[str, Any]:
        return {
            "dirt": self.grid.dirt.tolist(),
            "force_n": list(self._force_n),
            "middle_m": list(self.middle_m),
            "peaks_n": [self._peak_press_n, self._peak_blow_n],
        }

    def restore(self, memory: dict[str, Any]) -> None:
        self.grid.dirt = np.array(memory["dirt"])
        self._force_n = list(memory["force_n"])
        self.middle_m = tuple(memory["middle_m"])
        self._peak_press_n, self._peak_blow_n = memory["peaks_n"]
        self._stage.show(self.grid)

    @property
    def voices(self) -> Mapping[str, float]:
        return {}

    def _forget(self) -> None:
        self._force_n = [0.0] * len(_FEELS)
        self.middle_m = (0.0, 0.0)
        self._peak_press_n = 0.0
        self._peak_blow_n = 0.0

    def _forces_n(self) -> tuple[float, ...]:
        """Of the sponge on the plate; of the thumb and of the fingers on sponge and plate; of all else on the plate."""
        wiping, thumb_sponge, hand_sponge, thumb_plate, hand_plate, plate = self._forces.read_n()
        fingers_sponge, fingers_plate = hand_sponge - thumb_sponge, hand_plate - thumb_plate
        return wiping, thumb_sponge, fingers_sponge, thumb_plate, fingers_plate, plate - wiping - hand_plate

    def _middle_on_plate(self, simulation: Simulation) -> tuple[float, float]:
        data = simulation.data
        foot_x, foot_y, foot_z = data.site_xpos[self._foot].tolist()
        x, y, z = data.xpos[self.plate].tolist()
        x, y, z = foot_x - x, foot_y - y, foot_z - z
        turned = data.xmat[self.plate].tolist()
        return x * turned[0] + y * turned[3] + z * turned[6], x * turned[1] + y * turned[4] + z * turned[7]

    def _is_before_plate(self, simulation: Simulation) -> bool:
        """Whether the sponge is on the side that is stained."""
        data = simulation.data
        normal, away = data.xmat[self.plate, 2::3], data.xpos[self.sponge] - data.xpos[self.plate]
        return float(normal @ away) > 0.0

    def _failure(
        self,
        simulation: Simulation,
        from_slot_m: tuple[float, float, float],
        lean_deg: float,
        holds_plate: bool,
        lets_plate_go: bool,
        is_at_stand: bool,
    ) -> str | None:
        data = simulation.data
        if self._peak_press_n > SCRATCH_FORCE_N:
            return told("scratched: pressed with {:.1f} N", self._peak_press_n, "at most", SCRATCH_FORCE_N)
        if self._peak_blow_n > BREAK_N:
            return told("broken: the plate was struck with {:.0f} N", self._peak_blow_n, "at most", BREAK_N)
        if data.xpos[self.sponge].item(2) < FALLEN_BELOW_M:
            return "dropped: the sponge fell off the counter"
        if data.xpos[self.plate].item(2) < FALLEN_BELOW_M:
            return "dropped: the plate fell off the counter"
        x, y, z = from_slot_m
        is_at_rack = max(abs(x), abs(y)) < RACK_M
        if lets_plate_go and z < FELL_M and not is_at_rack and not is_at_stand:
            return "dropped: the plate lies neither in the stand nor in the rack"
        if min(lean_deg, 180.0 - lean_deg) < 90.0 - LYING_DEG and not holds_plate:
            return "dropped: the plate lies flat"
        return None
