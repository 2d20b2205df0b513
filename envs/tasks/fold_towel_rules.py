"""fold_towel in the simulator: a towel of the scenario's making, hands that hold it, and what counts as folded."""

from __future__ import annotations

import colorsys
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from envs.contact_rows import ContactRows
from envs.engine import mujoco
from envs.force_sums import ForceSums
from envs.scenario import Scenario
from envs.simulation import Simulation
from envs.stage import Judgement
from envs.tasks.cloth_hold import CLOSED_N, HAND_BIT, REACH_M, ClothHold
from envs.tasks.fold_towel import TOWEL_PATTERNS
from envs.tasks.rules import Clause, below, check, judge, reading, told
from envs.tasks.towel import CREASE_ROW, FABRICS, SIDE, Towel, corner, vertex

FloatArray = NDArray[np.float64]

SIDES = ("left", "right")
CORNER_MM = 35.0
HALF_COVERED = (0.46, 0.60)  # of the flat towel's area; 0.50 is a perfect half, less has a corner turned in
STRIP_COVERED = (0.20, 0.36)  # 0.25 is a perfect quarter
HALF_TALL_MM = 60.0
STRIP_TALL_MM = 75.0
AT_REST_M_S = 0.15
AT_REST_S = 0.2
PRESS_N = 0.4
PRESSED_WITHIN_M = 0.03
PRESSED_PLACES = 7  # of the nine vertices of the crease
TEAR_N = 9.0
OVERHANG_M = 0.06
SETTLING_STEPS = 30
_CREASE = np.array([vertex(CREASE_ROW, column) for column in range(SIDE)])


class FoldTowelRules:
    """Staging, physics and judgement of fold_towel on one simulation."""

    def __init__(self, simulation: Simulation) -> None:
        model = simulation.model
        self._model = model
        self.towel = Towel(simulation)
        self.holds = {side: ClothHold(simulation, side, self.towel.bodies, self.towel.is_edge) for side in SIDES}
        self._table_m = model.body("table").pos.copy()  # (3,) the middle of its top
        self._table_half_m = model.geom("table_top").size[:2].copy()
        owner = [model.body(body).name for body in model.geom_bodyid]
        self._hand_geoms = np.array(
            [
                geom
                for geom, name in enumerate(owner)
                if name.startswith(SIDES) and model.geom_contype[geom] and not name.endswith("wrist_link")
            ]
        )
        # The last one stands for a flex, geom -1 of a contact.
        self._is_hand = np.zeros(model.ngeom + 1, dtype=np.bool_)
        self._is_hand[self._hand_geoms] = True
        self._hand_contype = model.geom_contype[self._hand_geoms].copy()
        self._patterns = [model.mat(f"towel_{pattern}").id for pattern in TOWEL_PATTERNS]
        self._squeezes = ForceSums(simulation, [f"{side}_pinch" for side in self.holds])
        self._rows = ContactRows(simulation)
        self._grip_friction = 0.5
        self._is_folded = False
        self._pressed = [False] * SIDE
        self._pull_peak_n = 0.0
        self._calm_s = 0.0

    def stage(self, simulation: Simulation, scenario: Scenario) -> None:
        self._forget()
        model, data, number = self._model, simulation.data, scenario.number
        model.geom_contype[self._hand_geoms] = self._hand_contype | HAND_BIT
        for hold in self.holds.values():
            hold.forget()
        self._grip_friction = number("grip_friction")
        self.towel.cut(number("towel_size") / 1e2, FABRICS[str(scenario.values["fabric"])])
        model.flex_matid[:] = model.mat(f"towel_{scenario.values['pattern']}").id
        model.mat_rgba[self._patterns, :3] = colorsys.hsv_to_rgb(number("towel_hue") / 360.0, 0.6, 0.95)
        anchors = model.eq_data.copy()
        mujoco.mj_setConst(model, data)  # which places anchors anew, from the compiled pose
        model.eq_data[:] = anchors
        simulation.place_home()
        middle_m = np.array([number("towel_x"), number("towel_y")]) / 1e2
        self.towel.lay(data, middle_m, np.deg2rad(number("towel_turn")), str(scenario.values["turned_corner"]))
        self._settle(simulation)

    def after_physics(self, simulation: Simulation) -> None:
        data = simulation.data
        vertices_m = self.towel.vertices(data)
        for hold, squeeze_n in zip(self.holds.values(), self._squeezes.read_n(), strict=True):
            hold.feel(simulation, squeeze_n)
        for hold in self.holds.values():
            self._pull_peak_n = max(self._pull_peak_n, hold.pull_n)
            hold.act(data, vertices_m, self._grip_friction)
        is_calm = self.towel.speed_m_s(data) < AT_REST_M_S
        self._calm_s = self._calm_s + simulation.timestep_s if is_calm else 0.0
        if self._is_folded:
            self._press(simulation, vertices_m)

    def assess(self, simulation: Simulation) -> Judgement:
        data, towel = simulation.data, self.towel
        vertices_m = towel.vertices(data)
        covered = towel.covered(data)
        tall_mm = 1e3 * float(vertices_m[:, 2].max() - self._table_m[2])
        lies = (*(self._lets_go(side) for side in SIDES), (self._calm_s > AT_REST_S, self._unrest, (data,)))
        gap_mm = max(self.gap_mm(vertices_m, f"far_{side}", f"near_{side}") for side in SIDES)
        strip_mm = max(self._strip_gap_mm(vertices_m, side) for side in SIDES)
        fold = check(
            "fold",
            below(gap_mm, CORNER_MM, "the far corners are {:.0f} mm from the near ones"),
            *lies,
            below(tall_mm, HALF_TALL_MM, "the towel is {:.0f} mm tall"),
            _covers(covered, HALF_COVERED),
            instead=self._is_folded and gap_mm < 2.0 * CORNER_MM,
        )
        self._is_folded = fold[0]
        far, near = (
            [self._holds(data, vertices_m, side, f"{depth}_{side}") for side in SIDES] for depth in ("far", "near")
        )
        pressed = sum(self._pressed)
        checks = (
            # Whoever let go of corners that lie nearly where they should hears how far they are off.
            check("grasp", *far, instead=self._is_folded or gap_mm < 2.0 * CORNER_MM),
            fold,
            check(
                "smooth",
                (
                    pressed >= PRESSED_PLACES,
                    "{} of {} places of the crease are pressed (at least {})".format,
                    (pressed, SIDE, PRESSED_PLACES),
                ),
            ),
            check("grasp_again", *far, *near, instead=strip_mm < 2.0 * CORNER_MM),
            check(
                "fold_again",
                fold,
                below(strip_mm, CORNER_MM, "the corners are {:.0f} mm from the crease's ends"),
                *lies,
                below(tall_mm, STRIP_TALL_MM, "the towel is {:.0f} mm tall"),
                _covers(covered, STRIP_COVERED),
            ),
        )
        return judge(checks, self._failure(vertices_m))

    def _holds(self, data: mujoco.MjData, vertices_m: FloatArray, side: str, name: str) -> Clause:
        return corner(name) in self.holds[side].vertices, self._misses, (data, vertices_m, side, name)

    def _misses(self, data: mujoco.MjData, vertices_m: FloatArray, side: str, name: str) -> str:
        """Why a hand does not hold a corner: too far, closed too early, too weak, or something else is in it."""
        hold, limit_mm = self.holds[side], 1e3 * REACH_M
        away_mm = 1e3 * float(np.linalg.norm(vertices_m[corner(name)] - hold.pinch_m(data)))
        holds = "holds other places, not" if hold.vertices else "does not hold"
        missed = f"the {side} hand {holds} the {name.replace('_', ' ')} corner, {reading(away_mm, limit_mm, 0)} mm away"
        if away_mm >= limit_mm:
            return f"{missed} (below {limit_mm:g})"
        if hold.vertices:
            return missed
        if not hold.is_open:
            return f"{missed}: it closed too early, or the towel slipped; it has to open first"
        return told(f"{missed}: it pinches with {{:.1f}} N", hold.grip_n, "above", CLOSED_N)

    def _lets_go(self, side: str) -> Clause:
        held = len(self.holds[side].vertices)
        return (
            not held,
            "the {} hand holds the towel at {} {}".format,
            (side, held, "place" if held == 1 else "places"),
        )

    def _unrest(self, data: mujoco.MjData) -> str:
        speed_m_s = self.towel.speed_m_s(data)
        calm = told("the towel lies still for {:.2f} s", self._calm_s, "above", AT_REST_S)
        if speed_m_s < AT_REST_M_S:
            return calm
        return told(f"{calm}, moves at {{:.2f}} m/s", speed_m_s, "below", AT_REST_M_S)

    def gap_mm(self, vertices_m: FloatArray, one: str, other: str) -> float:
        """Distance of two corners over the table. `vertices_m` is (vertices, 3)."""
        return 1e3 * float(np.linalg.norm((vertices_m[corner(one)] - vertices_m[corner(other)])[:2]))

    def memory(self) -> dict[str, Any]:
        return {
            "holds": {side: hold.memory() for side, hold in self.holds.items()},
            "is_folded": self._is_folded,
            "pressed": list(self._pressed),
            "pull_peak_n": self._pull_peak_n,
            "calm_s": self._calm_s,
        }

    def restore(self, memory: dict[str, Any]) -> None:
        for side, hold in self.holds.items():
            hold.restore(memory["holds"][side])
        self._is_folded = memory["is_folded"]
        self._pressed = list(memory["pressed"])
        self._pull_peak_n = memory["pull_peak_n"]
        self._calm_s = memory["calm_s"]

    @property
    def voices(self) -> Mapping[str, float]:
        return {}

    def _forget(self) -> None:
        self._is_folded = False
        self._pressed = [False] * SIDE
        self._pull_peak_n = 0.0
        self._calm_s = 0.0

    def _settle(self, simulation: Simulation) -> None:
        """Let a towel come to rest on the table before the episode begins; the robot stands at home all the while."""
        model, data = self._model, simulation.data
        robot = np.setdiff1d(np.arange(model.nq), self.towel.qpos)
        home = data.qpos[robot].copy()
        for _ in range(SETTLING_STEPS):
            mujoco.mj_step(model, data)
        towel = data.qpos[self.towel.qpos].copy()
        simulation.place_home()
        data.qpos[robot] = home
        data.qpos[self.towel.qpos] = towel
        mujoco.mj_forward(model, data)

    def _press(self, simulation: Simulation, vertices_m: FloatArray) -> None:
        """Remember where along the crease a hand presses it onto the table."""
        data = simulation.data
        if not data.ncon or all(self._pressed):
            return
        contact = data.contact
        geoms = contact.geom
        owner = np.where(self._is_hand[geoms], geoms, -1).max(axis=1)  # (contacts,)
        contacts = np.flatnonzero(owner >= 0)
        if not contacts.size:
            return
        owner = owner[contacts]
        is_on_towel = (contact.flex[contacts] >= 0).any(axis=1)
        # A finger sinks through the soft towel until the table bears it: what it presses with is all it stands on.
        for geom in np.unique(owner[is_on_towel]):
            force_n = sum(self._rows.some_normal_forces_n(contact, contacts[owner == geom].tolist()))
            if force_n > PRESS_N:
                touched_m = contact.pos[contacts[is_on_towel & (owner == geom)]].mean(axis=0)
                away_m = np.linalg.norm((vertices_m[_CREASE] - touched_m)[:, :2], axis=1)
                for place in np.flatnonzero(away_m < PRESSED_WITHIN_M):
                    self._pressed[place] = True

    def _strip_gap_mm(self, vertices_m: FloatArray, side: str) -> float:
        end = vertices_m[vertex(CREASE_ROW, 0 if side == "right" else SIDE - 1), :2]
        corners = vertices_m[[corner(f"far_{side}"), corner(f"near_{side}")], :2]
        return 1e3 * float(np.linalg.norm(corners - end, axis=1).max())

    def _failure(self, vertices_m: FloatArray) -> str | None:
        if self._pull_peak_n > TEAR_N:
            return told("torn: a hand pulled at the towel with {:.1f} N", self._pull_peak_n, "at most", TEAR_N)
        outside_mm = 1e3 * float((np.abs(vertices_m[:, :2] - self._table_m[:2]) - self._table_half_m).max())
        if outside_mm > 1e3 * OVERHANG_M:
            beyond = "dropped: the towel hangs {:.0f} mm over the table's edge"
            return told(beyond, outside_mm, "at most", 1e3 * OVERHANG_M)
        return None


def _covers(covered: float, bounds: tuple[float, float]) -> Clause:
    low, high = bounds
    return low < covered < high, _uncovered, (covered, bounds)


def _uncovered(covered: float, bounds: tuple[float, float]) -> str:
    low, high = bounds
    read = reading(100.0 * covered, 100.0 * (low if covered <= low else high), 1)
    return f"{read}% of its area covered ({low:.0%} to {high:.0%})"
