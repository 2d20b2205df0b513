"""Cameras: a thread keeps the newest image, RGB, with the time at which it was taken."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hardware.device import DeviceReader, Source
from hardware.errors import PortError
from hardware.mjpeg import MjpegClient

RgbImage = NDArray[np.uint8]


class CameraStream(DeviceReader[RgbImage]):
    """The newest image of one camera, (height, width, 3) RGB, in the size that the camera sends.

    Args:
        name: what the robot table calls it.
        source: a V4L2 index, a device or video file, or the http:// URL of a Motion-JPEG stream.
        latency_s: from exposure to arrival here; measured once a camera, and taken off every stamp.
    """

    def __init__(self, name: str, source: int | str, latency_s: float = 0.0) -> None:
        device: Source[RgbImage]
        if isinstance(source, str) and source.startswith("http://"):
            device = _MjpegSource(source)
        else:
            device = _CaptureSource(source)
        super().__init__(f"camera {name} ({source})", device, latency_s)


class _CaptureSource:
    """OpenCV's own capture, for what the kernel knows as a camera, and for video files."""

    def __init__(self, source: int | str) -> None:
        self._source = source
        self._capture: Any = None

    def open(self) -> None:
        import cv2

        is_device = isinstance(self._source, int) or self._source.startswith("/dev/")
        self._capture = cv2.VideoCapture(self._source, cv2.CAP_V4L2 if is_device else cv2.CAP_ANY)
        if not self._capture.isOpened():
            raise PortError(f"cannot open camera {self._source}; `v4l2-ctl --list-devices` shows what is plugged in")
        self._capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)  # a queue would hand out old images as new

    def read(self) -> RgbImage | None:
        import cv2

        is_good, image = self._capture.read()
        if not is_good:
            raise PortError(f"camera {self._source} gives no image; is it unplugged?")
        return np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), dtype=np.uint8)

    def close(self) -> None:
        if self._capture is not None:
            self._capture.release()
            self._capture = None


class _MjpegSource:
    def __init__(self, url: str) -> None:
        self._client = MjpegClient(url)

    def open(self) -> None:
        self._client.open()

    def read(self) -> RgbImage | None:
        import cv2

        image = cv2.imdecode(np.frombuffer(self._client.next_jpeg(), np.uint8), cv2.IMREAD_COLOR_RGB)
        return None if image is None else np.asarray(image, dtype=np.uint8)

    def close(self) -> None:
        self._client.close()
