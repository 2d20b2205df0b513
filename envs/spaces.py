"""Gymnasium spaces from the joint table alone, and the one way between them and the seam's own types.

Nothing is connected to know a space. What lies outside a space is brought to its edge, and said.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
_NUMBERS = "iuf"  # kinds of what may be an action


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
        self._cameras = [(camera, f"image/{camera.name}") for camera in spec.cameras] if images else []
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
        for camera, key in self._cameras:
            boxes[key] = box(0, 255, (camera.height, camera.width, 3), dtype=np.uint8)
        self._bulky = {key: (each.shape, each.dtype) for key, each in boxes.items() if each.dtype != np.float64}
        self._numbers = _Numbers({key: each for key, each in boxes.items() if each.dtype == np.float64})
        self.observation = gymnasium.spaces.Dict(dict(boxes.items()))
        self.action = box(spec.lower, spec.upper, dtype=np.float64)
        self._lower, self._upper = self.action.low, self.action.high

    def pack(self, state: BodyState) -> tuple[dict[str, Array], tuple[str, ...]]:
        """The observation of a state, in fresh arrays, and the names of the readings that were outside the space.

        A value that is not a number becomes the nearest one to zero that the space has; a missing image is black.

        Raises:
            EnvError: a reading has another shape than the joint table says.
        """
        clipped: list[str] = []
        observation = self._numbers.of(state, clipped)
        if self._spec.sound_hz is not None:
            observation["sound"] = self._fresh("sound", state.sound)
        for camera, key in self._cameras:
            image = state.images.get(camera.name)
            if image is None:
                clipped.append(key)
                observation[key] = np.zeros((camera.height, camera.width, 3), dtype=np.uint8)
            else:
                observation[key] = self._fresh(key, image.pixels)
        return observation, tuple(clipped)

    def unpack(self, action: Any) -> tuple[FloatArray, bool]:
        """The wished positions (joints,) within the action space, and whether they had to be brought there.

        What is not finite stays as it is, for safety to refuse.

        Raises:
            EnvError: the action is not one number a joint.
        """
        low, high = self._lower, self._upper
        wish_rad = action.position_rad if isinstance(action, JointTarget) else np.asarray(action)
        if wish_rad.shape != low.shape or wish_rad.dtype.kind not in _NUMBERS:
            raise EnvError(
                f"the action has shape {wish_rad.shape} and type {wish_rad.dtype}; give {low.shape} positions in rad, "
                f"in the order {', '.join(self._spec.joint_names)}"
            )
        inside: FloatArray = np.minimum(np.maximum(wish_rad, low), high, dtype=np.float64)
        return inside, bool(np.count_nonzero(inside == wish_rad) < inside.size)

    def _fresh(self, key: str, reading: Array) -> Array:
        shape, dtype = self._bulky[key]
        if reading.shape != shape:
            raise _other_shape(key, reading.shape, shape)
        return reading.astype(dtype, copy=True)


class _Numbers:
    """The float readings of a state, brought into their boxes all at once: each step pays for every call."""

    def __init__(self, boxes: Mapping[str, gymnasium.spaces.Box]) -> None:
        self._places: dict[str, tuple[slice, tuple[int, ...]]] = {}
        end = 0
        for key, box in boxes.items():
            self._places[key] = slice(end, end := end + box.low.size), box.shape
        self._has_touch, self._has_imu = "touch_n" in boxes, "imu" in boxes
        self._shapes = [box.shape for key, box in boxes.items() if key != "imu"]
        if self._has_imu:
            self._shapes += [(3,), (3,)]
        self._low = np.concatenate([box.low.ravel() for box in boxes.values()])
        self._high = np.concatenate([box.high.ravel() for box in boxes.values()])

    def of(self, state: BodyState, clipped: list[str]) -> dict[str, Array]:
        """The readings, in fresh memory, within their boxes; `clipped` hears of those that were not."""
        readings = [state.position_rad, state.velocity_rad_s, state.effort_nm]
        if self._has_touch:
            readings.append(state.touch_n)
        if self._has_imu:
            readings += (state.imu.rate_rad_s, state.imu.acceleration_m_s2)
        if [reading.shape for reading in readings] != self._shapes:
            self._refuse(readings)
        values: FloatArray = np.concatenate(readings, axis=None, dtype=np.float64)
        is_inside = (values >= self._low) & (values <= self._high)  # no number is not inside
        if np.count_nonzero(is_inside) < values.size:
            clipped += [key for key, (place, _) in self._places.items() if not is_inside[place].all()]
            numbers = np.nan_to_num(values, nan=0.0, posinf=np.inf, neginf=-np.inf)
            values = np.clip(numbers, self._low, self._high)
        return {key: values[place].reshape(shape) for key, (place, shape) in self._places.items()}

    def _refuse(self, readings: Sequence[Array]) -> None:
        keys = [*(key for key in self._places if key != "imu"), "imu", "imu"]
        for key, reading, shape in zip(keys, readings, self._shapes, strict=False):
            if reading.shape != shape:
                raise _other_shape(key, reading.shape, shape)


def _other_shape(key: str, given: tuple[int, ...], shape: tuple[int, ...]) -> EnvError:
    return EnvError(f"{key} has shape {given}; the joint table says {shape}")
