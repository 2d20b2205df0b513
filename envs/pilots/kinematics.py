"""Where a hand is, and which joint targets bring it where it should be."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from assets.robot import RobotSpec
from envs.engine import mujoco
from envs.errors import PilotError

import mink  # isort: skip  # it imports MuJoCo too, so the engine comes first

FloatArray = NDArray[np.float64]

SHOULDER_IN_WORLD = np.array([0.0, -0.16, 0.93])  # of the right arm: fingers that point away from it reach far
_IK_STEPS = 3
_PREFERRED_SOLVES = 12
_LIMIT_MARGIN_RAD = 0.02


class HandKinematics:
    """Inverse kinematics of one hand's grasp site by mink, with only that arm's joints free.

    A position servo sags under gravity and lags behind motion; a person at an exoskeleton corrects both by eye.
    `command` does so by adding what the servo's gain needs for the arm's own weight and speed.
    """

    def __init__(self, robot: RobotSpec, side: str) -> None:
        if robot.mjcf_path is None:
            raise PilotError(f"robot {robot.name!r} has no MJCF, so no inverse kinematics; choose a robot of assets/")
        self.model = mujoco.MjModel.from_xml_path(str(robot.mjcf_path))
        self._configuration = mink.Configuration(self.model)
        self._data = mujoco.MjData(self.model)
        self._robot = robot
        self._site = f"{side}_grasp"
        joints = [self.model.joint(name) for name in robot.joint_names]
        self._qpos = np.array([joint.qposadr[0] for joint in joints])
        self._dof = np.array([joint.dofadr[0] for joint in joints])
        arm = robot.group(f"{side}_arm")
        free = set(self._dof[arm])
        self._arm = arm
        self._hand = mink.FrameTask(self._site, "site", position_cost=1.0, orientation_cost=0.06, lm_damping=1e-3)
        self._posture = mink.PostureTask(self.model, cost=3e-3)
        self._others = mink.DofFreezingTask(self.model, [dof for dof in range(self.model.nv) if dof not in free])
        self._limits = [mink.ConfigurationLimit(self.model, min_distance_from_limits=_LIMIT_MARGIN_RAD)]
        gains = np.array([self.model.actuator(name).gainprm[0] for name in robot.joint_names])
        damping = np.array([-self.model.actuator(name).biasprm[2] for name in robot.joint_names])
        self._compliance, self._lag_s = 1.0 / gains, damping / gains
        self._rest_rad = robot.home
        self.reset(robot.home)

    def reset(self, position_rad: FloatArray) -> None:
        """Think from these joint positions on. `position_rad` is (joints,)."""
        q = self.model.qpos0.copy()
        q[self._qpos] = self._within_margin(position_rad)
        self._configuration.update(q)
        rest = self.model.qpos0.copy()
        rest[self._qpos] = self._rest_rad
        self._posture.set_target(rest)

    def stand(self, position_rad: FloatArray) -> None:
        """Take every joint but this arm's from these positions, (joints,): a waist that leans carries the arm along."""
        q = self._configuration.q.copy()
        others = np.setdiff1d(np.arange(len(self._qpos)), self._arm)
        q[self._qpos[others]] = self._within_margin(position_rad)[others]
        self._configuration.update(q)

    def _within_margin(self, position_rad: FloatArray) -> FloatArray:
        """A policy may leave any joint at its limit; the optimiser cannot both freeze it and bring it from there."""
        return np.clip(position_rad, self._robot.lower + _LIMIT_MARGIN_RAD, self._robot.upper - _LIMIT_MARGIN_RAD)

    def prefer(self, position_m: FloatArray, rotation: mink.SO3, dt_s: float) -> None:
        """Among the arm's ways to reach anything, prefer from now on the one that reaches this pose best from home.

        An arm of seven joints that only follows a path may end at its limits, where another bend would go on.

        Raises:
            PilotError: the optimiser finds no solution.
        """
        now_rad = np.array(self._configuration.q[self._qpos])
        self._rest_rad = self._robot.home
        self.reset(self._robot.home)
        for _ in range(_PREFERRED_SOLVES):
            best_rad = self.solve(position_m, rotation, dt_s)
        self._rest_rad = best_rad
        self.reset(now_rad)

    def hand_position(self) -> FloatArray:  # (3,)
        return np.array(self._configuration.get_transform_frame_to_world(self._site, "site").translation())

    def hand_rotation(self) -> mink.SO3:
        return self._configuration.get_transform_frame_to_world(self._site, "site").rotation()

    def solve(self, position_m: FloatArray, rotation: mink.SO3, dt_s: float) -> FloatArray:  # (joints,)
        """Joint positions that bring the grasp site to a place, turned as it should be.

        Args:
            position_m: where, in the world, (3,).
            rotation: of the hand in the world, such as `facing` gives.
            dt_s: the control period; how far mink may move in one call is not bounded by it.

        Raises:
            PilotError: the optimiser finds no solution.
        """
        goal = mink.SE3.from_rotation_and_translation(rotation, position_m)
        self._hand.set_target(goal)
        for _ in range(_IK_STEPS):
            try:
                velocity = mink.solve_ik(
                    self._configuration,
                    [self._hand, self._posture],
                    dt_s,
                    "daqp",
                    damping=1e-4,
                    limits=self._limits,
                    constraints=[self._others],
                )
            except mink.MinkError as error:
                raise PilotError(
                    f"no joint motion brings {self._site} to {np.round(position_m, 3)}: {error}"
                ) from error
            self._configuration.integrate_inplace(velocity, dt_s)
        return np.array(self._configuration.q[self._qpos])

    def command(
        self, position_rad: FloatArray, rate_rad_s: FloatArray, joints: NDArray[np.intp] | None = None
    ) -> FloatArray:  # (joints,)
        """Targets that make position servos follow `position_rad` in spite of weight and damping.

        Only the servos of `joints` (indices; this arm's, if left out) are helped; the others are sent as they are.
        """
        self._data.qpos[self._qpos] = position_rad
        self._data.qvel[:] = 0.0
        mujoco.mj_forward(self.model, self._data)
        weight_nm = self._data.qfrc_bias[self._dof]
        command = position_rad.copy()
        helped = self._arm if joints is None else joints
        command[helped] += (weight_nm * self._compliance + rate_rad_s * self._lag_s)[helped]
        return np.clip(command, self._robot.lower, self._robot.upper)


def facing(pointing: FloatArray) -> mink.SO3:
    """A hand's rotation in the world: -z along the fingers, which point along `pointing`; x as far up as may be."""
    z = -pointing / np.linalg.norm(pointing)
    up = np.array([0.0, 0.0, 1.0])
    x = up - (up @ z) * z
    x /= np.linalg.norm(x)
    return mink.SO3.from_matrix(np.column_stack([x, np.cross(z, x), z]))
