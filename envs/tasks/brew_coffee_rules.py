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
from envs.tasks.grip import HandGrip
from envs.tasks.rules import judge

HOLDING_N = 0.6
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

    def grip_n(self, simulation: Simulation) -> tuple[float, float]:
        """Normal force of the thumb, and of all else of the hand, on the cup."""
        return self._hand.force_n()

    def assess(self, simulation: Simulation) -> Judgement:
        data, machine = simulation.data, self.machine
        off_spout_mm, above_drip_mm = self._from_spout_mm(simulation)
        x, y, z = data.xpos[self._cup_body].tolist()
        tray_x, tray_y, tray_z = data.xpos[self._tray].tolist()
        off_tray_mm, above_tray_mm = 1e3 * math.hypot(x - tray_x, y - tray_y), 1e3 * (z - tray_z - _TRAY_M)
        tilt_deg = self._tilt_deg(simulation)
        speed_m_s = math.hypot(*data.cvel[self._cup_body, 3:].tolist())
        thumb_n, fingers_n = self.grip_n(simulation)
        held = thumb_n > HOLDING_N and fingers_n > HOLDING_N
        let_go = max(thumb_n, fingers_n) < TOUCHING_N
        stands = off_spout_mm < UNDER_SPOUT_MM and above_drip_mm < STANDING_MM and tilt_deg < UPRIGHT_DEG
        over_tray = self._is_taken and off_tray_mm < ON_TRAY_MM
        on_tray = over_tray and above_tray_mm < STANDING_MM and tilt_deg < UPRIGHT_DEG
        is_started = machine.is_started
        checks = (
            (
                held or stands or is_started,
                lambda: f"grasp: thumb {thumb_n:.1f} N, fingers {fingers_n:.1f} N (more than {HOLDING_N} each)",
            ),
            (
                is_started or (stands and not held),
                lambda: (
                    f"set: the cup is {off_spout_mm:.0f} mm beside the spout (at most {UNDER_SPOUT_MM:.0f}), "
                    f"{above_drip_mm:.0f} mm above the grate, leaning {tilt_deg:.0f} degrees, "
                    f"{'' if held else 'not '}held"
                ),
            ),
            (
                is_started,
                lambda: (
                    f"press: the button is in by {self._pressed_mm(simulation):.1f} mm (at least {1e3 * PRESSED_M:.0f})"
                ),
            ),
            (machine.is_ready, lambda: "wait: the machine has not beeped yet"),
            (
                self._is_taken,
                lambda: f"take: the cup still stands under the spout, held by {min(thumb_n, fingers_n):.1f} N",
            ),
            (
                over_tray,
                lambda: f"carry: the cup is {off_tray_mm:.0f} mm beside the tray's middle (at most {ON_TRAY_MM:.0f})",
            ),
            (
                on_tray and let_go and speed_m_s < AT_REST_M_S,
                lambda: (
                    f"place: the cup is {above_tray_mm:.0f} mm above the tray, leaning {tilt_deg:.0f} degrees, moving "
                    f"at {speed_m_s:.2f} m/s, held by {max(thumb_n, fingers_n):.1f} N"
                ),
            ),
        )
        return judge(checks, self._failure(simulation, tilt_deg))

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
            self._spoiled = f"missed: the button was pressed with the cup {off_mm:.0f} mm beside the spout"
            self._spoiled += (
                f" (at most {reach_mm:.0f}) and {above_mm:.0f} mm above the grate (at most {LIFTED_MM:.0f})"
            )
        elif not catches:
            self._spoiled = f"early: the cup was taken {self.machine.until_beep_s:.1f} s before the beep"

    def _failure(self, simulation: Simulation, tilt_deg: float) -> str | None:
        if self._spoiled is not None:
            return self._spoiled
        if self.cup.peak_m > 0.0:
            return f"spilled: the surface stood {1e3 * self.cup.peak_m:.1f} mm above the rim"
        if tilt_deg > TIPPED_DEG:
            return f"tipped: the cup leans by {tilt_deg:.0f} degrees (at most {TIPPED_DEG:.0f})"
        below_m = TABLE_M - float(simulation.data.xpos[self._cup_body, 2])
        if below_m > _FALLEN_M:
            return f"dropped: the cup fell {1e2 * below_m:.0f} cm below the table's top"
        return None

    def _from_spout_mm(self, simulation: Simulation) -> tuple[float, float]:
        """How far the cup stands beside the spout, and above the grate."""
        x, y, z = simulation.data.xpos[self._cup_body].tolist()
        spout_x, spout_y, _ = simulation.data.site_xpos[self._spout].tolist()
        return 1e3 * math.hypot(x - spout_x, y - spout_y), 1e3 * (z - TABLE_M - _DRIP_TRAY_M)

    def _tilt_deg(self, simulation: Simulation) -> float:
        upright = float(simulation.data.xmat[self._cup_body, 8])
        return math.degrees(math.acos(min(max(upright, -1.0), 1.0)))

    def _pressed_mm(self, simulation: Simulation) -> float:
        return 1e3 * max(float(simulation.data.qpos[self._button]), 0.0)
