"""The scripted expert of brew_coffee: it looks for the first step that is not done and plans it from where it is.

It reads the simulator for what a person sees (cup, tray, button) and feels (grip), and hears the beep; when the machine
will be ready it does not know. So it can be a demonstrator and a stand-in for a trainer, never a policy.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from assets.robot import RobotSpec
from envs.body import JointTarget
from envs.pilots.fingers import flex_at_contact, flexing_joints, squeezed
from envs.pilots.kinematics import SHOULDER_IN_WORLD, HandKinematics, facing
from envs.pilots.legs import UP
from envs.pilots.manner import Manner
from envs.pilots.paths import ReachPath, blend, minimum_jerk
from envs.simulation import Simulation
from envs.stage import Judgement
from envs.tasks.brew_coffee_rules import BrewCoffeeRules

FloatArray = NDArray[np.float64]
Fingers = Literal["open", "press", "close"]

GRASP, SET, PRESS, WAIT, TAKE, CARRY, PLACE = range(7)
GRIP_ABOVE_FOOT = 1.55  # in radii of the cup
REACTION_S = 0.3  # from the beep to the first motion, as a person's
HOLD_N = 7.0
FIRM_N = 5.0  # from here on it may be lifted
CLOSING_RAMP_S = 0.2
OPEN_MARGIN_RAD = 0.36
PRESS_FLEX_RAD = 0.25
FINGERTIP_M = 0.029  # of fingers bent so, beyond the grasp site
PRESS_DEPTH_M = 0.012
RUN_UP_M = 0.025  # to the button
PRESSING_M = 0.002  # deeper than where the cup stands, so that it stands before it is let go
SIZE_ERROR = 0.05  # standard deviation of a guess at a cup's size, as a share of it
DETOUR_M = 0.008  # standard deviation, each way
PACES = (0.9, 1.1)
APPROACH_M = 0.1
BACK_M = 0.09
LIFT_M = 0.03
HOVER_M = 0.012
NEAR_M = 0.012
PATIENCE_S = 0.6


@dataclass(frozen=True)
class Stretch:
    """A stretch of the hand's way. It lasts until its time is over and `is_over`, but not `PATIENCE_S` longer."""

    end: FloatArray  # (3,) where the grasp site arrives
    duration_s: float
    fingers: Fingers
    via: FloatArray | None = None  # (3,) where it comes from at the end
    pointing: FloatArray | None = None  # (3,) of the fingers at the end; away from the shoulder and level, where None
    is_over: Callable[[], bool] = lambda: True


class BrewCoffeeExpert:
    """Commands the right arm and hand; all other joints stay at home."""

    def __init__(self, robot: RobotSpec, simulation: Simulation, rules: BrewCoffeeRules) -> None:
        self.hold = 1.0
        self._robot = robot
        self._simulation = simulation
        self._rules = rules
        self._kinematics = HandKinematics(robot, "right")
        self._dt_s = 1.0 / robot.control_hz
        self._fingers = flexing_joints(robot, "right")
        self.reset(robot.home)

    def reset(self, position_rad: FloatArray, rng: np.random.Generator | None = None) -> None:
        """Take over from these joint positions, (joints,). With `rng`, move by a detour and at a pace of its own."""
        manner = Manner.drawn(rng, DETOUR_M, PACES, SIZE_ERROR)
        back, aside, up = manner.detour_m
        self._detour = np.array([-2.0 * abs(back), aside, abs(up)])  # away from what stands there
        self._pace, self._size_guess = manner.pace, manner.size_guess
        self._target = position_rad.copy()
        self._kinematics.reset(position_rad)
        self._flex = position_rad[self._fingers].copy()
        self._step = -1
        self._legs: list[Stretch] = []
        self._elapsed_s = 0.0

    def command(self, judgement: Judgement) -> JointTarget:
        """The next joint target.

        Raises:
            PilotError: the arm cannot go where it should.
        """
        # A step counts as done before the motion for it is over: that is finished, for a jerk would spill.
        is_on_the_way = judgement.current in (self._step, self._step + 1) and bool(self._legs)
        if is_on_the_way and self._is_leg_over():
            self._legs = self._legs[1:]
            is_on_the_way = bool(self._legs)
            if is_on_the_way:
                self._begin()
        if not is_on_the_way:
            self._step = judgement.current
            self._legs = self._plan(self._step)
            self._begin()
        leg = self._legs[0]
        self._elapsed_s += self._dt_s
        hand = self._path.at(self._elapsed_s, leg.end)
        turned = minimum_jerk(self._elapsed_s / leg.duration_s)
        rotation = self._turned_from.interpolate(facing(self._pointing_at_end), turned)
        before = self._target
        self._target = self._kinematics.solve(hand, rotation, self._dt_s)
        command = self._kinematics.command(self._target, (self._target - before) / self._dt_s)
        command[self._fingers] = self._fingers_target(leg)
        command = np.clip(command, self._robot.lower, self._robot.upper)
        self._flex = command[self._fingers]
        return JointTarget(command)

    def _begin(self) -> None:
        leg = self._legs[0]
        self._elapsed_s = 0.0
        self._flex_start = self._flex.copy()
        start = self._kinematics.hand_position()
        via = (start + leg.end) / 2 if leg.via is None else leg.via
        detour = self._detour * min(1.0, float(np.linalg.norm(leg.end - start)) / 0.25) ** 2
        self._path = ReachPath(start, via, leg.duration_s, detour)
        self._turned_from = self._kinematics.hand_rotation()
        self._pointing_at_end = _level_pointing(leg.end) if leg.pointing is None else leg.pointing

    def _is_leg_over(self) -> bool:
        late_s = self._elapsed_s - self._legs[0].duration_s
        return late_s >= 0.0 and (self._legs[0].is_over() or late_s > PATIENCE_S)

    def _is_firm(self) -> bool:
        return min(self._rules.grip_n()) > FIRM_N

    def _plan(self, step: int) -> list[Stretch]:
        hand, grip = self._kinematics.hand_position(), self._grip_place()
        is_held = min(self._rules.grip_n()) > FIRM_N / 2
        if step == PRESS:
            return self._press_legs(hand)
        is_near = float(np.linalg.norm(hand - grip)) < NEAR_M
        if step == WAIT:
            return [Stretch(grip, self._dt_s, "open")] if is_near else self._reach_legs(hand, grip)
        if step in (GRASP, TAKE, CARRY) and not is_held:
            pause = [Stretch(hand, REACTION_S, "open")] if step == TAKE else []
            legs = pause + ([] if is_near else self._reach_legs(hand, grip))
            return [*legs, Stretch(grip, 0.4, "close", is_over=self._is_firm)]
        if step == GRASP:
            return [Stretch(hand, 0.2, "close")]
        if step == SET:
            return self._set_legs(hand)
        if step == TAKE:
            return [Stretch(hand + HOVER_M * UP, 0.5 * self._pace, "close")]
        if step == CARRY:
            return [self._carry_leg(hand, self._on_tray() + LIFT_M * UP, 1.5)]
        return self._place_legs(hand, is_held)

    def _reach_legs(self, hand: FloatArray, grip: FloatArray) -> list[Stretch]:
        """Around the cup with open fingers: turned before, then straight in, so that no finger sweeps it away."""
        pointing = _level_pointing(grip)
        before = grip - APPROACH_M * pointing
        legs = []
        if float(np.linalg.norm(hand - grip)) < APPROACH_M + NEAR_M:
            legs, hand = self._back_legs(hand), hand - BACK_M * self._pointing()
        to_go_m = float(np.linalg.norm(before - hand))
        via = np.array([min(hand[0], before[0]) - 0.05, hand[1], (hand[2] + before[2]) / 2])  # back before aside
        legs.append(Stretch(before, (0.5 + 1.5 * to_go_m) * self._pace, "open", via, pointing))
        return [*legs, Stretch(grip, 0.6 * self._pace, "open", pointing=pointing)]

    def _back_legs(self, hand: FloatArray) -> list[Stretch]:
        """Away from a cup that is not held: let go of it first, then straight back."""
        pointing = self._pointing()
        still = Stretch(hand, 0.3 * self._pace, "open", pointing=pointing)
        return [still, Stretch(hand - BACK_M * pointing, 0.6 * self._pace, "open", pointing=pointing)]

    def _set_legs(self, hand: FloatArray) -> list[Stretch]:
        below = self._under_spout()
        legs = [self._carry_leg(hand, below + HOVER_M * UP, 1.3)]
        if hand[2] < below[2] + HOVER_M:
            up = np.array([hand[0], hand[1], below[2] + HOVER_M])
            legs = [Stretch(up, 0.5 * self._pace, "close"), self._carry_leg(up, below + HOVER_M * UP, 1.3)]
        lower = Stretch(below - PRESSING_M * UP, 0.5 * self._pace, "close")
        return [*legs, lower, Stretch(below - PRESSING_M * UP, 0.45, "open")]

    def _press_legs(self, hand: FloatArray) -> list[Stretch]:
        ahead = np.array([1.0, 0.0, 0.0])
        face_m = self._simulation.model.geom("button").size[1]
        button = self._simulation.data.geom("button").xpos - face_m * ahead
        before = button - (FINGERTIP_M + RUN_UP_M) * ahead
        legs = [
            Stretch(before, 0.8 * self._pace, "press", before - RUN_UP_M * ahead, ahead),
            Stretch(before + (RUN_UP_M + PRESS_DEPTH_M) * ahead, 0.5 * self._pace, "press", pointing=ahead),
        ]
        if float(np.linalg.norm(hand - self._grip_place())) > APPROACH_M:
            return legs
        still, back = self._back_legs(hand)
        return [back, *legs] if max(self._rules.grip_n()) == 0.0 else [still, back, *legs]

    def _carry_leg(self, hand: FloatArray, end: FloatArray, duration_s: float) -> Stretch:
        """By a bow towards the robot, around the machine's button and grate."""
        via = (hand + end) / 2
        via[0] = min(hand[0], end[0]) - 0.1
        via[2] = max(hand[2], end[2]) + 0.03
        return Stretch(end, duration_s * self._pace, "close", via)

    def _place_legs(self, hand: FloatArray, is_held: bool) -> list[Stretch]:
        down = self._on_tray() - PRESSING_M * UP
        release = Stretch(hand if not is_held else down, 0.5, "open")
        return [Stretch(down, 0.7 * self._pace, "close"), release] if is_held else [release]

    def _pointing(self) -> FloatArray:  # (3,)
        return np.array(-self._kinematics.hand_rotation().as_matrix()[:, 2])

    def _grip_height_m(self) -> float:
        return GRIP_ABOVE_FOOT * self._rules.cup.radius_m

    def _grip_place(self) -> FloatArray:  # (3,)
        return np.array(self._simulation.data.body("cup").xpos + self._grip_height_m() * UP)

    def _held_at(self) -> FloatArray:  # (3,)
        """The hand over the cup's foot, as it holds it now."""
        held: FloatArray = self._kinematics.hand_position() - self._simulation.data.body("cup").xpos
        return held

    def _under_spout(self) -> FloatArray:  # (3,)
        spout = self._simulation.data.site("spout").xpos
        grate = self._simulation.data.geom("drip_tray")
        top = grate.xpos[2] + self._simulation.model.geom("drip_tray").size[2]
        return np.array([spout[0], spout[1], top]) + self._held_at()

    def _on_tray(self) -> FloatArray:  # (3,)
        tray = self._simulation.data.geom("tray").xpos
        top = tray + self._simulation.model.geom("tray").size[2] * UP
        return np.array(top) + self._held_at()

    def _fingers_target(self, leg: Stretch) -> FloatArray:  # (3,)
        """Open by what the eye says of the cup's size; close until the finger tips feel enough."""
        if leg.fingers == "close":
            grip_n = max(self._rules.grip_n())
            eager = minimum_jerk(self._elapsed_s / CLOSING_RAMP_S)
            return squeezed(self._flex, self.hold * HOLD_N - grip_n, self._dt_s, eager)
        radius_m = self._size_guess * self._rules.cup.radius_m
        wide = np.full(3, flex_at_contact(radius_m, 0.0) - OPEN_MARGIN_RAD)
        shape = wide if leg.fingers == "open" else np.full(3, PRESS_FLEX_RAD)
        return blend(self._flex_start, shape, self._elapsed_s, min(leg.duration_s, 0.5))


def _level_pointing(hand: FloatArray) -> FloatArray:  # (3,)
    """Fingers point away from the shoulder and level, so that a cup held across them stands upright."""
    away = (hand - SHOULDER_IN_WORLD) * [1.0, 1.0, 0.0]
    return np.array(away / np.linalg.norm(away))
