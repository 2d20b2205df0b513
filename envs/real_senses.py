"""Touch, inertia, sound and sight of a body on cables: the newest reading of each, with its own stamp."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assets.robot import CameraSpec, RobotSpec
from envs.body import NEVER_S, SOUND_WINDOW, Image, Imu
from envs.connections import CAMERA, IMU, MICROPHONE, TOUCH, Patience, sense_importance
from envs.errors import BodyError
from hardware.camera import CameraStream
from hardware.device import DeviceFigures, DeviceReader, Sample
from hardware.errors import HardwareError, StaleDeviceError
from hardware.imu import ImuReader
from hardware.microphone import Microphone
from hardware.tactile import TactileReader, pad_shape

_LOG = logging.getLogger(__name__)
_DISPENSABLE_WAIT_S = 1.0  # for what the robot can do without


@dataclass(frozen=True)
class SenseReadings:
    """The newest of everything that is not a servo.

    What the robot does not have is zero, of the asking time. What it has and has not heard from is zero or black, of
    the stamp `NEVER_S`.
    """

    touch_n: NDArray[np.float64]  # (pads, rows, columns)
    touch_stamp_s: float
    images: Mapping[str, Image]
    sound: NDArray[np.int16]  # (SOUND_WINDOW,)
    sound_stamp_s: float
    sound_count: int  # samples since `begin_episode`
    imu: Imu


def sense_reader(spec: RobotSpec, connection: str, port: str) -> DeviceReader[Any]:
    """The reader of one sense, by the names of `envs.connections`; nothing is opened yet.

    Raises:
        BodyError: the robot has no such sense.
        SensorError: it is described in a way that no driver can serve.
    """
    if connection == TOUCH:
        return TactileReader(spec, port)
    if connection == IMU:
        return ImuReader(port, spec.devices.imu)
    if connection == MICROPHONE and spec.sound_hz is not None:
        return Microphone(port, SOUND_WINDOW, spec.devices.sound.latency_s, spec.sound_hz)
    for camera in spec.cameras:
        if connection == f"{CAMERA}.{camera.name}":
            return CameraStream(camera.name, _camera_source(port), camera.latency_s)
    raise BodyError(f"robot {spec.name} has no sense {connection!r}; it has {', '.join(sense_importance(spec))}")


class RealSenses:
    """The sensors of a robot, each read by a thread of its own.

    Args:
        spec: the robot.
        ports: what each sensor is plugged into, by the names of `envs.connections`. One whose importance is "note" may
            be left out, or send nothing.
        patience: how long to wait for first samples.

    Raises:
        HardwareError: a sensor sends nothing, or its address is none; those already open are closed.
    """

    def __init__(self, spec: RobotSpec, ports: Mapping[str, str], patience: Patience) -> None:
        self._spec = spec
        self._importance = sense_importance(spec)
        self._readers = {
            name: sense_reader(spec, name, ports[name])
            for name, importance in self._importance.items()
            if importance != "note" or name in ports
        }
        self._no_touch_n = np.zeros(pad_shape(spec) if spec.pads else (0, 0, 0))
        self._resized: dict[str, Image] = {}
        self._sound_before = 0
        self._started: list[DeviceReader[Any]] = []
        try:
            self._start(patience)
        except HardwareError:
            self.close()
            raise

    @property
    def figures(self) -> dict[str, DeviceFigures]:
        """How each device has fared, by its connection."""
        return {name: reader.figures for name, reader in self._readers.items()}

    def begin_episode(self) -> None:
        """Count sound from here."""
        heard = self._latest(MICROPHONE)
        self._sound_before = 0 if heard is None else heard.value.count

    def read(self, now_s: float) -> SenseReadings:
        """The newest readings; never waits. `now_s` stamps what the robot does not have."""
        spec = self._spec
        touch_n, touch_stamp_s = self._no_touch_n.copy(), NEVER_S if spec.pads else now_s
        if (touch := self._latest(TOUCH)) is not None:
            touch_n, touch_stamp_s = touch.value.copy(), touch.stamp_s
        imu = Imu(np.zeros(3), np.zeros(3), NEVER_S if spec.has_imu else now_s)
        if (inertia := self._latest(IMU)) is not None:
            imu = Imu(inertia.value.rate_rad_s.copy(), inertia.value.acceleration_m_s2.copy(), inertia.stamp_s)
        sound, count = np.zeros(SOUND_WINDOW, dtype=np.int16), 0
        sound_stamp_s = now_s if spec.sound_hz is None else NEVER_S
        if (heard := self._latest(MICROPHONE)) is not None:
            sound, sound_stamp_s = heard.value.samples.copy(), heard.stamp_s
            count = heard.value.count - self._sound_before
        images = {camera.name: self._image(camera) for camera in spec.cameras}
        return SenseReadings(touch_n, touch_stamp_s, images, sound, sound_stamp_s, count, imu)

    def close(self) -> None:
        """Stop reading. May be called more than once."""
        while self._started:
            self._started.pop().close()

    def _start(self, patience: Patience) -> None:
        """All at once, so that the slowest decides how long it takes."""
        begun_s = time.monotonic()
        for reader in self._readers.values():
            reader.begin()
            self._started.append(reader)
        dispensable = [name for name in self._readers if self._importance[name] == "note"]
        for name in self._readers.keys() - set(dispensable):
            self._readers[name].wait(begun_s + patience.first_reading_s - time.monotonic())
        patient_s = min(_DISPENSABLE_WAIT_S, patience.first_reading_s)
        for name in dispensable:
            try:
                self._readers[name].wait(begun_s + patient_s - time.monotonic())
            except StaleDeviceError as error:
                _LOG.warning("%s goes without %s: %s", self._spec.name, name, error)

    def _latest(self, connection: str) -> Sample[Any] | None:
        reader = self._readers.get(connection)
        return None if reader is None else reader.latest

    def _image(self, camera: CameraSpec) -> Image:
        sample = self._latest(f"{CAMERA}.{camera.name}")
        known = self._resized.get(camera.name)
        stamp_s = NEVER_S if sample is None else sample.stamp_s
        if known is not None and known.stamp_s == stamp_s:
            return known
        black = np.zeros((camera.height, camera.width, 3), dtype=np.uint8)
        pixels = black if sample is None else _in_size(sample.value, camera.width, camera.height)
        image = self._resized[camera.name] = Image(pixels, stamp_s)
        return image


def _camera_source(port: str) -> int | str:
    return int(port) if port.isdigit() else port  # a bare number is a V4L2 index


def _in_size(pixels: NDArray[np.uint8], width: int, height: int) -> NDArray[np.uint8]:  # (height, width, 3)
    if pixels.shape[:2] == (height, width):
        return pixels
    import cv2

    return np.asarray(cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA), dtype=np.uint8)
