"""Cameras: a thread keeps the newest image, RGB, with the time at which it was taken."""

from __future__ import annotations

import zlib

import numpy as np
from numpy.typing import NDArray

from hardware.capture import CaptureDevice, NetworkVideo, VideoFile
from hardware.device import DeviceReader, Sample, Source, SourceCounts
from hardware.mjpeg import MjpegClient
from hardware.thawed import Thawed

RgbImage = NDArray[np.uint8]


class CameraStream(DeviceReader[RgbImage]):
    """The newest image of one camera, (height, width, 3) RGB, in the size that the camera sends.

    A camera that the kernel knows has noise in every image; one that sends the same image 25 times in a row has frozen.

    Args:
        name: what the robot table calls it.
        source: a V4L2 index; a device, best below /dev/v4l/by-id; a URL, http:// or https:// of a Motion-JPEG stream,
            rtsp:// of a video stream; or a video file, which plays over and over at its own rate.
        latency_s: from exposure to arrival here, or to the driver's stamp where it gives one; measured once a camera,
            and taken off every stamp.
    """

    def __init__(self, name: str, source: int | str, latency_s: float = 0.0) -> None:
        super().__init__(f"camera {name} ({source})", _source_of(source), latency_s)


def _source_of(source: int | str) -> Source[RgbImage]:
    if isinstance(source, int) or source.startswith("/dev/"):
        return Thawed(CaptureDevice(source), lambda image: zlib.crc32(image.data).to_bytes(4, "little"))
    scheme, colon, _ = source.partition("://")
    if not colon:
        return VideoFile(source)
    return _MjpegSource(source) if scheme in ("http", "https") else NetworkVideo(source)


class _MjpegSource(SourceCounts):
    def __init__(self, url: str) -> None:
        self._client = MjpegClient(url)

    def open(self) -> None:
        self._client.open()

    def read(self) -> Sample[RgbImage] | None:
        import cv2

        jpeg, arrived_s = self._client.next_jpeg()
        image = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR_RGB)
        if image is None:
            self.damaged += 1
            return None
        return Sample(np.asarray(image, dtype=np.uint8), arrived_s)

    def close(self) -> None:
        self._client.close()
