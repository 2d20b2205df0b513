"""The scripted expert of fold_towel: it looks for the first step that is not done and plans it from where it is.

It reads the simulator, so it can be a demonstrator and a stand-in for a trainer, never a policy.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from assets.robot import RobotSpec
from envs.body import JointTarget
from envs.pilots.bimanual import SIDES, TwoHands
from envs.pilots.paths import blend, minimum_jerk
from envs.simulation import Simulation
from envs.stage import Judgement
from envs.tasks.fold_towel_rules import FoldTowelRules
from envs.tasks.towel import CREASE_ROW, SIDE, corner, vertex

FloatArray = NDArray[np.float64]
Places = dict[str, FloatArray]

TABLE_M = 0.66
OPEN = {"thumb_turn": 0.4, "thumb_flex": -0.1, "middle_flex": -0.1, "index_flex": -0.5}
PINCHED = {"thumb_turn": 0.4, "thumb_flex": 0.27, "middle_flex": 0.36, "index_flex": -0.5}
PRESSING = {"thumb_turn": 0.4, "thumb_flex": 0.1, "middle_flex": 0.1, "index_flex": -0.1}
ABOVE = np.array([0.0, 0.0, 0.07])
PINCH_ABOVE_TABLE_M = 0.012
LAY_ABOVE_M = 0.009  # over what lies there
SLACKER = 0.35  # towards the end, where a taut cloth would draw its other half along
REACH_ONCE, REACH_TWICE = 0.97, 1.15  # of the way: four layers spring back, and one drawn over them lies flatter
TAUT = 0.85  # of a half circle around the crease to be: no higher, or the cloth that lies is pulled along
PINCHED_ABOVE_TABLE_M = 0.017
TURNED_M = 0.04  # a corner so far from where it belongs is drawn out first
PRESSING_DOWN = np.array([0.0, 0.0, 0.014])  # servos give: it takes so much to press through the cloth
HEAD = {"head_yaw": 0.0, "head_pitch": 0.55}


@dataclass(frozen=True)
class TwoHandedLeg:
    """One stretch of a step: where the hands are at a share of its time, and how the fingers end."""

    duration_s: float
    at: Callable[[float], Places]
    fingers: Mapping[str, float]
    is_letting_go: bool = False  # such a leg is finished, whatever has been judged meanwhile


class FoldTowelExpert:
    """Commands both arms, both hands, the waist's pitch and the head."""

    def __init__(self, robot: RobotSpec, simulation: Simulation, rules: FoldTowelRules) -> None:
        self._robot = robot
        self._simulation = simulation
        self._rules = rules
        self._hands = TwoHands(robot)
        self._dt_s = 1.0 / robot.control_hz
        self._head = np.array([robot.joint_index[name] for name in HEAD])
        self.reset(robot.home)

    def reset(self, position_rad: FloatArray, rng: np.random.Generator | None = None) -> None:
        """Take over from these joint positions, (joints,). With `rng`, at a pace of its own."""
        self._pace = 1.0 if rng is None else float(rng.uniform(0.92, 1.15))
        self._hands.reset(position_rad)
        self._target = position_rad.copy()
        self._step = -1
        self._legs: list[TwoHandedLeg] = []
        self._elapsed_s = 0.0
        self._places = {side: self._hands.place(side) for side in SIDES}

    def command(self, judgement: Judgement) -> JointTarget:
        """The next joint target.

        Raises:
            PilotError: an arm cannot go where it should.
        """
        step = judgement.current
        if not self._legs or (step != self._step and not self._legs[0].is_letting_go):
            self._step = step
            self._legs = self._plan(step)
            self._begin_leg()
        leg = self._legs[0]
        self._elapsed_s += self._dt_s
        share = min(self._elapsed_s / leg.duration_s, 1.0)
        self._places = leg.at(share)
        target = self._hands.command(self._places)
        self._move_fingers(target, leg, share)
        target[self._head] = blend(self._head_from, np.array(list(HEAD.values())), share, 1.0)
        self._target = np.clip(target, self._robot.lower, self._robot.upper)
        if share >= 1.0:
            self._legs.pop(0)
            self._begin_leg()
        return JointTarget(self._target.copy())

    def _begin_leg(self) -> None:
        self._elapsed_s = 0.0
        self._fingers_from = self._target.copy()
        self._head_from = self._target[self._head].copy()

    def _move_fingers(self, target: FloatArray, leg: TwoHandedLeg, share: float) -> None:
        for side in SIDES:
            for name, value in leg.fingers.items():
                joint = self._robot.joint_index[f"{side}_{name}"]
                wanted = -value if (side, name) == ("right", "thumb_turn") else value
                start = float(self._fingers_from[joint])
                target[joint] = start + minimum_jerk(share * leg.duration_s / min(leg.duration_s, 0.4)) * (
                    wanted - start
                )

    def _plan(self, step: int) -> list[TwoHandedLeg]:
        vertices_m = self._rules.towel.vertices(self._simulation.data)
        has_hold = all(corner(f"far_{side}") in self._rules.holds[side].vertices for side in SIDES)
        turned = self._turned_in(vertices_m) if step == 0 else None
        if turned is not None:
            return self._turn_out(*turned)
        if step == 0 or (step == 1 and not has_hold):
            return self._grasp({side: vertices_m[corner(f"far_{side}")] for side in SIDES})
        if step == 1:
            goals = {side: vertices_m[corner(f"near_{side}")] for side in SIDES}
            return self._carry(goals, REACH_ONCE)
        if step == 2:
            return self._smooth(vertices_m)
        ends = {side: (vertices_m[corner(f"near_{side}")] + vertices_m[corner(f"far_{side}")]) / 2.0 for side in SIDES}
        if step == 3 or not has_hold:
            return self._grasp(ends)
        crease = {"right": vertices_m[vertex(CREASE_ROW, 0)], "left": vertices_m[vertex(CREASE_ROW, SIDE - 1)]}
        return self._carry(crease, REACH_TWICE)

    def _turned_in(self, vertices_m: FloatArray) -> tuple[str, FloatArray, FloatArray] | None:
        """A corner that does not lie where the other three say: whose hand it is for, its place, where it belongs."""
        size_m = self._rules.towel.size_m
        for depth, other_depth in (("far", "near"), ("near", "far")):
            for side, other_side in (("left", "right"), ("right", "left")):
                place, beside = vertices_m[corner(f"{depth}_{side}")], vertices_m[corner(f"{depth}_{other_side}")]
                behind, opposite = vertices_m[corner(f"{other_depth}_{side}")], corner(f"{other_depth}_{other_side}")
                flat = beside + behind - vertices_m[opposite]
                is_off = np.linalg.norm((flat - place)[:2]) > TURNED_M
                # Seen from the opposite corner this one's neighbours lie as well, but that one lies outside.
                is_inside = np.linalg.norm((place - (beside + behind) / 2.0)[:2]) < 0.6 * size_m
                if is_off and is_inside and np.linalg.norm((beside - behind)[:2]) > 1.3 * size_m:
                    return side, place, flat
        return None

    def _turn_out(self, side: str, place: FloatArray, flat: FloatArray) -> list[TwoHandedLeg]:
        """Pinch a corner that is turned in, and draw it out flat; the other hand waits."""
        rest = self._places["right" if side == "left" else "left"].copy()
        waiting = {"right" if side == "left" else "left": rest}
        start = np.array([*place[:2], max(place[2], TABLE_M) + PINCH_ABOVE_TABLE_M])
        out = flat + 0.1 * (flat - place)
        end = np.array([*out[:2], TABLE_M + PINCH_ABOVE_TABLE_M])
        down, over = {side: start, **waiting}, {side: start + ABOVE, **waiting}
        lifted, laid = {side: (start + end) / 2.0 + ABOVE / 2.0, **waiting}, {side: end, **waiting}
        far_m = float(np.linalg.norm(over[side] - self._places[side]))
        return [
            self._lifted(over, (0.6 + 2.2 * far_m) * self._pace, 0.04, OPEN),
            self._straight(over, down, 0.45 * self._pace, OPEN),
            self._straight(down, down, 0.4, PINCHED),
            self._straight(down, lifted, 0.5 * self._pace, PINCHED),
            self._straight(lifted, laid, 0.5 * self._pace, PINCHED),
            self._straight(laid, laid, 0.3, OPEN),
            self._straight(laid, {side: end + ABOVE, **waiting}, 0.4 * self._pace, OPEN),
        ]

    def _grasp(self, corners: Mapping[str, FloatArray]) -> list[TwoHandedLeg]:
        down = {
            side: np.array([*place[:2], max(place[2], TABLE_M) + PINCH_ABOVE_TABLE_M])
            for side, place in corners.items()
        }
        above = {side: place + ABOVE for side, place in down.items()}
        far_m = max(float(np.linalg.norm(above[side] - self._places[side])) for side in SIDES)
        return [
            self._lifted(above, (0.6 + 2.2 * far_m) * self._pace, 0.04, OPEN),
            self._straight(above, down, 0.45 * self._pace, OPEN),
            self._straight(down, down, 0.5, PINCHED),
        ]

    def _carry(self, goals: Mapping[str, FloatArray], reach: float) -> list[TwoHandedLeg]:
        """Over a half circle around the crease to be, nearly as high as the cloth is long."""
        start = {side: place.copy() for side, place in self._places.items()}
        laid = {side: np.array([*goals[side][:2], max(goals[side][2], TABLE_M) + LAY_ABOVE_M]) for side in SIDES}
        laid = {side: start[side] + [reach, reach, 1.0] * (laid[side] - start[side]) for side in SIDES}
        span_m = max(float(np.linalg.norm(laid[side] - start[side])) for side in SIDES)
        lift_m = max(TAUT * span_m / 2.0 - PINCHED_ABOVE_TABLE_M, 0.0)

        def at(share: float) -> Places:
            angle = np.pi * minimum_jerk(share)
            way = (1.0 - np.cos(angle)) / 2.0
            lift = np.array([0.0, 0.0, lift_m * np.sin(angle) * (1.0 - SLACKER * way)])
            return {side: start[side] + way * (laid[side] - start[side]) + lift for side in SIDES}

        away = {side: laid[side] + ABOVE for side in SIDES}
        return [
            TwoHandedLeg((1.0 + 4.0 * span_m) * self._pace, at, PINCHED),
            self._straight(laid, laid, 0.4, OPEN, is_letting_go=True),
            self._straight(laid, away, 0.5 * self._pace, OPEN, is_letting_go=True),
        ]

    def _smooth(self, vertices_m: FloatArray) -> list[TwoHandedLeg]:
        crease = {
            "right": vertices_m[[vertex(CREASE_ROW, 3), vertex(CREASE_ROW, 0)]],
            "left": vertices_m[[vertex(CREASE_ROW, 5), vertex(CREASE_ROW, SIDE - 1)]],
        }
        start = {side: np.array([*line[0, :2], TABLE_M + 0.02]) for side, line in crease.items()}
        end = {side: np.array([*line[1, :2], TABLE_M + 0.02]) for side, line in crease.items()}
        above = {side: place + ABOVE for side, place in start.items()}
        low = {side: place - PRESSING_DOWN for side, place in start.items()}
        low_end = {side: place - PRESSING_DOWN for side, place in end.items()}
        lifted = {side: place + ABOVE for side, place in end.items()}
        return [
            self._lifted(above, 0.9 * self._pace, 0.02, PRESSING),
            self._straight(above, low, 0.5 * self._pace, PRESSING),
            self._straight(low, low_end, 1.1 * self._pace, PRESSING),
            self._straight(low_end, lifted, 0.4 * self._pace, PRESSING),
        ]

    def _lifted(
        self, end: Mapping[str, FloatArray], duration_s: float, lift_m: float, fingers: Mapping[str, float]
    ) -> TwoHandedLeg:
        start = {side: place.copy() for side, place in self._places.items()}

        def at(share: float) -> Places:
            way = minimum_jerk(share)
            up = np.array([0.0, 0.0, lift_m * 16.0 * (way * (1.0 - way)) ** 2])
            return {side: start[side] + way * (end[side] - start[side]) + up for side in SIDES}

        return TwoHandedLeg(duration_s, at, fingers)

    def _straight(
        self,
        start: Mapping[str, FloatArray],
        end: Mapping[str, FloatArray],
        duration_s: float,
        fingers: Mapping[str, float],
        *,
        is_letting_go: bool = False,
    ) -> TwoHandedLeg:
        def at(share: float) -> Places:
            return {side: blend(start[side], end[side], share, 1.0) for side in SIDES}

        return TwoHandedLeg(duration_s, at, fingers, is_letting_go)
