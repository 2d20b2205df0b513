"""Where the parts of a LeRobot v3 dataset lie, and what its tables look like on disk."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from envs.episodes.durable import replacing

CODEBASE_VERSION = "v3.0"
CHUNK_FILES = 1000
DATA_PATH = "data/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet"
VIDEO_PATH = "videos/{video_key}/chunk-{chunk_index:03d}/file-{file_index:03d}.mp4"
EPISODES_PATH = "meta/episodes/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet"
INFO_PATH = "meta/info.json"
STATS_PATH = "meta/stats.json"
TASKS_PATH = "meta/tasks.parquet"
ROBOT_PATH = "meta/robot.json"
IMPORT_PATH = "meta/import.json"  # only in what was imported
STANDARD_COLUMNS = {
    "timestamp": "float32",
    "frame_index": "int64",
    "episode_index": "int64",
    "index": "int64",
    "task_index": "int64",
}


def file_place(number: int) -> dict[str, int]:
    """The chunk and file index of the `number`-th file of a kind."""
    chunk, file = divmod(number, CHUNK_FILES)
    return {"chunk_index": chunk, "file_index": file}


def number_of_file(path: Path) -> int:
    """The inverse of `file_place`, for the path of a file.

    Raises:
        ValueError: the path is not one of `chunk-*/file-*`.
    """
    chunk, file = path.parent.name.removeprefix("chunk-"), path.stem.removeprefix("file-")
    return int(chunk) * CHUNK_FILES + int(file)


def arrow_column(values: NDArray[Any]) -> pa.Array:
    """Rows of one number as a scalar column, rows of more as a list of fixed size. `values` is (rows, numbers)."""
    if values.shape[1] == 1:
        return pa.array(values.reshape(-1))
    return pa.FixedSizeListArray.from_arrays(pa.array(values.reshape(-1)), values.shape[1])


def standard_columns(episode: int, first_row: int, fps: int, task_index: NDArray[np.int64]) -> dict[str, NDArray[Any]]:
    """The five columns that every LeRobot dataset has, each (rows, 1). `task_index` is (rows,)."""
    rows = np.arange(len(task_index), dtype=np.int64)
    columns: dict[str, NDArray[Any]] = {
        "timestamp": (rows / fps).astype(np.float32),
        "frame_index": rows,
        "episode_index": np.full(len(rows), episode, dtype=np.int64),
        "index": first_row + rows,
        "task_index": task_index,
    }
    return {name: values.reshape(-1, 1) for name, values in columns.items()}


def write_table(path: Path, table: pa.Table) -> None:
    """Write a table as one row group.

    Raises:
        OSError: it cannot be written.
    """
    pq.write_table(table, path, row_group_size=max(table.num_rows, 1))


def write_tasks(path: Path, tasks: Sequence[str]) -> None:
    """Put the texts of the tasks at `path`, in the order of their index. LeRobot wants them as the index of a frame.

    Raises:
        OSError: they cannot be written.
    """
    frame = pd.DataFrame(
        {"task_index": np.arange(len(tasks))}, index=pd.Index(list(tasks), name="task", dtype="object")
    )
    with replacing(path) as temporary:
        frame.to_parquet(temporary)


def info_fields(
    robot_type: str, fps: int, features: Mapping[str, Any], episodes: int, frames: int, tasks: int
) -> dict[str, Any]:
    """The contents of `info.json`."""
    has_video = any(feature["dtype"] == "video" for feature in features.values())
    return {
        "codebase_version": CODEBASE_VERSION,
        "robot_type": robot_type,
        "total_episodes": episodes,
        "total_frames": frames,
        "total_tasks": tasks,
        "chunks_size": CHUNK_FILES,
        "data_files_size_in_mb": 100,
        "video_files_size_in_mb": 200,
        "fps": fps,
        "splits": {"train": f"0:{episodes}"},
        "data_path": DATA_PATH,
        "video_path": VIDEO_PATH if has_video else None,
        "features": dict(features),
    }
