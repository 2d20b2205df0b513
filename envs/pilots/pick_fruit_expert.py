"""The scripted expert of pick_fruit: it looks for the first step that is not done and plans it from where it is.

It reads the simulator, so it can be a demonstrator and a stand-in for a trainer, never a policy.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from assets.robot import RobotSpec
from envs.body import JointTarget
from envs.pilots.fingers import flex_at_contact, flexing_joints, squeezed
from envs.pilots.kinematics import SHOULDER_IN_WORLD, HandKinematics, facing
from envs.pilots.manner import Manner
from envs.pilots.paths import ReachPath, blend, minimum_jerk
from envs.simulation import Simulation
from envs.stage import Judgement
from envs.tasks.pick_fruit_rules import PickFruitRules

FloatArray = NDArray[np.float64]

OPEN_MARGIN_RAD = 0.36
HOLD_N = 4.5  # well below what bruises, enough for the heaviest fruit unless its skin is slippery
FIRM_N = 3.2  # from here on it may be pulled
CLOSING_RAMP_S = 0.2
SIZE_ERROR = 0.1  # standard deviation of a guess at a fruit's size, as a share of it
APPROACH_M = 0.10
DEEPER_M = 0.006  # into the hand than its grasp site
DETOUR_M = 0.02  # standard deviation, each way
DETOUR_FROM_M = 0.25  # a reach shorter than this wanders less
PACES = (0.9, 1.2)
ABOVE_BASKET_M = 0.13
RELEASE_M = 0.1
TILT = 0.2
PULL = np.array([-0.075, 0.0, -0.05])


class PickFruitExpert:
    """Commands the right arm and hand; all other joints stay at home."""

    def __init__(self, robot: RobotSpec, simulation: Simulation, rules: PickFruitRules) -> None:
        self.hold = 1.0
        self._robot = robot
        self._simulation = simulation
        self._rules = rules
        self._kinematics = HandKinematics(robot, "right")
        self._dt_s = 1.0 / robot.control_hz
        self._fingers = flexing_joints(robot, "right")
        self._radius_geom = simulation.model.geom("ripe").id
        self._basket = simulation.model.site("basket").id
        self.reset(robot.home)

    def reset(self, position_rad: FloatArray, rng: np.random.Generator | None = None) -> None:
        """Take over from these joint positions, (joints,). With `rng`, reach by a detour and at a pace of its own."""
        manner = Manner.drawn(rng, DETOUR_M, PACES, SIZE_ERROR)
        back, aside, up = manner.detour_m
        self._detour = np.array([-2.0 * abs(back), aside, up])  # never beyond the fruit, which would be pushed off
        self._pace, self._size_guess = manner.pace, manner.size_guess
        self._target = position_rad.copy()
        self._kinematics.reset(position_rad)
        self._flex = position_rad[self._fingers].copy()
        self._step = -1
        self._elapsed_s = 0.0
        self._under_way_s = 0.0
        self._hand = self._kinematics.hand_position()
        self._velocity = np.zeros(3)

    def command(self, judgement: Judgement) -> JointTarget:
        """The next joint target.

        Raises:
            PilotError: the arm cannot go where it should.
        """
        grip_n = max(self._rules.grip_n())
        step = judgement.current
        if step == 2 and self._step == 1 and grip_n < FIRM_N and self._elapsed_s < 1.2:
            step = 1
        if step != self._step or (step != 1 and self._elapsed_s > self._path.duration_s + 0.4):
            self._plan(step)
        self._elapsed_s += self._dt_s
        path_s = self._under_way_s + self._elapsed_s
        hand = self._path.at(path_s, self._destination(self._step))
        self._velocity, self._hand = (hand - self._hand) / self._dt_s, hand
        turned = minimum_jerk(path_s / self._path.duration_s)
        rotation = self._turned_from.interpolate(facing(self._pointing(hand)), turned)
        before = self._target
        self._target = self._kinematics.solve(hand, rotation, self._dt_s)
        command = self._kinematics.command(self._target, (self._target - before) / self._dt_s)
        command[self._fingers] = self._fingers_target(grip_n)
        command = np.clip(command, self._robot.lower, self._robot.upper)
        self._flex = command[self._fingers]
        return JointTarget(command)

    def _plan(self, step: int) -> None:
        arriving = (self._step, step) == (0, 1)
        self._under_way_s = self._under_way_s + self._elapsed_s if arriving else 0.0
        self._step, self._elapsed_s = step, 0.0
        self._flex_s = 0.7 if step == 4 else 0.45
        self._flex_start = self._flex.copy()
        start = self._kinematics.hand_position()
        end = self._destination(step)
        self._end = end
        if arriving:
            return  # the hand goes on to the fruit and closes meanwhile, as people's do
        distance_m = float(np.linalg.norm(end - start))
        via, duration_s, detour = (start + end) / 2, 0.5, np.zeros(3)
        if step == 0:
            via = end - min(APPROACH_M, 0.6 * distance_m) * self._pointing(end)
            duration_s = (0.75 + 1.6 * distance_m) * self._pace
            detour = self._detour * min(1.0, distance_m / DETOUR_FROM_M) ** 2
        elif step == 2:
            duration_s = 0.8
        elif step == 3:
            via = (start + end) / 2 + [-0.02, 0.03, 0.05]
            duration_s = (0.6 + 1.6 * distance_m) * self._pace
            detour = 0.7 * self._detour
        elif step == 4:
            duration_s = 0.45
        self._turned_from = self._kinematics.hand_rotation()
        self._path = ReachPath(start, via, duration_s, detour, self._velocity)

    def _destination(self, step: int) -> FloatArray:  # (3,)
        fruit = self._simulation.data.body("ripe").xpos
        basket = self._simulation.data.site_xpos[self._basket]
        if step == 0 or (step == 1 and not self._elapsed_s):
            return np.array(fruit) + DEEPER_M * self._pointing(fruit)
        if step == 1:
            return self._end
        if step == 2:
            return self._kinematics.hand_position() + PULL if not self._elapsed_s else self._end
        height_m = ABOVE_BASKET_M if step == 3 else RELEASE_M
        return np.array(basket + np.array([0.0, 0.0, height_m]))

    def _fingers_target(self, grip_n: float) -> FloatArray:  # (3,)
        """Open by what the eye says of the fruit's size; close until the finger tips feel enough."""
        if self._step in (0, 4):
            wide = self._touching_flex() - OPEN_MARGIN_RAD
            return blend(self._flex_start, wide, self._elapsed_s, self._flex_s)
        eager = minimum_jerk(self._elapsed_s / CLOSING_RAMP_S) if self._step == 1 else 1.0
        return squeezed(self._flex, self.hold * HOLD_N - grip_n, self._dt_s, eager)

    def _touching_flex(self) -> FloatArray:  # (3,)
        radius_m = self._size_guess * float(self._simulation.model.geom_size[self._radius_geom, 0])
        return np.array([flex_at_contact(radius_m, across_m) for across_m in (0.0, 0.019, 0.019)])

    def _pointing(self, hand: FloatArray) -> FloatArray:  # (3,)
        """Fingers point away from the shoulder, nearly level; downwards over the basket, so that the fruit falls."""
        away = hand - SHOULDER_IN_WORLD
        away[2] *= 0.3
        if self._step >= 3:
            away[2] -= TILT
        return np.array(away / np.linalg.norm(away))
