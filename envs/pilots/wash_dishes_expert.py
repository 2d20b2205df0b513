"""The scripted expert of wash_dishes: it looks for the first step that is not done and plans its legs from where it is.

It reads the simulator, so it can be a demonstrator and a stand-in for a trainer, never a policy.
"""

from __future__ import annotations

from collections.abc import Callable

import mink
import numpy as np
from numpy.typing import NDArray

from assets.robot import RobotSpec
from envs.body import JointTarget
from envs.pilots.fingers import flexing_joints, squeezed
from envs.pilots.legs import UP, Fingers, Leg, Pose, flex_for_gap, towards
from envs.pilots.manner import Manner
from envs.pilots.paced_arm import PacedArm
from envs.pilots.paths import blend
from envs.pilots.plate_pinch import LOST_N, REACH_BEYOND_M, PlatePinch
from envs.pilots.wiping import START_ABOVE_M, Wiping
from envs.simulation import Simulation
from envs.stage import Judgement
from envs.tasks.wash_dishes_rules import ALONG_MM, SEATED_MM, SLOT_MM, WashDishesRules

FloatArray = NDArray[np.float64]

TAKE, WIPE, PUT_BACK, LIFT, RACK = range(5)
HOLD_N = {"sponge": 7.0, "plate": 7.0}
FIRM_N = {"sponge": 5.0, "plate": 5.5}
LOOSE_N = 0.8  # with so little the fingers slide along a plate and keep it from falling over
LOWER_M_S, SLIDE_M_S = 0.07, 0.05
GAP_M = {"sponge": 0.034, "plate": 0.026}  # half of what the open hand leaves between thumb and fingers
NEAR_M = 0.06  # a sponge so near to the plate need not be brought there
HIGH_M = 0.66  # a hand so high may travel at once
LIFT_M = 0.07  # how high the plate goes, so that it clears the rack's tines
# Over what time it is learned how what is held lies in the hand; a plate swings.
SETTLE_S = {"sponge": 0.2, "plate": 0.6}
SLOW_M_S = 0.12
DETOUR_M = 0.012  # standard deviation, each way
PACES = (0.9, 1.1)
LOOK_RAD = {"head_yaw": -0.52, "head_pitch": 0.8}
DOWN = np.array([0.12, 0.0, -1.0])
LEFT = np.array([0.0, 1.0, 0.0])


class WashDishesExpert:
    """Commands the right arm and hand, and looks down at the sink; all other joints stay at home."""

    def __init__(self, robot: RobotSpec, simulation: Simulation, rules: WashDishesRules) -> None:
        self.hold = 1.0
        self._robot = robot
        self._simulation = simulation
        self._rules = rules
        self._arm = PacedArm(robot, "right")
        self._dt_s = 1.0 / robot.control_hz
        self._fingers = flexing_joints(robot, "right")
        self._head = np.array([robot.joint_index[name] for name in LOOK_RAD])
        self._grasp = simulation.model.site("right_grasp").id
        self._foot = simulation.model.site("foot").id
        self._tray = simulation.model.site("tray").id
        self._wiping = Wiping(simulation, rules, self._dt_s)
        self._pinch = PlatePinch(simulation, rules)
        self.reset(robot.home)

    def reset(self, position_rad: FloatArray, rng: np.random.Generator | None = None) -> None:
        """Take over from these joint positions, (joints,). With `rng`, reach by a detour and at a pace of its own."""
        manner = Manner.drawn(rng, DETOUR_M, PACES)
        ahead, aside, up = manner.detour_m
        self._pace = manner.pace
        self._arm.reset(position_rad, np.array([ahead, aside, abs(up)]))
        self._flex: FloatArray = position_rad[self._fingers].copy()
        self._head_from = position_rad[self._head].copy()
        self._since_reset_s = 0.0
        self._step = -1
        self._legs: list[Leg] = []
        self._sag = np.zeros(3)  # from the hand to where it was commanded
        self._offset = np.zeros(3)  # from what is held to the hand that was commanded, in the hand's frame
        self._held = "sponge"
        self._has_seized = False  # closed on a plate that it only touched, and not held one since

    def command(self, judgement: Judgement) -> JointTarget:
        """The next joint target.

        Raises:
            PilotError: the arm cannot go where it should.
        """
        self._choose(judgement.current)
        self._since_reset_s += self._dt_s
        self._learn_offset()
        command = self._arm.command(self._legs[0])
        command[self._head] = blend(self._head_from, np.array(list(LOOK_RAD.values())), self._since_reset_s, 0.8)
        command[self._fingers] = self._fingers_target(self._legs[0])
        command = np.clip(command, self._robot.lower, self._robot.upper)
        self._flex = command[self._fingers]
        return JointTarget(command)

    def _choose(self, step: int) -> None:
        if (step != self._step and not self._goes_on(step)) or not self._legs or self._has_lost():
            self._step = step
            self._held = "sponge" if step <= PUT_BACK else "plate"
            self._legs = (self._take, self._wipe, self._put_back, self._lift, self._rack)[step]()
            self._begin_leg()
        elif self._legs[0].is_over(self._arm.elapsed_s):
            del self._legs[0]
            if self._legs:
                self._begin_leg()
            else:
                self._choose(step)

    def _goes_on(self, step: int) -> bool:
        """Whether a step that counts as done, or as undone, is only a matter of a firmer grip."""
        if (self._step, step) == (TAKE, WIPE) and self._legs:
            return self._legs[0].fingers == "grip"
        if (self._step, step) == (PUT_BACK, LIFT) and self._legs:
            return self._legs[0].fingers == "open"
        return (self._step, step) in ((WIPE, TAKE), (RACK, LIFT)) and max(self._rules.grip_n(self._held)) > LOST_N

    def _has_lost(self) -> bool:
        """Whether the plate has slipped out of the hand on its way to the rack; no instruction step tells."""
        return self._step == RACK and self._legs[0].fingers == "grip" and self._pinch.is_lost()

    def _begin_leg(self) -> None:
        self._flex_start = self._flex.copy()
        self._arm.begin(self._legs[0])

    # What each step is made of.

    def _take(self) -> list[Leg]:
        return [
            self._travel(self._at_sponge, "open", 0.09 * UP),
            Leg(self._at_sponge, 0.12, "open"),
            Leg(self._from_here(0.0), 0.3, "grip", self._is_firm, 1.0),
        ]

    def _wipe(self) -> list[Leg]:
        self._see_offset()
        self._wiping.begin()
        approach = [
            Leg(self._from_here(0.0), 0.08, "grip", self._is_firm, 0.6),
            Leg(self._from_here(0.025), 0.35 * self._pace, "grip"),
            self._travel(lambda: self._on_plate(START_ABOVE_M), "grip", 0.08 * self._wiping.normal() + 0.02 * UP),
        ]
        is_near = np.linalg.norm(self._thing() - self._wiping.place(0.0)) < NEAR_M
        return [*([] if is_near else approach), Leg(self._rubbing, 0.1, "grip", lambda: False, 15.0)]

    def _put_back(self) -> list[Leg]:
        fetch = [] if max(self._rules.grip_n("sponge")) > LOST_N else self._take()
        return [
            *fetch,
            Leg(self._arm.from_here(0.05 * self._wiping.normal()), 0.3, "grip"),
            self._travel(lambda: self._in_tray(0.003), "grip", 0.09 * UP),
            Leg(lambda: self._in_tray(0.002), 0.08, "grip", self._is_low, 0.6),
            Leg(self._from_here(0.0), 0.3, "open"),
        ]

    def _lift(self) -> list[Leg]:
        clear_m = max(0.05, 0.03 + self._pinch.depth_m())
        leave = [Leg(self._from_here(clear_m), 8.0 * clear_m * self._pace, "open")]
        return [
            *([] if self._arm.kinematics.hand_position()[2] > HIGH_M else leave),
            self._travel(self._at_rim, "open", 0.09 * UP),
            Leg(self._at_rim, 0.12, "open"),
            Leg(self._from_here(0.0), 0.3, "grip", self._is_firm, 1.0),
            Leg(self._from_here(LIFT_M), 0.7 * self._pace, "grip"),
        ]

    def _rack(self) -> list[Leg]:
        if self._pinch.is_lost():
            return self._lift()
        if not self._pinch.is_held():
            return self._let_go() if self._is_in_slot() else self._lift() if self._has_seized else self._seized()
        self._has_seized = False
        if self._pinch.is_shallow():
            return self._regripped()
        self._see_offset()
        lift_m = max(0.01, self._rules.slot_place(self._simulation)[2] + LIFT_M - self._thing()[2])
        return [
            Leg(self._from_here(lift_m), 0.4 * self._pace, "grip"),
            self._travel(lambda: self._in_slot(LIFT_M), "grip", None),
            Leg(lambda: self._in_slot(LIFT_M), 0.08, "grip", self._is_centred, 1.5),
            Leg(lambda: self._in_slot(-0.001), 0.9 * self._pace, "grip"),
            *self._let_go(),
        ]

    def _let_go(self) -> list[Leg]:
        return [Leg(self._from_here(0.0), 0.4, "open"), Leg(self._from_here(0.06), 0.5, "open")]

    def _seized(self) -> list[Leg]:
        """Close on a plate that is between the fingers already."""
        self._has_seized = True
        return [Leg(self._from_here(0.0), 0.3, "grip", self._is_firm, 1.0)]

    def _regripped(self) -> list[Leg]:
        """Set the plate down where it is, and slide down it to where it is held well."""
        return [
            Leg(self._sinking(LOWER_M_S), 0.12, "grip", self._pinch.stands, 1.6),
            Leg(self._from_here(0.0), 0.08, "loose"),
            Leg(self._sinking(SLIDE_M_S), 0.12, "loose", self._pinch.is_deep, 0.6),
            Leg(self._from_here(0.0), 0.3, "grip", self._is_firm, 1.0),
            Leg(self._from_here(0.04), 0.5 * self._pace, "grip"),
        ]

    def _travel(self, goal: Callable[[], Pose], fingers: Fingers, arrives_m: FloatArray | None) -> Leg:
        start, end = self._arm.kinematics.hand_position(), goal()[0]
        via = (start + end) / 2 if arrives_m is None else end + arrives_m
        far_m = 0.9 * float(np.linalg.norm(via - start) + np.linalg.norm(end - via))
        duration_s = (0.65 + (1.9 if fingers == "grip" else 1.4) * far_m) * self._pace
        return Leg(goal, duration_s, fingers, arrives_m=arrives_m, is_travel=True)

    # Where the hand should be.

    def _from_here(self, height_m: float) -> Callable[[], Pose]:
        """So far above where the leg begins."""
        return self._arm.from_here(height_m * UP)

    def _sinking(self, speed_m_s: float) -> Callable[[], Pose]:
        """Straight down from where the leg begins, further at every step."""
        return self._arm.from_here(np.zeros(3), -speed_m_s * self._dt_s * UP)

    def _at_sponge(self) -> Pose:
        body = self._simulation.data.body("sponge")
        axes = body.xmat.reshape(3, 3)
        return body.xpos + (REACH_BEYOND_M + 0.001) * axes[:, 2] + self._sag, towards(-axes[:, 2], axes[:, 1])

    def _on_plate(self, above_m: float) -> Pose:
        return self._hand_for(self._wiping.place(above_m), towards(-self._wiping.normal(), LEFT))

    def _rubbing(self) -> Pose:
        self._wiping.advance()
        return self._on_plate(-self._wiping.depth_m)

    def _in_tray(self, above_m: float) -> Pose:
        place = self._simulation.data.site_xpos[self._tray] + above_m * UP
        return self._hand_for(place, towards(-UP, LEFT))

    def _at_rim(self) -> Pose:
        place, rotation = self._pinch.at_rim()
        return place + self._sag, rotation

    def _in_slot(self, above_m: float) -> Pose:
        place = self._rules.slot_place(self._simulation) + above_m * UP
        return self._hand_for(place, towards(DOWN, LEFT))

    # What the hand feels and sees.

    def _thing(self) -> FloatArray:  # (3,)
        """What is steered: the sole of the sponge, the middle of the plate."""
        data = self._simulation.data
        return np.array(data.site_xpos[self._foot] if self._held == "sponge" else data.body("plate").xpos)

    def _learn_offset(self) -> None:
        """What is seen while the hand is slow; a hand that is fast lags, and nothing is learned from that."""
        speed = float(np.linalg.norm(self._arm.velocity_m_s)) / SLOW_M_S
        share = self._dt_s / (1.0 + speed**4)
        sag = self._arm.kinematics.hand_position() - self._simulation.data.site_xpos[self._grasp]
        self._sag = self._sag + share / SETTLE_S["sponge"] * (sag - self._sag)
        axes = self._arm.kinematics.hand_rotation().as_matrix()
        error = self._arm.kinematics.hand_position() - self._thing() - axes @ self._offset
        if self._step == WIPE and self._rules.press_n > 0.2:
            normal = self._wiping.normal()
            error -= (error @ normal) * normal  # how deep it presses is felt, not seen
        self._offset = self._offset + share / SETTLE_S[self._held] * axes.T @ error

    def _see_offset(self) -> None:
        axes = self._arm.kinematics.hand_rotation().as_matrix()
        self._offset = axes.T @ (self._arm.kinematics.hand_position() - self._thing())

    def _hand_for(self, thing: FloatArray, rotation: mink.SO3) -> Pose:
        """Where the hand must be for what it holds to be there."""
        return thing + rotation.as_matrix() @ self._offset, rotation

    def _is_firm(self) -> bool:
        return min(self._rules.grip_n(self._held)) > FIRM_N[self._held]

    def _is_in_slot(self) -> bool:
        away_mm = 1e3 * np.abs(self._thing() - self._rules.slot_place(self._simulation))
        return bool((away_mm < [ALONG_MM, SLOT_MM, SEATED_MM]).all())

    def _is_low(self) -> bool:
        return float(self._thing()[2] - self._simulation.data.site_xpos[self._tray][2]) < 0.004

    def _is_centred(self) -> bool:
        """The plate hangs above its slot, upright and still."""
        body = self._simulation.data.body("plate")
        away = body.xpos - self._rules.slot_place(self._simulation)
        lean = abs(float(body.xmat[8]))
        return abs(float(away[1])) < 0.006 and lean < 0.08 and abs(float(body.cvel[4])) < 0.04

    def _fingers_target(self, leg: Leg) -> FloatArray:  # (3,)
        if leg.fingers == "open":
            wide = np.full(3, flex_for_gap(GAP_M[self._held]))
            return blend(self._flex_start, wide, self._arm.elapsed_s, 0.35)
        if self._step == WIPE and self._rules.press_n > 0.3:
            return self._flex  # what the tips feel now is the plate, through the sponge
        grip_n = max(self._rules.grip_n(self._held))
        wanted_n = LOOSE_N if leg.fingers == "loose" else self.hold * HOLD_N[self._held]
        return squeezed(self._flex, wanted_n - grip_n, self._dt_s)
