"""Motion as servos and IMU report it: noisy, then rounded to whole counts."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from assets.reality_gap import Exemplar
from assets.robot import RobotSpec
from envs.servo_drive import ServoDrive
from envs.simulation import Simulation
from hardware.joint_units import JointUnits
from hardware.wiring import servos_in_joint_order

FloatArray = NDArray[np.float64]

# Bosch BMI055, as in a BNO055 or BNO08x, over a bandwidth of 50 Hz: 0.014 deg/s and 150 ug in the root of a hertz.
IMU_NOISE = np.repeat([np.deg2rad(0.014) * 50**0.5, 150e-6 * 9.81 * 50**0.5], 3)  # rad/s, m/s^2


class MotionSense:
    """What one exemplar of a robot reports of its joints and its torso.

    Encoders sit in the servos: what their joints have of play, and the errors of their zeros, is in the readings.

    Raises:
        ServoError: a joint has no servo, or one that is not known.
    """

    def __init__(self, simulation: Simulation, exemplar: Exemplar, drive: ServoDrive) -> None:
        spec: RobotSpec = simulation.robot
        self._simulation = simulation
        self._units = JointUnits(spec.joints, servos_in_joint_order(spec))
        self._drive = drive
        spreads = (
            np.full(len(spec.joints), np.deg2rad(exemplar.encoder_noise_deg)),
            np.full(len(spec.joints), exemplar.velocity_noise_rad_s),
            exemplar.current_noise_a * self._units.nm_per_ampere,
        )
        self._spread = np.array(spreads)  # (3, joints)
        self._true = np.empty_like(self._spread)
        first = int(simulation.model.sensor("imu_gyro").adr[0])
        self._imu = simulation.data.sensordata[first : first + 6]  # a view; the accelerometer is behind the gyro

    def felt(self, rng: np.random.Generator) -> FloatArray:  # (3, joints) rad, rad/s, Nm
        """Position, velocity and effort with their noise, before a servo counts them."""
        simulation, data, (position_rad, velocity_rad_s, effort_nm) = (
            self._simulation,
            self._simulation.data,
            self._true,
        )
        data.qpos.take(simulation.qpos, out=position_rad, mode="clip")  # any other mode copies once more
        data.qvel.take(simulation.dof, out=velocity_rad_s, mode="clip")
        data.actuator_force.take(simulation.actuators, out=effort_nm, mode="clip")
        position_rad += self._drive.unseen_rad
        felt = rng.standard_normal(self._spread.shape)
        felt *= self._spread
        felt += self._true
        return felt

    def joints(self, rng: np.random.Generator) -> FloatArray:  # (3, joints) rad, rad/s, Nm
        """Position, velocity and effort as the servos report them: what is felt, in whole counts."""
        return self._units.counted(self.felt(rng))

    def inertia(self, rng: np.random.Generator) -> FloatArray:  # (6,) rad/s, m/s^2
        """Rates and accelerations of the torso."""
        return np.asarray(self._imu + IMU_NOISE * rng.standard_normal(6))
