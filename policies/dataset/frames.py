"""Camera frames at the learning size: each video is decoded once, then read from a cached array."""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from envs.senses.resize import RESIZE_NAME, resize_image
from policies.errors import DatasetError

Progress = Callable[[int, int], None]  # (videos done, videos in all)

_PIXELS_NAME = f"{RESIZE_NAME}, rgb-2"  # changes whenever the cached pixels do: by resizing or by colour conversion


@dataclass(frozen=True)
class FrameStore:
    """The frames of one camera, addressed by dataset row; the pixels stay on disk until they are asked for."""

    size: int
    files: tuple[NDArray[np.uint8], ...]  # each (frames, size, size, 3)
    file_of_row: NDArray[np.int32]  # (rows,); -1 where no frame is held
    frame_of_row: NDArray[np.int32]  # (rows,)

    def subset(self, rows: NDArray[np.intp]) -> FrameStore:
        """The frames of `rows`, renumbered from 0."""
        return FrameStore(self.size, self.files, self.file_of_row[rows], self.frame_of_row[rows])

    @staticmethod
    def concatenate(stores: Sequence[FrameStore]) -> FrameStore:
        """Several stores of one size as one, the rows of each behind those of the one before."""
        first_file = np.cumsum([0, *(len(store.files) for store in stores)])
        pairs = list(zip(stores, first_file, strict=False))
        return FrameStore(
            stores[0].size,
            tuple(file for store in stores for file in store.files),
            np.concatenate([np.where(store.file_of_row < 0, -1, store.file_of_row + first) for store, first in pairs]),
            np.concatenate([store.frame_of_row for store in stores]),
        )

    def gather(self, rows: NDArray[np.intp]) -> NDArray[np.uint8]:
        """Frames of `rows` (batch,) as (batch, size, size, 3)."""
        batch = np.empty((len(rows), self.size, self.size, 3), dtype=np.uint8)
        places = zip(self.file_of_row[rows].tolist(), self.frame_of_row[rows].tolist(), strict=True)
        for slot, (file, frame) in enumerate(places):
            if file < 0:
                raise DatasetError(f"row {int(rows[slot])} has no frame here; select the episode that holds it first")
            batch[slot] = self.files[file][frame]
        return batch


def cached_videos(
    videos: Sequence[Path], fps: float, size: int, cache: Path, progress: Progress | None = None
) -> list[NDArray[np.uint8]]:
    """Each video as (frames, size, size, 3), memory-mapped from `cache`; what is not there yet is decoded first.

    Raises:
        DatasetError: a video is absent, broken or not on the 1/fps grid, or the cache cannot be written.
    """
    try:
        cache.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DatasetError(f"cannot make the image cache {cache} ({error}); name a writable cache folder") from error

    def load(video: Path) -> NDArray[np.uint8]:
        return _cached_video(video, fps, size, cache)

    arrays = []
    with ThreadPoolExecutor(max_workers=min(os.cpu_count() or 1, 8)) as workers:
        for array in workers.map(load, videos):
            arrays.append(array)
            if progress is not None:
                progress(len(arrays), len(videos))
    return arrays


def decode_video(path: Path, fps: float) -> Iterator[NDArray[np.uint8]]:
    """RGB frames of a video in order, each (height, width, 3).

    Raises:
        DatasetError: the video is absent or broken, or frame k is not at k / fps.
    """
    import av

    from envs.episodes.video import RgbConverter

    to_rgb = RgbConverter()
    try:
        with av.open(str(path)) as container:
            stream = container.streams.video[0]
            stream.codec_context.thread_count = 1  # one thread a video: several videos are decoded side by side
            for index, frame in enumerate(container.decode(stream)):
                stamp_s = frame.time if frame.time is not None else float("nan")
                if not abs(stamp_s * fps - index) <= 0.1:
                    raise DatasetError(
                        f"{path}: frame {index} is stamped {stamp_s:.4f} s, but at {fps:g} fps it belongs at "
                        f"{index / fps:.4f} s; the video has a gap or another frame rate"
                    )
                yield to_rgb(frame)
    except (OSError, av.FFmpegError, IndexError) as error:
        raise DatasetError(f"{path} cannot be decoded: {error}") from error


def _cached_video(video: Path, fps: float, size: int, cache: Path) -> NDArray[np.uint8]:
    place = cache / f"{_content_key(video)}-{size}.npy"
    if not place.exists():
        frames = np.stack([resize_image(frame, size) for frame in decode_video(video, fps)] or [_no_frames(video)])
        # A reader of the same cache, now or after a crash, must find a whole file or none; and two threads may be at
        # two videos of the same content.
        draft = place.with_name(f"{place.name}.{os.getpid()}-{threading.get_ident()}.draft")
        try:
            with draft.open("wb") as file:
                np.save(file, frames)
            draft.replace(place)
        except OSError as error:
            draft.unlink(missing_ok=True)
            raise DatasetError(f"cannot write the image cache {place}: {error}") from error
    # A plain view: indexing a memmap object itself costs several times more.
    return np.asarray(np.load(place, mmap_mode="r"))


def _no_frames(video: Path) -> NDArray[np.uint8]:
    raise DatasetError(f"{video} holds no frame")


def _content_key(path: Path) -> str:
    try:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, lambda: hashlib.blake2b(_PIXELS_NAME.encode(), digest_size=16))
    except OSError as error:
        raise DatasetError(f"video {path} cannot be read: {error}") from error
    return digest.hexdigest()
