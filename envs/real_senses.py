"""Touch, inertia, sound and sight of a body on cables: the newest reading of each, with its own stamp."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assets.robot import CameraSpec, RobotSpec
from envs.body import SOUND_WINDOW, Image, Imu
from envs.connections import CAMERA, IMU, MICROPHONE, TOUCH, Patience
from hardware.camera import CameraStream
from hardware.device import DeviceReader
from hardware.errors import HardwareError
from hardware.imu import ImuReader
from hardware.microphone import Microphone
from hardware.tactile import TactileReader

_ANY_AGE_S = float("inf")  # the environment decides what is too old


@dataclass(frozen=True)
class SenseReadings:
    """The newest of everything that is not a servo. What the robot does not have is zero, of the asking time."""

    touch_n: NDArray[np.float64]  # (pads, rows, columns)
    touch_stamp_s: float
    images: Mapping[str, Image]
    sound: NDArray[np.int16]  # (SOUND_WINDOW,)
    sound_stamp_s: float
    sound_count: int  # samples since `begin_episode`
    imu: Imu


class RealSenses:
    """The sensors of a robot, each read by a thread of its own.

    Args:
        spec: the robot.
        ports: what each sensor is plugged into, by the names of `envs.connections`.
        patience: how long to wait for first samples.

    Raises:
        HardwareError: a sensor sends nothing, or its address is none; those already open are closed.
    """

    def __init__(self, spec: RobotSpec, ports: Mapping[str, str], patience: Patience) -> None:
        self._spec = spec
        self._touch = TactileReader(spec, ports[TOUCH]) if spec.pads else None
        self._imu = ImuReader(ports[IMU]) if spec.has_imu else None
        self._microphone = Microphone(ports[MICROPHONE], SOUND_WINDOW) if spec.sound_hz is not None else None
        self._cameras = {
            camera.name: CameraStream(camera.name, _camera_source(ports[f"{CAMERA}.{camera.name}"]))
            for camera in spec.cameras
        }
        self._resized: dict[str, Image] = {}
        self._sound_before = 0
        readers: tuple[DeviceReader[Any] | None, ...] = (
            self._touch,
            self._imu,
            self._microphone,
            *self._cameras.values(),
        )
        self._readers = [reader for reader in readers if reader is not None]
        self._started: list[DeviceReader[Any]] = []
        try:
            for reader in self._readers:
                self._started.append(reader.start(patience.first_reading_s))
        except HardwareError:
            self.close()
            raise

    def begin_episode(self) -> None:
        """Count sound from here."""
        if self._microphone is not None:
            self._sound_before = self._microphone.newest(_ANY_AGE_S).value.count

    def read(self, now_s: float) -> SenseReadings:
        """The newest readings; never waits. `now_s` stamps what the robot does not have."""
        spec = self._spec
        touch_n, touch_stamp_s = np.zeros((len(spec.pads), 0, 0)), now_s
        if self._touch is not None:
            touch = self._touch.newest(_ANY_AGE_S)
            touch_n, touch_stamp_s = touch.value.copy(), touch.stamp_s
        imu = Imu(np.zeros(3), np.zeros(3), now_s)
        if self._imu is not None:
            inertia = self._imu.newest(_ANY_AGE_S)
            imu = Imu(inertia.value.rate_rad_s.copy(), inertia.value.acceleration_m_s2.copy(), inertia.stamp_s)
        sound, sound_stamp_s, count = np.zeros(SOUND_WINDOW, dtype=np.int16), now_s, 0
        if self._microphone is not None:
            heard = self._microphone.newest(_ANY_AGE_S)
            sound, sound_stamp_s = heard.value.samples.copy(), heard.stamp_s
            count = heard.value.count - self._sound_before
        images = {camera.name: self._image(camera) for camera in spec.cameras}
        return SenseReadings(touch_n, touch_stamp_s, images, sound, sound_stamp_s, count, imu)

    def close(self) -> None:
        """Stop reading. May be called more than once."""
        while self._started:
            self._started.pop().close()

    def _image(self, camera: CameraSpec) -> Image:
        sample = self._cameras[camera.name].newest(_ANY_AGE_S)
        known = self._resized.get(camera.name)
        if known is not None and known.stamp_s == sample.stamp_s:
            return known
        image = Image(_in_size(sample.value, camera.width, camera.height), sample.stamp_s)
        self._resized[camera.name] = image
        return image


def _camera_source(port: str) -> int | str:
    return int(port) if port.isdigit() else port  # a bare number is a V4L2 index


def _in_size(pixels: NDArray[np.uint8], width: int, height: int) -> NDArray[np.uint8]:  # (height, width, 3)
    if pixels.shape[:2] == (height, width):
        return pixels
    import cv2

    return np.asarray(cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA), dtype=np.uint8)
