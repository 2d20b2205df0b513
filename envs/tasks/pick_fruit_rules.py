"""pick_fruit in the simulator: hanging fruit, stems that give, skins that bruise, and what counts as done."""

from __future__ import annotations

import colorsys
import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from envs.engine import mujoco
from envs.scenario import Scenario
from envs.simulation import Simulation
from envs.stage import Judgement
from envs.tasks.grip import HOLDING_N, HandGrip
from envs.tasks.pick_fruit import BRUISE_FORCE_N
from envs.tasks.rules import above, at_most, below, check, judge, told

FloatArray = NDArray[np.float64]

STEM_M = 0.02
SAG_M = 9.81 / 1000.0  # how far a fruit draws its twig down; the scene's twigs have 1000 N/m a kilogram
UNRIPE_STRENGTH_N = 4.0
FORCE_FILTER_S = 0.012  # a stem or a skin gives to a force that lasts, not to one solver step
REACHED_MM = 20.0
TOUCHED_MM = 35.0  # a fruit that is being touched swings a little, and is still within the hand
BASKET_RADIUS_MM = 88.0
BASKET_RIM_M = 0.072  # above the basket's foot
BASKET_SITE_M = 0.04
OVER_MM = 45.0
FALLEN_BELOW_M = 0.55
AT_REST_M_S = 0.25
_FRUITS = ("ripe", "unripe_left", "unripe_right")
_PARKED = (0.24, 0.33, 0.26)  # behind the trunk: where an unripe fruit hangs that the scenario does without


class PickFruitRules:
    """Staging, physics and judgement of pick_fruit on one simulation."""

    def __init__(self, simulation: Simulation) -> None:
        model = simulation.model
        self._model = model
        self._body = {name: model.body(name).id for name in _FRUITS}
        self._geom = {name: model.geom(name).id for name in _FRUITS}
        self._stem = {name: model.equality(name).id for name in _FRUITS}
        self._grasp = model.site("right_grasp").id
        self._basket = model.site("basket").id
        self._hand = HandGrip(simulation, "right", "ripe")
        self._leaves = {name: model.geom(name).size.copy() for name in ("leaf_0", "leaf_1")}
        self._twigs = {name: model.body(name).pos.copy() for name in ("twig_left", "twig_right")}
        self._blend = simulation.timestep_s / FORCE_FILTER_S
        self._strength_n = dict.fromkeys(_FRUITS, UNRIPE_STRENGTH_N)
        self._gives_at_n = [math.inf] * len(_FRUITS)
        self._stems_hold = simulation.data.eq_active  # a view
        self._hanging: tuple[tuple[int, slice], ...] = ()  # number of a fruit, and the force of its stem
        self._hanging_rows = 0  # and where those of the last stem end
        self._hung_when = b""
        self._tension_n = [0.0] * len(_FRUITS)
        self._grip_n = 0.0, 0.0  # thumb, fingers
        self._peak_n = 0.0

    def stage(self, simulation: Simulation, scenario: Scenario) -> None:
        self._forget()
        self._stage_ripe(scenario)
        self._stage_surroundings(scenario)
        self._gives_at_n = [
            9.81 * float(self._model.body_mass[body]) + self._strength_n[name] for name, body in self._body.items()
        ]
        anchors = self._model.eq_data.copy()
        mujoco.mj_setConst(self._model, simulation.data)  # which places anchors anew, from the compiled pose
        self._model.eq_data[:] = anchors
        simulation.place_home()
        mujoco.mj_kinematics(self._model, simulation.data)
        for name, anchor in zip(_FRUITS, ("branch", "twig_left", "twig_right"), strict=True):
            address = self._model.joint(name).qposadr[0]
            hang = self._model.eq_data[self._stem[name], 2]
            simulation.data.qpos[address : address + 3] = simulation.data.body(anchor).xpos - [0.0, 0.0, hang + SAG_M]
        mujoco.mj_forward(self._model, simulation.data)

    def after_physics(self, simulation: Simulation) -> None:
        # Called hundreds of times a second: this is what the rules cost.
        data, blend, tension_n = simulation.data, self._blend, self._tension_n
        if self._stems_hold.tobytes() != self._hung_when:
            self._find_hanging(simulation)
        if self._hanging:
            force_n = data.efc_force[: self._hanging_rows].tolist()
            for fruit, rows in self._hanging:
                x, y, z = force_n[rows]
                tension = tension_n[fruit]
                tension_n[fruit] = tension = tension + blend * (math.sqrt(x * x + y * y + z * z) - tension)
                if tension > self._gives_at_n[fruit]:
                    self._stems_hold[self._stem[_FRUITS[fruit]]] = 0
        thumb_n, fingers_n = self._grip_n
        if data.ncon or thumb_n or fingers_n:
            thumb_now_n, fingers_now_n = self._hand.force_n()
            thumb_n += blend * (thumb_now_n - thumb_n)
            fingers_n += blend * (fingers_now_n - fingers_n)
            self._grip_n = thumb_n, fingers_n
            if thumb_n > self._peak_n or fingers_n > self._peak_n:
                self._peak_n = max(thumb_n, fingers_n)

    def grip_n(self) -> tuple[float, float]:
        """Normal force of the thumb, and of all else of the hand, on the ripe fruit."""
        return self._hand.force_n()

    def _find_hanging(self, simulation: Simulation) -> None:
        self._hung_when = self._stems_hold.tobytes()
        first = {
            fruit: simulation.first_row(stem)
            for fruit, stem in enumerate(self._stem.values())
            if self._stems_hold[stem]
        }
        self._hanging = tuple((fruit, slice(row, row + 3)) for fruit, row in first.items())
        self._hanging_rows = max(first.values(), default=0) + 3

    def assess(self, simulation: Simulation) -> Judgement:
        data = simulation.data
        fruit = data.xpos[self._body["ripe"]].tolist()
        basket = data.site_xpos[self._basket].tolist()
        reach_mm = 1e3 * math.dist(data.site_xpos[self._grasp].tolist(), fruit)
        off_centre_mm = 1e3 * math.hypot(fruit[0] - basket[0], fruit[1] - basket[1])
        above_rim_m = fruit[2] - basket[2] + BASKET_SITE_M - BASKET_RIM_M
        inside = off_centre_mm < BASKET_RADIUS_MM and above_rim_m < 0.0
        picked = not self._stems_hold[self._stem["ripe"]]
        thumb_n, fingers_n = self._grip_n
        held = thumb_n > HOLDING_N and fingers_n > HOLDING_N
        within_mm = TOUCHED_MM if thumb_n + fingers_n > 0.1 else REACHED_MM
        speed_m_s = math.hypot(*data.cvel[self._body["ripe"], 3:].tolist())
        # A picked fruit above or in the basket needs only to come to rest there, wherever the hand is.
        arrived = picked and (inside or (off_centre_mm < BASKET_RADIUS_MM and not held))
        is_picked = (
            picked,
            told,
            ("the stem holds, at {:.1f} N", self._tension_n[0], "above", self._gives_at_n[0]),
        )
        beside = "the fruit is {:.0f} mm beside the basket's middle"
        checks = (
            check("reach", below(reach_mm, within_mm, "the hand is {:.0f} mm from the fruit"), instead=arrived),
            check(
                "grasp",
                above(thumb_n, HOLDING_N, "thumb {:.1f} N on the fruit"),
                above(fingers_n, HOLDING_N, "fingers {:.1f} N on the fruit"),
                instead=arrived,
            ),
            check("pick", is_picked),
            check("carry", below(off_centre_mm, OVER_MM, beside), instead=arrived),
            check(
                "place",
                is_picked,
                below(off_centre_mm, BASKET_RADIUS_MM, beside),
                below(1e3 * above_rim_m, 0.0, "the fruit is {:.0f} mm above the rim"),
                at_most(min(thumb_n, fingers_n), HOLDING_N, "thumb and fingers hold the fruit with {:.1f} N"),
                below(speed_m_s, AT_REST_M_S, "the fruit moves at {:.2f} m/s"),
            ),
        )
        return judge(checks, self._failure(fruit[2], inside))

    def memory(self) -> dict[str, Any]:
        tension_n = dict(zip(_FRUITS, self._tension_n, strict=True))
        return {"tension_n": tension_n, "grip_n": list(self._grip_n), "peak_n": self._peak_n}

    def restore(self, memory: dict[str, Any]) -> None:
        self._tension_n = [memory["tension_n"][fruit] for fruit in _FRUITS]
        self._grip_n = tuple(memory["grip_n"])
        self._peak_n = memory["peak_n"]

    @property
    def voices(self) -> Mapping[str, float]:
        return {}

    def _forget(self) -> None:
        self._tension_n = [0.0] * len(_FRUITS)
        self._grip_n = 0.0, 0.0
        self._peak_n = 0.0

    def _failure(self, ripe_height_m: float, inside: bool) -> str | None:
        if self._peak_n > BRUISE_FORCE_N:
            return told("bruised: gripped with {:.1f} N", self._peak_n, "at most", BRUISE_FORCE_N)
        if not (self._stems_hold[self._stem[_FRUITS[1]]] and self._stems_hold[self._stem[_FRUITS[2]]]):
            return "unripe_fallen: an unripe fruit was torn off"
        if ripe_height_m < FALLEN_BELOW_M and not inside:
            return "dropped: the ripe fruit fell beside the basket"
        return None

    def _stage_ripe(self, scenario: Scenario) -> None:
        model, number = self._model, scenario.number
        radius_m, mass_kg = number("fruit_radius") / 1e3, number("fruit_mass") / 1e3
        body, geom, stem = self._body["ripe"], self._geom["ripe"], self._stem["ripe"]
        model.geom_size[geom, 0] = radius_m
        model.geom_friction[geom, 0] = number("friction")
        model.geom_rgba[geom, :3] = colorsys.hsv_to_rgb(number("ripe_hue") / 360.0, 0.9, 0.85)
        model.geom("ripe_stem").pos[2] = radius_m + STEM_M / 2
        model.body_mass[body] = mass_kg
        model.body_inertia[body] = 0.4 * mass_kg * radius_m**2
        model.body_ipos[body] = 0.0
        model.eq_data[stem, :6] = [0.0, 0.0, radius_m + STEM_M, 0.0, 0.0, 0.0]
        model.body("branch").pos = [number("fruit_x") / 1e2, number("fruit_y") / 1e2, number("fruit_height") / 1e2]
        self._strength_n["ripe"] = number("stem_strength")

    def _stage_surroundings(self, scenario: Scenario) -> None:
        model, number = self._model, scenario.number
        for name, position in self._twigs.items():
            hangs = scenario.values["unripe"] in ("both", name.removeprefix("twig_"))
            model.body(name).pos = position if hangs else _PARKED
            stem = self._stem[name.replace("twig", "unripe")]
            model.eq_data[stem, 3:6] = 0.0
        for name, size in self._leaves.items():
            model.geom(name).size = np.maximum(size * number("leaf_cover"), 1e-4)
