"""Decoded videos on the disk, within a budget."""

from __future__ import annotations

import hashlib
import logging
import os
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from envs.senses.resize import RESIZE_NAME, resize_image
from policies.dataset.film import Decoders, Film, FilmShape, decode_video, film_shape
from policies.dataset.frames import Frames, Progress
from policies.dataset.mapped import mapped_array
from policies.errors import DatasetError

DEFAULT_BUDGET_BYTES = 20 * 10**9
_PIXELS_NAME = f"{RESIZE_NAME}, rgb-2"  # changes whenever the cached pixels do: by resizing or by colour conversion

_log = logging.getLogger(__name__)


class FrameCache:
    """Decoded videos as arrays that are mapped into memory, all together within `budget_bytes`.

    Where the budget is short, what this cache object was not asked for goes first, the longest unused before the
    others; videos that still do not fit are decoded at every use, and a warning says so.
    """

    def __init__(self, folder: Path | None = None, budget_bytes: int = DEFAULT_BUDGET_BYTES) -> None:
        """`folder` None keeps the frames of each dataset in its own `.cache/frames`."""
        self.folder, self.budget_bytes = folder, budget_bytes
        self._folders: set[Path] = set()
        self._claimed: dict[Path, int] = {}  # the arrays that this object gave out, with their bytes
        self._decoders = Decoders()

    def videos(
        self, videos: Sequence[Path], fps: float, size: int | None, beside: Path, progress: Progress | None = None
    ) -> list[Frames]:
        """Each video as (frames, height, width, 3); what is not cached yet is decoded first.

        Args:
            size: edge of the squares that the frames become; None leaves them as recorded.
            beside: the dataset's folder.

        Raises:
            DatasetError: a video is absent, broken or not on the 1/fps grid, or the cache cannot be written.
        """
        folder = self.folder or beside / ".cache" / "frames"
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise DatasetError(f"cannot make the image cache {folder} ({error}); name a writable folder") from error
        self._folders.add(folder)
        edge = "full" if size is None else str(size)
        places = [folder / f"{_content_key(video)}-{edge}.npy" for video in videos]
        fitting = self._fitting(videos, places, size)

        def load(video: Path, place: Path) -> Frames:
            if place in fitting:
                return _cached_video(video, fps, size, place)
            return Film(video, fps, film_shape(video).frames, size, self._decoders)

        arrays: list[Frames] = []
        with ThreadPoolExecutor(max_workers=min(os.cpu_count() or 1, 8)) as workers:
            for array in workers.map(load, videos, places):
                arrays.append(array)
                if progress is not None:
                    progress(len(arrays), len(videos))
        return arrays

    def _fitting(self, videos: Sequence[Path], places: Sequence[Path], size: int | None) -> set[Path]:
        """The places of those videos that may be cached; room is made for them."""
        fitting, asked, left_over = set(), 0, 0
        for video, place in zip(videos, places, strict=True):
            held = _stat_or_none(place)
            needed = held.st_size if held is not None else _array_bytes(film_shape(video), size)
            asked += 0 if place in self._claimed else needed
            if place in self._claimed or sum(self._claimed.values()) + needed <= self.budget_bytes:
                self._claimed[place] = needed
                fitting.add(place)
            else:
                left_over += 1
        if left_over:
            _log.warning(
                "%d of %d videos do not fit the image cache of %.1f GB and are decoded at every use, which is slow; "
                "all of these would need %.1f GB more than what it holds: allow more, or use fewer cameras, fewer "
                "episodes or smaller images",
                left_over,
                len(places),
                self.budget_bytes / 1e9,
                asked / 1e9,
            )
        self._make_room()
        return fitting

    def _make_room(self) -> None:
        """Remove what nobody asked this object for, until the rest fits."""
        others = sorted(
            (stat.st_atime_ns, stat.st_size, path)
            for folder in self._folders
            for path in folder.glob("*.npy")
            if path not in self._claimed and (stat := _stat_or_none(path)) is not None
        )
        held = sum(self._claimed.values()) + sum(bytes_ for _, bytes_, _ in others)
        for _, bytes_, path in others:
            if held <= self.budget_bytes:
                break
            # Who has it mapped keeps it; the disk has it back when they end.
            path.unlink(missing_ok=True)
            held -= bytes_
            _log.info("removed %s from the image cache, which holds %.1f GB", path, self.budget_bytes / 1e9)


def _array_bytes(shape: FilmShape, size: int | None) -> int:
    pixels = shape.height * shape.width if size is None else size * size
    return 3 * shape.frames * pixels


def _stat_or_none(path: Path) -> os.stat_result | None:
    try:
        return path.stat()
    except OSError:  # never there, or another process made room too
        return None


def _cached_video(video: Path, fps: float, size: int | None, place: Path) -> NDArray[np.uint8]:
    if place.exists():
        os.utime(place, ns=(time.time_ns(), place.stat().st_mtime_ns))  # many disks note no reading by themselves
        held = _mapped(place, size)
        if held is not None:
            return held
        _log.warning("%s of the image cache is damaged; its video is decoded again", place)
    # A reader of the same cache, now or after a crash, must find a whole file or none; and two threads may be at
    # two videos of the same content.
    draft = place.with_name(f"{place.name}.{os.getpid()}-{threading.get_ident()}.draft")
    try:
        _decode_into(draft, video, fps, size)
        draft.replace(place)
    except OSError as error:
        raise DatasetError(f"cannot write the image cache {place}: {error}") from error
    finally:
        draft.unlink(missing_ok=True)
    made = _mapped(place, size)
    if made is None:
        raise DatasetError(f"the image cache {place} does not keep what is written to it; name another folder")
    return made


def _mapped(place: Path, size: int | None) -> NDArray[np.uint8] | None:
    """What the cache holds at `place`; None where that is no array of images. The video is not opened for it."""
    held = mapped_array(place)
    if held is None or held.dtype != np.uint8 or held.ndim != 4 or held.shape[3] != 3:
        return None
    return held if size is None or held.shape[1:3] == (size, size) else None


def _decode_into(draft: Path, video: Path, fps: float, size: int | None) -> None:
    shape = film_shape(video)
    height, width = (shape.height, shape.width) if size is None else (size, size)
    header = {"descr": "|u1", "fortran_order": False, "shape": (shape.frames, height, width, 3)}
    count = 0
    # Written and not mapped: a disk that is full is then an error and no signal.
    with draft.open("wb") as file:
        np.lib.format.write_array_header_1_0(file, header)
        for pixels in decode_video(video, fps):
            count += 1
            file.write((pixels if size is None else resize_image(pixels, size)).tobytes())
    if count != shape.frames:
        raise DatasetError(f"{video} decodes to {count} frames, its header counts {shape.frames}; it is damaged")


def _content_key(path: Path) -> str:
    try:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, lambda: hashlib.blake2b(_PIXELS_NAME.encode(), digest_size=16))
    except OSError as error:
        raise DatasetError(f"video {path} cannot be read: {error}") from error
    return digest.hexdigest()
