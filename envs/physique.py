"""What of an exemplar lies in the physics and before the cameras: friction, strength, latency, light, camera poses."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from assets.reality_gap import Exemplar
from envs.engine import mujoco
from envs.errors import BodyError
from envs.simulation import Simulation
from envs.tasks.backdrop import black_body
from hardware.control_table import servo_model


class Physique:
    """Makes a simulation that of one exemplar. Make one only, before anything is staged.

    Raises:
        BodyError: the robot's MJCF keeps too few past controls for the latency.
    """

    def __init__(self, simulation: Simulation, exemplar: Exemplar) -> None:
        self._model = simulation.model
        self._exemplar = exemplar
        self._friction = simulation.model.geom_friction.copy(), simulation.model.flex_friction.copy()
        self._give_servos(simulation)
        self._move_cameras(simulation)

    @contextmanager
    def staging(self) -> Iterator[None]:
        """Around whatever stages a scenario: what it says of friction and light becomes this exemplar's."""
        model, exemplar = self._model, self._exemplar
        # Not all of it is staged, and the last scenario's was changed.
        model.geom_friction[:], model.flex_friction[:] = self._friction
        yield
        model.geom_friction *= exemplar.contact_friction
        model.flex_friction *= exemplar.contact_friction
        tint = exemplar.light_level * black_body(exemplar.lamp_temperature_k)
        for light in (model.light_diffuse, model.vis.headlight.ambient, model.vis.headlight.diffuse):
            light *= tint

    def _give_servos(self, simulation: Simulation) -> None:
        model, exemplar, actuators = self._model, self._exemplar, simulation.actuators
        latency_s = 1e-3 * exemplar.command_latency_ms
        kept_s = float(model.actuator_history[actuators, 0].min()) * simulation.timestep_s
        if latency_s > kept_s:
            raise BodyError(
                f"a command latency of {1e3 * latency_s:g} ms needs past controls, and the MJCF of "
                f"{simulation.robot.name!r} keeps {1e3 * kept_s:g} ms of them; set nsample of its actuators"
            )
        model.actuator_delay[actuators] = latency_s
        model.actuator_gainprm[actuators, 0] *= exemplar.servo_strength
        model.actuator_biasprm[actuators, 1] *= exemplar.servo_strength
        model.actuator_forcerange[actuators] *= exemplar.servo_strength
        stall_nm = {servo.joint: servo_model(servo.model).stall_torque_nm for servo in simulation.robot.servos}
        added_nm = [exemplar.joint_friction_share * stall_nm[name] for name in simulation.robot.joint_names]
        model.dof_frictionloss[simulation.dof] += added_nm

    def _move_cameras(self, simulation: Simulation) -> None:
        model, exemplar = self._model, self._exemplar
        turns_deg = (-exemplar.camera_pitch_deg, exemplar.camera_yaw_deg, exemplar.camera_roll_deg)
        turned, matrix = np.empty(4), np.empty(9)
        mujoco.mju_euler2Quat(turned, np.deg2rad(turns_deg), "xyz")
        shift_m = 1e-3 * exemplar.camera_shift_mm * np.array([1.0, -1.0, 0.0])
        for camera in simulation.robot.cameras:
            index = model.camera(camera.name).id
            mujoco.mju_quat2Mat(matrix, model.cam_quat[index])
            model.cam_pos[index] += matrix.reshape(3, 3) @ shift_m
            quat = model.cam_quat[index].copy()
            mujoco.mju_mulQuat(model.cam_quat[index], quat, turned)
            model.cam_fovy[index] *= exemplar.camera_fovy_share
