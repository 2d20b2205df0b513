"""brew_coffee in the simulator: a machine with a will of its own, a cup that fills and spills, what counts as done."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from envs.engine import mujoco
from envs.scenario import Scenario
from envs.senses.sound import FULL_SCALE_DB
from envs.simulation import Simulation
from envs.stage import Judgement
from envs.tasks.coffee_cup import CoffeeCup
from envs.tasks.coffee_machine import PATIENCE_S, CoffeeMachine
from envs.tasks.grip import HOLDING_N, HandGrip
from envs.tasks.rules import above, at_most, below, check, judge, tilt_deg, told

TOUCHING_N = 0.1
PRESSED_M = 0.005
UNDER_SPOUT_MM = 12.0
STANDING_MM = 3.0  # how far the cup's middle may be above where it stands
LIFTED_MM = 6.0
ON_TRAY_MM = 42.0
UPRIGHT_DEG = 6.0
TIPPED_DEG = 50.0
AT_REST_M_S = 0.03
TABLE_M = 0.655
_FALLEN_M = 0.05
_SHOULDER_Y_M = -0.16
_DRIP_TRAY_M = 0.016  # above the table
_TRAY_M = 0.008


class BrewCoffeeRules:
    """Staging, physics and judgement of brew_coffee on one simulation."""

    def __init__(self, simulation: Simulation) -> None:
        model = simulation.model
        self._model = model
        self._cup_body = model.body("cup").id
        self._spout = model.site("spout").id
        self._tray = model.body("tray").id
        self._button = int(model.joint("button").qposadr[0])
        self._hand = HandGrip(simulation, "right", "cup")
        self.cup = CoffeeCup(simulation)
        self.machine = CoffeeMachine(simulation.timestep_s)
        self._spoiled: str | None = None  # what went wrong at the spout
        self._forget()

    def stage(self, simulation: Simulation, scenario: Scenario) -> None:
        self._forget()
        number = scenario.number
        beep_db = number("noise_level") + number("beep_over_noise")
        self.machine.set_up(number("brewing_time"), 10 ** ((beep_db - FULL_SCALE_DB) / 20))
        self.cup.stage(scenario)
        self._model.body_pos[self._tray, :2] = [number("tray_x") / 1e2, number("tray_y") / 1e2]
        mujoco.mj_setConst(self._model, simulation.data)
        simulation.place_home()
        x_m, y_m = number("cup_x") / 1e2, number("cup_y") / 1e2
        # The handle points away from the arm that takes the cup, out of the fingers' way.
        self.cup.place(simulation, (x_m, y_m, TABLE_M), math.atan2(y_m - _SHOULDER_Y_M, x_m))
        mujoco.mj_forward(self._model, simulation.data)

    def after_physics(self, simulation: Simulation) -> None:
        was_started = self.machine.is_started
        self.machine.advance(float(simulation.data.qpos[self._button]) > PRESSED_M)
        self.cup.advance(simulation, self.machine.poured)
        if self.machine.is_started and not self._is_taken and self._spoiled is None:
            self._watch_spout(simulation, not was_started)

    def grip_n(self) -> tuple[float, float]:
        """Normal force of the thumb, and of all else of the hand, on the cup."""
        return self._hand.force_n()

    def assess(self, simulation: Simulation) -> Judgement:
        data, machine = simulation.data, self.machine
        off_spout_mm, above_drip_mm = self._from_spout_mm(simulation)
        x, y, z = data.xpos[self._cup_body].tolist()
        tray_x, tray_y, tray_z = data.xpos[self._tray].tolist()
        off_tray_mm, above_tray_mm = 1e3 * math.hypot(x - tray_x, y - tray_y), 1e3 * (z - tray_z - _TRAY_M)
        lean_deg = tilt_deg(data.xmat[self._cup_body])
        speed_m_s = math.hypot(*data.cvel[self._cup_body, 3:].tolist())
        thumb_n, fingers_n = self.grip_n()
        held_n, lets_go_n = min(thumb_n, fingers_n), max(thumb_n, fingers_n)
        upright = below(lean_deg, UPRIGHT_DEG, "the cup leans {:.1f} degrees")
        standing = (
            below(off_spout_mm, UNDER_SPOUT_MM, "the cup is {:.0f} mm beside the spout"),
            below(above_drip_mm, STANDING_MM, "the cup is {:.1f} mm above the grate"),
            upright,
        )
        over_tray = below(off_tray_mm, ON_TRAY_MM, "the cup is {:.0f} mm beside the tray's middle")
        is_taken = self._is_taken, self._still_there, (off_spout_mm, above_drip_mm)
        is_started = machine.is_started
        checks = (
            check(
                "grasp",
                above(thumb_n, HOLDING_N, "thumb {:.1f} N on the cup"),
                above(fingers_n, HOLDING_N, "fingers {:.1f} N on the cup"),
                instead=is_started or all([clause[0] for clause in standing]),
            ),
            check(
                "set",
                *standing,
                at_most(held_n, HOLDING_N, "thumb and fingers hold the cup with {:.1f} N"),
                instead=is_started,
            ),
            check("press", (is_started, self._unpressed, (simulation,))),
            check(
                "wait", (machine.is_ready, "no beep in the {:.1f} s that the machine runs".format, (machine.running_s,))
            ),
            check("take", is_taken),
            check("carry", is_taken, over_tray),
            check(
                "place",
                is_taken,
                over_tray,
                below(above_tray_mm, STANDING_MM, "the cup is {:.1f} mm above the tray"),
                upright,
                below(lets_go_n, TOUCHING_N, "thumb or fingers touch the cup with {:.2f} N"),
                below(speed_m_s, AT_REST_M_S, "the cup moves at {:.3f} m/s"),
            ),
        )
        return judge(checks, self._failure(simulation, lean_deg))

    def memory(self) -> dict[str, Any]:
        return {
            "running_s": self.machine.running_s,
            "cup": self.cup.memory(),
            "is_taken": self._is_taken,
            "spoiled": self._spoiled,
        }

    def restore(self, memory: dict[str, Any]) -> None:
        self.machine.running_s = memory["running_s"]
        self.cup.restore(memory["cup"])
        self._is_taken = memory["is_taken"]
        self._spoiled = memory["spoiled"]

    @property
    def voices(self) -> Mapping[str, float]:
        return self.machine.voices

    def _forget(self) -> None:
        self._is_taken = False
        self._spoiled = None

    def _watch_spout(self, simulation: Simulation, has_just_started: bool) -> None:
        """While the machine runs: is the cup there when it must be, and gone when it must not?"""
        off_mm, above_mm = self._from_spout_mm(simulation)
        reach_mm = 1e3 * self.cup.inner_radius_m
        catches = off_mm < reach_mm and above_mm < LIFTED_MM
        if self.machine.is_ready:
            self._is_taken = not catches
            if not self._is_taken and self.machine.is_rinsing:
                self._spoiled = f"late: the cup still stood there {PATIENCE_S:.0f} s after the beep, and rinsing began"
        elif not catches and has_just_started:
            beside = told("the cup {:.0f} mm beside the spout", off_mm, "below", reach_mm)
            over = told("{:.0f} mm above the grate", above_mm, "below", LIFTED_MM)
            self._spoiled = f"missed: the button was pressed with {beside} and {over}"
        elif not catches:
            self._spoiled = f"early: the cup was taken {self.machine.until_beep_s:.1f} s before the beep"

    def _still_there(self, off_spout_mm: float, above_drip_mm: float) -> str:
        beside = told("the cup is {:.0f} mm beside the spout", off_spout_mm, "at least", 1e3 * self.cup.inner_radius_m)
        return beside + " and " + told("{:z.1f} mm above the grate", above_drip_mm, "or at least", LIFTED_MM)

    def _failure(self, simulation: Simulation, lean_deg: float) -> str | None:
        if self._spoiled is not None:
            return self._spoiled
        if self.cup.peak_m > 0.0:
            return told("spilled: the surface stood {:.1f} mm above the rim", 1e3 * self.cup.peak_m, "at most", 0.0)
        if lean_deg > TIPPED_DEG:
            return told("tipped: the cup leans by {:.0f} degrees", lean_deg, "at most", TIPPED_DEG)
        below_m = TABLE_M - float(simulation.data.xpos[self._cup_body, 2])
        if below_m > _FALLEN_M:
            return f"dropped: the cup fell {1e2 * below_m:.0f} cm below the table's top"
        return None

    def _from_spout_mm(self, simulation: Simulation) -> tuple[float, float]:
        """How far the cup stands beside the spout, and above the grate."""
        x, y, z = simulation.data.xpos[self._cup_body].tolist()
        spout_x, spout_y, _ = simulation.data.site_xpos[self._spout].tolist()
        return 1e3 * math.hypot(x - spout_x, y - spout_y), 1e3 * (z - TABLE_M - _DRIP_TRAY_M)

    def _unpressed(self, simulation: Simulation) -> str:
        pressed_mm = 1e3 * max(float(simulation.data.qpos[self._button]), 0.0)
        return told("the button is in by {:.1f} mm", pressed_mm, "above", 1e3 * PRESSED_M)
