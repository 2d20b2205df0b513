"""Gymnasium spaces from the joint table alone, and the one way between them and the seam's own types.

Nothing is connected to know a space. What lies outside a space is brought to its edge, and said.
"""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
from numpy.typing import NDArray

from assets.robot import RobotSpec
from envs.body import SOUND_WINDOW, BodyState, JointTarget
from envs.errors import EnvError

Array = NDArray[Any]
FloatArray = NDArray[np.float64]

# How far beyond the joint table a reading may lie and still be believed: gears bend, and links are pushed.
POSITION_MARGIN_RAD = 0.2
VELOCITY_FACTOR = 4.0
EFFORT_FACTOR = 1.5
TOUCH_FACTOR = 1.1
# Full scale of the usual MEMS IMU: 2,000 degrees a second and 16 g.
IMU_RATE_RAD_S = 35.0
IMU_ACCELERATION_M_S2 = 157.0


class BodySpaces:
    """The observation and the action space of a robot.

    Observations: `position_rad`, `velocity_rad_s`, `effort_nm` (joints,) float64; `touch_n` (pads, rows, columns)
    float64; `imu` (6,) float64, rates then accelerations; `sound` (SOUND_WINDOW,) int16; `image/<camera>`
    (height, width, 3) uint8. What the robot does not have is not in the space. Actions: target positions (joints,)
    float64 within the joint limits.

    Args:
        spec: the robot.
        images: False leaves the cameras out.
    """

    def __init__(self, spec: RobotSpec, *, images: bool = True) -> None:
        self._spec = spec
        self._cameras = spec.cameras if images else ()
        box = gymnasium.spaces.Box
        touch_shape = (len(spec.pads), spec.pads[0].rows, spec.pads[0].columns) if spec.pads else (0, 0, 0)
        touch_high = np.empty(touch_shape)
        for index, pad in enumerate(spec.pads):
            touch_high[index] = pad.max_force_n * TOUCH_FACTOR
        imu_high = np.repeat([IMU_RATE_RAD_S, IMU_ACCELERATION_M_S2], 3)
        velocity_high = spec.max_rate * VELOCITY_FACTOR
        effort_high = spec.max_effort_nm * EFFORT_FACTOR
        boxes: dict[str, gymnasium.spaces.Box] = {
            "position_rad": box(spec.lower - POSITION_MARGIN_RAD, spec.upper + POSITION_MARGIN_RAD, dtype=np.float64),
            "velocity_rad_s": box(-velocity_high, velocity_high, dtype=np.float64),
            "effort_nm": box(-effort_high, effort_high, dtype=np.float64),
        }
        if spec.pads:
            boxes["touch_n"] = box(np.zeros(touch_shape), touch_high, dtype=np.float64)
        if spec.has_imu:
            boxes["imu"] = box(-imu_high, imu_high, dtype=np.float64)
        if spec.sound_hz is not None:
            boxes["sound"] = box(-32768, 32767, (SOUND_WINDOW,), dtype=np.int16)
        for camera in self._cameras:
            boxes[f"image/{camera.name}"] = box(0, 255, (camera.height, camera.width, 3), dtype=np.uint8)
        self._boxes = boxes
        self.observation = gymnasium.spaces.Dict(dict(boxes.items()))
        self.action = box(spec.lower, spec.upper, dtype=np.float64)

    def pack(self, state: BodyState) -> tuple[dict[str, Array], tuple[str, ...]]:
        """The observation of a state, in fresh arrays, and the names of the readings that were outside the space.

        A value that is not a number becomes the nearest one to zero that the space has; a missing image is black.

        Raises:
            EnvError: a reading has another shape than the joint table says.
        """
        observation: dict[str, Array] = {}
        clipped = [f"image/{camera.name}" for camera in self._cameras if camera.name not in state.images]
        for key, reading in self._readings(state).items():
            box = self._boxes[key]
            if reading.shape != box.shape:
                raise EnvError(f"{key} has shape {reading.shape}; the joint table says {box.shape}")
            if box.dtype != np.float64:
                observation[key] = reading.astype(box.dtype, copy=True)
                continue
            inside = np.clip(np.nan_to_num(reading, nan=0.0, posinf=np.inf, neginf=-np.inf), box.low, box.high)
            if not np.array_equal(inside, reading):
                clipped.append(key)
            observation[key] = inside
        return observation, tuple(clipped)

    def unpack(self, action: Any) -> tuple[FloatArray, bool]:
        """The wished positions (joints,) within the action space, and whether they had to be brought there.

        What is not finite stays as it is, for safety to refuse.

        Raises:
            EnvError: the action is not one number a joint.
        """
        shape = self.action.shape
        wish_rad = action.position_rad if isinstance(action, JointTarget) else np.asarray(action)
        if wish_rad.shape != shape or not np.issubdtype(wish_rad.dtype, np.number):
            raise EnvError(
                f"the action has shape {wish_rad.shape} and type {wish_rad.dtype}; give {shape} positions in rad, in "
                f"the order {', '.join(self._spec.joint_names)}"
            )
        wish_rad = wish_rad.astype(np.float64)
        inside = np.clip(wish_rad, self.action.low, self.action.high)
        return inside, not np.array_equal(inside, wish_rad)

    def _readings(self, state: BodyState) -> dict[str, Array]:
        readings: dict[str, Array] = {
            "position_rad": state.position_rad,
            "velocity_rad_s": state.velocity_rad_s,
            "effort_nm": state.effort_nm,
        }
        if self._spec.pads:
            readings["touch_n"] = state.touch_n
        if self._spec.has_imu:
            readings["imu"] = np.concatenate([state.imu.rate_rad_s, state.imu.acceleration_m_s2])
        if self._spec.sound_hz is not None:
            readings["sound"] = state.sound
        for camera in self._cameras:
            image = state.images.get(camera.name)
            black = np.zeros((camera.height, camera.width, 3), dtype=np.uint8)
            readings[f"image/{camera.name}"] = black if image is None else image.pixels
        return readings
