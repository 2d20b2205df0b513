"""One video as frames: decoded from end to end, or only where it is asked for."""

from __future__ import annotations

import os
import weakref
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from envs.senses.resize import resize_image
from policies.errors import DatasetError

_OPEN_AT_ONCE = 64  # decoders; each holds a file
_SAME_FRAME = 0.1  # of a frame's time: what a stamp may be off and still be that frame's


@dataclass(frozen=True)
class FilmShape:
    """What the header of a video says."""

    frames: int
    height: int
    width: int


def film_shape(path: Path) -> FilmShape:
    """How many frames of what size a video says it has; where it does not say, they are counted.

    Raises:
        DatasetError: the video is absent or broken.
    """
    with _opened(path) as (container, stream):
        size = stream.codec_context.height, stream.codec_context.width
        return FilmShape(stream.frames or sum(1 for packet in container.demux(stream) if packet.size), *size)


@dataclass(frozen=True)
class FilmTrack:
    """The frames of a video by their stamps, none of them decoded."""

    rate: Fraction | None  # frames a second, on average
    height: int
    width: int
    stamps_s: tuple[float, ...]  # in the order of showing


def film_track(path: Path) -> FilmTrack:
    """What stands in a video file, packet by packet.

    Raises:
        DatasetError: the video is absent or broken.
    """
    with _opened(path) as (container, stream):
        stamps_s = sorted(
            float(packet.pts * packet.time_base)
            for packet in container.demux(stream)
            if packet.size and packet.pts is not None and packet.time_base is not None
        )
        size = stream.codec_context.height, stream.codec_context.width
        return FilmTrack(stream.average_rate, *size, tuple(stamps_s))


def decode_video(path: Path, fps: float) -> Iterator[NDArray[np.uint8]]:
    """RGB frames of a video in order, each (height, width, 3).

    Raises:
        DatasetError: the video is absent or broken, or frame k is not at k / fps.
    """
    from envs.episodes.video import RgbConverter

    to_rgb = RgbConverter()
    with _opened(path) as (container, stream):
        stream.codec_context.thread_count = 1  # one thread a video: several videos are decoded side by side
        for index, frame in enumerate(container.decode(stream)):
            stamp_s = frame.time if frame.time is not None else float("nan")
            if not abs(stamp_s * fps - index) <= _SAME_FRAME:
                raise DatasetError(
                    f"{path}: frame {index} is stamped {stamp_s:.4f} s, but at {fps:g} fps it belongs at "
                    f"{index / fps:.4f} s; the video has a gap or another frame rate"
                )
            yield to_rgb(frame)


@contextmanager
def _opened(path: Path) -> Iterator[tuple[Any, Any]]:
    """A video file and its stream.

    Raises:
        DatasetError: it is absent or broken, as far as it is read.
    """
    import av

    try:
        with av.open(str(path)) as container:
            yield container, container.streams.video[0]
    except (OSError, av.FFmpegError, IndexError) as error:
        raise DatasetError(f"{path} cannot be decoded: {error}") from error


class Decoders:
    """Open videos, the most recently used ones.

    A process that was forked opens its own: a file that is shared with the parent has one place of reading for both,
    and the threads that work for the parent's decoders are not there.
    """

    def __init__(self, limit: int = _OPEN_AT_ONCE) -> None:
        self._limit = limit
        self._open: OrderedDict[Path, _Decoder] = OrderedDict()
        itself = weakref.ref(self)
        os.register_at_fork(after_in_child=lambda: _leave_to_the_parent(itself()))

    def __reduce__(self) -> tuple[Any, ...]:
        return Decoders, (self._limit,)

    def frame(self, path: Path, fps: float, frame: int) -> NDArray[np.uint8]:
        """Frame `frame` of the video as (height, width, 3).

        Raises:
            DatasetError: the video is absent or broken, or has no such frame.
        """
        decoder = self._open.pop(path, None) or _Decoder(path, fps)
        pixels = decoder.frame(frame)  # where it fails, the decoder is not kept
        self._open[path] = decoder
        while len(self._open) > self._limit:
            self._open.popitem(last=False)[1].close()
        return pixels


_of_the_parent: list[object] = []  # never freed: freeing a converter waits for its threads, which a child has not


def _leave_to_the_parent(decoders: Decoders | None) -> None:
    if decoders is not None:
        _of_the_parent.append(decoders._open)
        decoders._open = OrderedDict()


class _Decoder:
    def __init__(self, path: Path, fps: float) -> None:
        import av

        from envs.episodes.video import RgbConverter

        self._path, self._fps = path, fps
        self._to_rgb = RgbConverter()
        try:
            self._container = av.open(str(path))
            self._stream = self._container.streams.video[0]
        except (OSError, av.FFmpegError, IndexError) as error:
            raise DatasetError(f"{path} cannot be decoded: {error}") from error
        self._stream.codec_context.thread_count = 1
        self._coming: Iterator[Any] = iter(())
        self._next = -1  # the frame that `_coming` gives next; -1 while nothing is coming

    def frame(self, wanted: int) -> NDArray[np.uint8]:
        import av

        try:
            if wanted != self._next:
                stamp_s = wanted / Fraction(self._fps).limit_denominator(1001)
                self._container.seek(round(stamp_s / (self._stream.time_base or 1)), stream=self._stream)
                self._coming = self._container.decode(self._stream)
            for frame in self._coming:
                place = frame.time * self._fps if frame.time is not None else float("nan")
                if abs(place - wanted) <= _SAME_FRAME:
                    self._next = wanted + 1
                    return self._to_rgb(frame)
                if not place < wanted:
                    break
        except (OSError, av.FFmpegError) as error:
            raise DatasetError(f"{self._path}: frame {wanted} cannot be decoded: {error}") from error
        raise DatasetError(f"{self._path} has no frame at {wanted / self._fps:.4f} s; it is cut short or has a gap")

    def close(self) -> None:
        self._container.close()


@dataclass(frozen=True)
class Film:
    """A video that is decoded at each use, addressed like an array (frames, height, width, 3)."""

    path: Path
    fps: float
    frames: int
    size: int | None  # edge of the squares that come out; None: as recorded
    decoders: Decoders = field(repr=False)

    def __len__(self) -> int:
        return self.frames

    def __getitem__(self, frame: int) -> NDArray[np.uint8]:
        pixels = self.decoders.frame(self.path, self.fps, frame)
        return pixels if self.size is None else resize_image(pixels, self.size)
