"""Whether each row has the image that was recorded with it: in our reader, and in LeRobot's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from envs.twin.frame_counter import read_time
from experiments.bench.read_peer import BLOCK
from experiments.bench.read_recordings import CAMERAS, shown_s
from policies.dataset.frame_cache import FrameCache
from policies.dataset.meta import CAMERA_PREFIX
from policies.dataset.reader import LeRobotDataset

_SAME_S = 0.0006  # the strip counts milliseconds
_SAME_LEVEL = 0.06  # of 1: two programs convert colours differently; a cell of the strip that flips is far more


def our_frames(dataset: LeRobotDataset, cache: FrameCache) -> tuple[NDArray[np.bool_], dict[str, NDArray[np.float32]]]:
    """Which rows show what they should in both cameras, (rows,), and all images as squares' means, (rows, 3, h, w)."""
    is_right = np.ones(dataset.num_rows, dtype=bool)
    means = {}
    for place, camera in enumerate(CAMERAS):
        store = dataset.frames(camera, None, cache=cache)
        squares = []
        for episode in dataset.episodes:
            for step, row in enumerate(range(episode.start, episode.stop)):
                pixels = store.gather(np.array([row]))[0]
                wanted_s = shown_s(episode.index, step, place)
                read_s = read_time(pixels, near_s=wanted_s)
                is_right[row] &= read_s is not None and abs(read_s - wanted_s) < _SAME_S
                squares.append(_means(pixels))
        means[CAMERA_PREFIX + camera] = np.stack(squares)
    return is_right, means


def their_frames(
    dataset: LeRobotDataset, loaded: Path, ours: dict[str, NDArray[np.float32]], is_right: NDArray[np.bool_]
) -> NDArray[np.bool_]:  # (rows,)
    """Which rows LeRobot gives as they are: images, numbers, times and the text of the task.

    Args:
        loaded: what `read_peer.py load` wrote.
        ours: images as means of squares, of rows that are known to be right where `is_right`.
    """
    texts = _texts(dataset)
    with np.load(loaded) as rows:
        if len(rows["index"]) != dataset.num_rows:
            return np.zeros(dataset.num_rows, dtype=bool)
        agrees = is_right.copy()
        for name, means in ours.items():
            agrees &= np.abs(rows[name] - means).max(axis=(1, 2, 3)) < _SAME_LEVEL
        for name in set(dataset.features) - set(ours):
            wanted = dataset.column(name).astype(rows[name].dtype)  # LeRobot gives float64 as float32
            agrees &= (rows[name].reshape(wanted.shape) == wanted).reshape(len(wanted), -1).all(axis=1)
        agrees &= rows["task"] == texts[dataset.column("task_index")]
    return np.asarray(agrees)


def _texts(dataset: LeRobotDataset) -> NDArray[Any]:
    import pandas as pd

    return np.array(pd.read_parquet(dataset.root / "meta" / "tasks.parquet").index.to_list())


def _means(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:  # (3, height / BLOCK, width / BLOCK)
    height, width = (edge // BLOCK for edge in pixels.shape[:2])
    cut = pixels[: height * BLOCK, : width * BLOCK].reshape(height, BLOCK, width, BLOCK, 3).astype(np.float32)
    return np.asarray(cut.mean(axis=(1, 3)).transpose(2, 0, 1) / 255.0, dtype=np.float32)
