"""One camera as h264: every image becomes exactly one access unit, at once.

GOP 2 keeps random access cheap, no B-frames and no look-ahead mean that nothing waits inside the encoder when a process
dies, and Annex B with the parameter sets before every key frame lets decoding start at any of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Protocol

import av
import numpy as np
from av.video.reformatter import Interpolation, VideoReformatter
from numpy.typing import NDArray

from envs.errors import ArchiveError

_OPTIONS = {"preset": "ultrafast", "tune": "zerolatency", "crf": "18", "sc_threshold": "0", "keyint_min": "2"}
GROUP_OF_PICTURES = 2
# The default conversion between RGB and 4:2:0 darkens by 1.2 levels and errs by 2.5 on smooth images; this one by 0.5.
_FAITHFUL = Interpolation.BICUBIC | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INT
# On the way into the encoder this one comes back within 0.1 dB of the one above, on smooth, noisy and real images, for
# 0.4 of its time: chroma is the mean of the pixels that share it, taken from all of them.
_AVERAGING = Interpolation.AREA | Interpolation.FULL_CHR_H_INP
_THREADS = 1  # of a conversion; more cost more than they bring at the size of a robot's images


class ImageEncoder(Protocol):
    """Turns the images of one camera into access units, one each, in order."""

    def encode(self, pixels: NDArray[np.uint8]) -> bytes:
        """One RGB image (height, width, 3) as one h264 access unit in Annex B."""
        ...


class RgbConverter:
    """Turns decoded frames into RGB arrays: the one conversion for everything that looks at recorded video.

    Keeps its tables from frame to frame, which is most of the cost.
    """

    def __init__(self) -> None:
        self._reformatter = VideoReformatter()

    def __call__(self, frame: av.VideoFrame) -> NDArray[np.uint8]:  # (height, width, 3)
        converted = self._reformatter.reformat(frame, format="rgb24", interpolation=_FAITHFUL, threads=_THREADS)
        return np.asarray(converted.to_ndarray(), dtype=np.uint8)


class FrameEncoder:
    """Encodes the images of one camera."""

    def __init__(self, camera: str, width: int, height: int, rate_hz: float) -> None:
        """
        Raises:
            ArchiveError: width or height is odd, which 4:2:0 video cannot hold.
        """
        if width % 2 or height % 2:
            raise ArchiveError(f"camera {camera!r} gives {width}x{height} images; video needs even width and height")
        self._camera = camera
        self._shape = (height, width, 3)
        self._count = 0
        rate = Fraction(rate_hz).limit_denominator(1001)
        self._codec = av.CodecContext.create("libx264", "w")
        self._codec.width, self._codec.height = width, height
        self._codec.pix_fmt = "yuv420p"
        self._codec.framerate, self._codec.time_base = rate, 1 / rate
        self._codec.gop_size, self._codec.max_b_frames = GROUP_OF_PICTURES, 0
        self._codec.thread_count = 1
        self._codec.options = _OPTIONS
        self._codec.open()  # takes milliseconds that all other threads wait for: not at the first image
        self._reformatter = VideoReformatter()

    def encode(self, pixels: NDArray[np.uint8]) -> bytes:
        """One RGB image (height, width, 3) as one access unit.

        Raises:
            ArchiveError: the image has another shape than the camera's first one.
        """
        if pixels.shape != self._shape or pixels.dtype != np.uint8:
            raise ArchiveError(
                f"camera {self._camera!r} gave {pixels.dtype} {pixels.shape}; its images are uint8 {self._shape}"
            )
        frame = av.VideoFrame.from_numpy_buffer(np.ascontiguousarray(pixels), format="rgb24")
        converted = self._reformatter.reformat(frame, format="yuv420p", interpolation=_AVERAGING, threads=_THREADS)
        converted.pts = self._count
        self._count += 1
        packets = self._codec.encode(converted)
        if len(packets) != 1:
            raise ArchiveError(f"the encoder of camera {self._camera!r} gave {len(packets)} packets for one image")
        return bytes(packets[0])


def decode_frames(packets: Sequence[bytes]) -> NDArray[np.uint8]:  # (packets, height, width, 3)
    """The RGB images of consecutive access units, the first of which is a key frame.

    Raises:
        ArchiveError: the packets do not decode to one image each.
    """
    codec = av.CodecContext.create("h264", "r")
    codec.thread_count = 1
    try:
        frames = [frame for packet in packets for frame in codec.decode(av.Packet(packet))]
        frames += codec.decode(None)
    except av.FFmpegError as error:
        raise ArchiveError(f"the recorded video does not decode: {error}") from error
    if len(frames) != len(packets):
        raise ArchiveError(f"{len(packets)} recorded video packets decode to {len(frames)} images")
    to_rgb = RgbConverter()
    return np.stack([to_rgb(frame) for frame in frames])


def first_undecodable(packets: Sequence[bytes], width: int, height: int) -> tuple[int, str] | None:
    """The first of consecutive access units that does not decode to one image of that size, and why; None if all do."""
    codec = av.CodecContext.create("h264", "r")
    codec.thread_count = 1
    shown = 0
    for row, packet in enumerate([*packets, None]):
        try:
            frames = codec.decode(None if packet is None else av.Packet(packet))
        except (av.FFmpegError, ValueError) as error:
            return min(row, len(packets) - 1), f"it does not decode: {error}"
        for frame in frames:
            if (frame.width, frame.height) != (width, height):
                return min(shown, len(packets) - 1), f"its image is {frame.width}x{frame.height}, not {width}x{height}"
            if frame.is_corrupt:
                return min(shown, len(packets) - 1), "its image is damaged"
            shown += 1
    if shown != len(packets):
        return min(shown, len(packets) - 1), f"{len(packets)} frames decode to {shown} images"
    return None
