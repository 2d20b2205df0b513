"""Checks one video file of a dataset."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from policies.dataset.film import film_track
from policies.dataset.findings import GRID_TOLERANCE_S, Finding
from policies.errors import DatasetError


def check_video(
    path: Path, place: str, key: str, shape: Sequence[int], fps: int, rows: Sequence[dict[str, Any]]
) -> Iterator[Finding]:
    """Whether one video file holds the frames of its episodes, each where the rate puts it.

    Args:
        place: how findings name the file.
        key: the video's feature.
        shape: declared height, width and channels.
        rows: of the episodes table, those in this file.
    """
    try:
        track = film_track(path)
    except DatasetError as error:
        yield Finding(place, "unreadable", str(error))
        return
    rate, size, stamps = track.rate, (track.height, track.width), track.stamps_s
    if size != tuple(shape[:2]):
        yield Finding(place, "shape", f"frames are {size}, declared are {shape[:2]}")
    if rate != fps:
        yield Finding(place, "video grid", f"the average rate is {rate}, the dataset's is {fps}")
    wanted = sum(int(row["length"]) for row in rows)
    if len(stamps) != wanted:
        yield Finding(place, "video frames", f"{len(stamps)} frames for {wanted} rows")
    grid = np.arange(len(stamps)) / fps
    off = np.abs(np.array(stamps) - grid) >= GRID_TOLERANCE_S
    if off.any():
        frame = int(np.argmax(off))
        yield Finding(place, "video grid", f"frame {frame} is at {stamps[frame]:.4f} s, not {grid[frame]:.4f} s")
    frames_before = 0
    for row in sorted(rows, key=lambda episode: int(episode["episode_index"])):
        from_s = row[f"videos/{key}/from_timestamp"]
        if abs(from_s - frames_before / fps) >= GRID_TOLERANCE_S:
            begins_s = frames_before / fps
            message = f"episode {row['episode_index']} is said to begin at {from_s} s, its frames do at {begins_s} s"
            yield Finding(place, "video grid", message)
        frames_before += int(row["length"])
