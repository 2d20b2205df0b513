"""OpenCV's captures: cameras that the kernel knows, video over the network, and video files in place of a camera."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hardware.device import Sample, SourceCounts
from hardware.errors import PortError

RgbImage = NDArray[np.uint8]

_OLDEST_STAMP_S = 1.0  # a driver's stamp that is older, or of the future, is of another clock
_NETWORK_TIMEOUT_MS = 2000
_DEFAULT_FILE_HZ = 25.0


def capture_stamp_s(driver_s: float, arrived_s: float) -> float:
    """When an image was taken: the driver's stamp where it can be of the monotonic clock, else its arrival.

    V4L2 stamps buffers on that clock, at the start or the end of the exposure (Linux media documentation, "buffer
    timestamp"); some drivers and all bridges leave it at 0 or count from elsewhere.
    """
    return driver_s if 0.0 <= arrived_s - driver_s < _OLDEST_STAMP_S else arrived_s


class _Capture(SourceCounts):
    """Something that OpenCV has opened."""

    _capture: Any = None

    def close(self) -> None:
        if self._capture is not None:
            self._capture.release()
            self._capture = None


class CaptureDevice(_Capture):
    """A V4L2 camera, by index or device path."""

    def __init__(self, source: int | str) -> None:
        self._source = source

    def open(self) -> None:
        import cv2

        self._capture = cv2.VideoCapture(self._source, cv2.CAP_V4L2)
        if not self._capture.isOpened():
            raise PortError(
                f"cannot open camera {self._source}; `v4l2-ctl --list-devices` and `ls /dev/v4l/by-id` show what is "
                f"plugged in"
            )
        self._capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)  # a queue would hand out old images as new

    def read(self) -> Sample[RgbImage] | None:
        import cv2

        if not self._capture.grab():
            raise PortError(f"camera {self._source} gives no image; is it unplugged?")
        arrived_s = time.monotonic()  # before the image is decoded, which takes its time
        stamp_s = capture_stamp_s(self._capture.get(cv2.CAP_PROP_POS_MSEC) / 1000.0, arrived_s)
        image = _retrieve(self._capture)
        if image is None:
            self.damaged += 1
            return None
        return Sample(image, stamp_s)


class NetworkVideo(_Capture):
    """A video stream that OpenCV's FFmpeg opens, such as rtsp://; every image is stamped at its arrival."""

    def __init__(self, url: str) -> None:
        self._url = url

    def open(self) -> None:
        import cv2

        limits = [cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, _NETWORK_TIMEOUT_MS, cv2.CAP_PROP_READ_TIMEOUT_MSEC]
        self._capture = cv2.VideoCapture(self._url, cv2.CAP_FFMPEG, [*limits, _NETWORK_TIMEOUT_MS])
        if not self._capture.isOpened():
            raise PortError(f"no video at {self._url}; is the camera on, and the address right?")

    def read(self) -> Sample[RgbImage] | None:
        if not self._capture.grab():
            raise PortError(f"the video {self._url} broke off")
        arrived_s = time.monotonic()
        image = _retrieve(self._capture)
        if image is None:
            self.damaged += 1
            return None
        return Sample(image, arrived_s)


class VideoFile(_Capture):
    """A video file that plays over and over at its own rate."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._period_s = 1.0 / _DEFAULT_FILE_HZ
        self._due_s = 0.0

    def open(self) -> None:
        import cv2

        self._capture = cv2.VideoCapture(self._path, cv2.CAP_ANY)
        if not self._capture.isOpened():
            raise PortError(f"cannot open {self._path} as a video file; a camera is an index, a /dev path or a URL")
        self._period_s = 1.0 / (self._capture.get(cv2.CAP_PROP_FPS) or _DEFAULT_FILE_HZ)
        self._due_s = time.monotonic()

    def read(self) -> Sample[RgbImage] | None:
        import cv2

        time.sleep(max(0.0, self._due_s - time.monotonic()))
        if not self._capture.grab():
            self._capture.set(cv2.CAP_PROP_POS_FRAMES, 0)
            if not self._capture.grab():
                raise PortError(f"{self._path} holds no images that can be read")
        self._due_s = max(self._due_s + self._period_s, time.monotonic())
        image = _retrieve(self._capture)
        return None if image is None else Sample(image, time.monotonic())


def _retrieve(capture: Any) -> RgbImage | None:
    import cv2

    is_good, image = capture.retrieve()
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), dtype=np.uint8) if is_good else None
