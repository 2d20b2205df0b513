"""Bring a LeRobot dataset that others made in: v2.1 or v3.0 becomes v3.0 with a robot and a stated pool."""

from __future__ import annotations

import json
import logging
import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from assets.robot import RobotSpec
from envs.scenario import Pool
from policies.dataset.channels import describe_robot, flat_names
from policies.dataset.columns import column_array
from policies.dataset.foreign import ForeignDataset, ForeignEpisode, open_foreign
from policies.dataset.reader import CAMERA_PREFIX, EPISODE_ID_COLUMN, POOL_COLUMN
from policies.errors import DatasetError

STATE, ACTION, VELOCITY = "observation.state", "action", "observation.velocity"
VELOCITY_SPAN = 3  # rows: long enough to average encoder steps, short enough to be a velocity (0.1 s at 30 Hz)
_GENERATED = ("timestamp", "frame_index", "episode_index", "index", "task_index")
_NUMBERS = {"float32": np.float32, "float64": np.float32, "int64": np.int64, "int32": np.int64, "bool": np.bool_}

_CHUNK_FILES = 1000

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ImportReport:
    """What an import made. `derived` names features that were computed, `left_out` those that were not taken."""

    source_version: str
    episodes: int
    frames: int
    pool: str
    robot: RobotSpec
    derived: tuple[str, ...]
    left_out: tuple[str, ...]


def import_dataset(source: Path, out: Path, pool: Pool, robot_name: str | None = None) -> ImportReport:
    """Copy a LeRobot dataset into our shape; the source is only read. Videos are copied as they are.

    Where there is no measured velocity, `observation.velocity` is derived from past and present measured positions.
    `meta/import.json` keeps the report.

    Raises:
        DatasetError: the source cannot be read or does not command joint positions, or `out` exists.
    """
    if out.exists():
        raise DatasetError(f"{out} exists already; remove it or name another place for the import")
    foreign = open_foreign(source)
    features, left_out = _numeric_features(foreign.info["features"])
    widths = [int(np.prod(features[name]["shape"])) if name in features else 0 for name in (STATE, ACTION)]
    if not foreign.episodes or widths[0] != widths[1] or widths[0] == 0:
        raise DatasetError(
            f"{source}: {len(foreign.episodes)} episodes, {STATE!r} with {widths[0]} numbers and {ACTION!r} with "
            f"{widths[1]}; an import needs both, one number a joint, joint positions"
        )
    derived = () if VELOCITY in features else (VELOCITY,)
    if derived:
        features[VELOCITY] = {**features[STATE], "dtype": "float32"}
    draft = out.with_name(out.name + ".draft")
    shutil.rmtree(draft, ignore_errors=True)
    try:
        columns = [_columns(episode, features, float(foreign.info["fps"])) for episode in foreign.episodes]
        robot = _robot(foreign, columns, robot_name)
        _write_data(draft, columns, robot.control_hz)
        _write_meta(draft, foreign, features, columns, robot, pool)
        frames = sum(len(rows[STATE]) for rows in columns)
        version = foreign.version
        report = ImportReport(version, len(columns), frames, pool.value, robot, derived, tuple(left_out))
        _write_json(draft / "meta" / "import.json", {**asdict(report), "robot": robot.digest, "source": source.name})
        draft.rename(out)
    except OSError as error:
        raise DatasetError(f"the import to {out} failed: {error}") from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    _log.info("imported %d episodes (%d frames) from %s as pool %s", report.episodes, frames, source, pool.value)
    return report


def _numeric_features(declared: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """Features that come along as numbers, and the names of what does not (images in parquet, text, depth)."""
    taken, left_out = {}, []
    for name, feature in declared.items():
        if feature["dtype"] in _NUMBERS and name not in _GENERATED:
            count = int(np.prod(feature["shape"]))
            names = list(flat_names(feature.get("names"), count)) if feature.get("names") else None
            dtype = np.dtype(_NUMBERS[feature["dtype"]]).name
            taken[name] = {"dtype": dtype, "shape": [count], "names": names}
        elif name not in _GENERATED and feature["dtype"] != "video":
            left_out.append(name)
    return taken, left_out


def _columns(episode: ForeignEpisode, features: Mapping[str, Any], fps: float) -> dict[str, NDArray[Any]]:
    rows: dict[str, NDArray[Any]] = {
        name: column_array(episode.table, name).astype(_NUMBERS[feature["dtype"]])
        for name, feature in features.items()
        if name in episode.table.column_names
    }
    missing = sorted(set(features) - set(rows) - {VELOCITY})
    if missing:
        raise DatasetError(f"episode {episode.index} has no column {', '.join(missing)}, though info.json declares it")
    if VELOCITY not in rows:
        rows[VELOCITY] = backward_velocity(rows[STATE], fps)
    rows["task_index"] = column_array(episode.table, "task_index").astype(np.int64)
    return rows


def backward_velocity(position: NDArray[Any], fps: float) -> NDArray[np.float32]:
    """Mean rate over the last `VELOCITY_SPAN` rows, from rows at and before each; zero in an episode's first row.

    Args:
        position: (rows, joints) of one episode.
    """
    now = np.arange(len(position))
    before = np.maximum(now - VELOCITY_SPAN, 0)
    elapsed_s = np.maximum(now - before, 1)[:, None] / fps
    return np.asarray((position[now] - position[before]) / elapsed_s, dtype=np.float32)


def _robot(foreign: ForeignDataset, columns: Sequence[Mapping[str, NDArray[Any]]], name: str | None) -> RobotSpec:
    declared = foreign.info["features"]
    state, action = (np.concatenate([rows[key] for rows in columns]) for key in (STATE, ACTION))
    owner = np.repeat(np.arange(len(columns)), [len(rows[STATE]) for rows in columns])
    cameras = [
        (key.removeprefix(CAMERA_PREFIX), int(feature["shape"][1]), int(feature["shape"][0]))
        for key, feature in declared.items()
        if feature["dtype"] == "video"
    ]
    names = flat_names(declared[ACTION].get("names") or declared[STATE].get("names"), action.shape[1])
    robot_name = name or str(foreign.info.get("robot_type") or foreign.root.name)
    same_episode = owner[1:] == owner[:-1]
    return describe_robot(
        re.sub(r"\W+", "_", robot_name.lower()), float(foreign.info["fps"]), names, state, action, same_episode, cameras
    )


def _write_data(root: Path, columns: Sequence[Mapping[str, NDArray[Any]]], fps: float) -> None:
    first_row = 0
    for index, rows in enumerate(columns):
        length = len(rows[STATE])
        generated: dict[str, NDArray[Any]] = {
            "timestamp": (np.arange(length) / fps).astype(np.float32),
            "frame_index": np.arange(length, dtype=np.int64),
            "episode_index": np.full(length, index, dtype=np.int64),
            "index": np.arange(first_row, first_row + length, dtype=np.int64),
        }
        arrays = {name: _arrow(values) for name, values in {**rows, **generated}.items()}
        _write_table(root / "data" / _file_name(index, "parquet"), pa.table(arrays))
        first_row += length


def _write_meta(
    root: Path,
    foreign: ForeignDataset,
    features: Mapping[str, Any],
    columns: Sequence[Mapping[str, NDArray[Any]]],
    robot: RobotSpec,
    pool: Pool,
) -> None:
    videos = {name: feature for name, feature in foreign.info["features"].items() if feature["dtype"] == "video"}
    number_of: dict[str, dict[Path, int]] = {key: {} for key in videos}
    rows, first_row = [], 0
    for index, (episode, values) in enumerate(zip(foreign.episodes, columns, strict=True)):
        length = len(values[STATE])
        row: dict[str, Any] = {
            "episode_index": index,
            "tasks": [foreign.tasks[number] for number in np.unique(values["task_index"])],
            "length": length,
            "data/chunk_index": index // _CHUNK_FILES,
            "data/file_index": index % _CHUNK_FILES,
            "dataset_from_index": first_row,
            "dataset_to_index": first_row + length,
            "meta/episodes/chunk_index": 0,
            "meta/episodes/file_index": 0,
            POOL_COLUMN: pool.value,
            EPISODE_ID_COLUMN: f"{foreign.root.resolve().name}/{episode.index:06d}",
        }
        for key, video in episode.videos.items():
            if video.path not in number_of[key]:
                number_of[key][video.path] = len(number_of[key])
                _copy(video.path, root / "videos" / key / _file_name(number_of[key][video.path], "mp4"))
            number = number_of[key][video.path]
            row[f"videos/{key}/chunk_index"], row[f"videos/{key}/file_index"] = divmod(number, _CHUNK_FILES)
            row[f"videos/{key}/from_timestamp"], row[f"videos/{key}/to_timestamp"] = video.from_s, video.to_s
        rows.append(row)
        first_row += length
    _write_table(root / "meta" / "episodes" / _file_name(0, "parquet"), pa.Table.from_pylist(rows))
    tasks = pd.DataFrame({"task_index": range(len(foreign.tasks))}, index=pd.Index(foreign.tasks, name="task"))
    tasks.to_parquet(root / "meta" / "tasks.parquet")
    _write_json(root / "meta" / "stats.json", {name: _statistics(name, columns) for name in features})
    _write_json(root / "meta" / "robot.json", robot.to_dict())
    generated = {
        name: {"dtype": "float32" if name == "timestamp" else "int64", "shape": [1], "names": None}
        for name in _GENERATED
    }
    info = {
        "codebase_version": "v3.0",
        "robot_type": robot.name,
        "total_episodes": len(rows),
        "total_frames": first_row,
        "total_tasks": len(foreign.tasks),
        "chunks_size": _CHUNK_FILES,
        "data_files_size_in_mb": 100,
        "video_files_size_in_mb": 200,
        "fps": foreign.info["fps"],
        "splits": {"train": f"0:{len(rows)}"},
        "data_path": "data/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet",
        "video_path": "videos/{video_key}/chunk-{chunk_index:03d}/file-{file_index:03d}.mp4" if videos else None,
        "features": {**features, **videos, **generated},
    }
    _write_json(root / "meta" / "info.json", info)


def _statistics(name: str, columns: Sequence[Mapping[str, NDArray[Any]]]) -> dict[str, list[float]]:
    values = np.concatenate([rows[name] for rows in columns]).astype(np.float64)
    values = values.reshape(len(values), -1)
    moments = {"min": values.min(0), "max": values.max(0), "mean": values.mean(0), "std": values.std(0)}
    quantiles = {f"q{percent:02d}": np.quantile(values, percent / 100, axis=0) for percent in (1, 10, 50, 90, 99)}
    return {**{key: value.tolist() for key, value in {**moments, **quantiles}.items()}, "count": [len(values)]}


def _arrow(values: NDArray[Any]) -> pa.Array:
    if values.ndim == 1 or values.shape[1] == 1:
        return pa.array(values.reshape(-1))
    return pa.FixedSizeListArray.from_arrays(pa.array(values.reshape(-1)), values.shape[1])


def _file_name(number: int, ending: str) -> str:
    chunk, file = divmod(number, _CHUNK_FILES)
    return f"chunk-{chunk:03d}/file-{file:03d}.{ending}"


def _write_table(path: Path, table: pa.Table) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, path)


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)


def _write_json(path: Path, content: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=2) + "\n")
