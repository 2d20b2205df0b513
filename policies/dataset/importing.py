"""Bring a LeRobot dataset that others made in: v2.1 or v3.0 becomes v3.0 with a robot and a stated pool."""

from __future__ import annotations

import logging
import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from assets.robot import RobotSpec
from envs.episodes.durable import cannot_write, write_json
from envs.scenario import Pool
from policies.dataset import layout
from policies.dataset.channels import VELOCITY_BEFORE, describe_robot, flat_names
from policies.dataset.columns import column_array
from policies.dataset.features import ACTION, STATE, VELOCITY, video_feature
from policies.dataset.film import Decoders
from policies.dataset.foreign import ForeignDataset, ForeignEpisode, open_foreign
from policies.dataset.foreign_films import check_films
from policies.dataset.meta import CAMERA_PREFIX, EPISODE_ID_COLUMN, POOL_COLUMN
from policies.dataset.statistics import Statistics, combined, image_statistics, numeric_statistics
from policies.dataset.stills import still_size, write_film
from policies.errors import DatasetError

_NUMBERS = {"float32": np.float32, "float64": np.float32, "int64": np.int64, "int32": np.int64, "bool": np.bool_}
_SAMPLED_IMAGES = 16  # of each episode, for their statistics

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
    """Copy a LeRobot dataset into our shape; the source is only read. Videos are copied as they are, and pictures that
    lie in the rows are encoded.

    Where there is no measured velocity, two are derived from measured positions: `observation.velocity` over the last
    row, and `observation.velocity_before` over the two rows before it; nothing later than a row enters them.
    `meta/import.json` keeps the report.

    Raises:
        DatasetError: the source cannot be read or does not command joint positions, or `out` or its draft exists.
    """
    if out.exists():
        raise DatasetError(f"{out} exists already; remove it or name another place for the import")
    foreign = open_foreign(source)
    check_films(foreign)
    features, left_out = _numeric_features(foreign.info["features"])
    widths = [int(np.prod(features[name]["shape"])) if name in features else 0 for name in (STATE, ACTION)]
    if not foreign.episodes or widths[0] != widths[1] or widths[0] == 0:
        raise DatasetError(
            f"{source}: {len(foreign.episodes)} episodes, {STATE!r} with {widths[0]} numbers and {ACTION!r} with "
            f"{widths[1]}; an import needs both, one number a joint, joint positions"
        )
    derived = () if VELOCITY in features else (VELOCITY, VELOCITY_BEFORE)
    features |= {name: {**features[STATE], "dtype": "float32"} for name in derived}
    draft = out.with_name(out.name + ".draft")
    try:
        draft.mkdir(parents=True)
    except FileExistsError as error:
        raise DatasetError(
            f"{draft} exists already, where an import is made ready; another one is at work or was broken off there. "
            "Remove it, or name another place for the import"
        ) from error
    except OSError as error:
        raise DatasetError(cannot_write(out, error)) from error
    try:
        columns = [_columns(foreign, episode, features, derived) for episode in foreign.episodes]
        robot = _robot(foreign, columns, robot_name)
        _write_data(draft, columns, foreign.info["fps"])
        _write_meta(draft, foreign, features, columns, robot, pool)
        frames = sum(len(rows[STATE]) for rows in columns)
        version = foreign.version
        report = ImportReport(version, len(columns), frames, pool.value, robot, derived, tuple(left_out))
        write_json(draft / layout.IMPORT_PATH, {**asdict(report), "robot": robot.digest, "source": source.name})
        draft.rename(out)
    except OSError as error:
        raise DatasetError(cannot_write(out, error)) from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    _log.info("imported %d episodes (%d frames) from %s as pool %s", report.episodes, frames, source, pool.value)
    return report


def _numeric_features(declared: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """Features that come along as numbers, and the names of what does not come along at all (text, depth)."""
    taken, left_out = {}, []
    for name, feature in declared.items():
        if feature["dtype"] in _NUMBERS and name not in layout.STANDARD_COLUMNS:
            count = int(np.prod(feature["shape"]))
            names = list(flat_names(feature.get("names"), count)) if feature.get("names") else None
            dtype = np.dtype(_NUMBERS[feature["dtype"]]).name
            taken[name] = {"dtype": dtype, "shape": [count], "names": names}
        elif name not in layout.STANDARD_COLUMNS and feature["dtype"] not in ("video", "image"):
            left_out.append(name)
    return taken, left_out


def _columns(
    foreign: ForeignDataset, episode: ForeignEpisode, features: Mapping[str, Any], derived: Sequence[str]
) -> dict[str, NDArray[Any]]:
    table, here, fps = episode.table, f"{foreign.root}: episode {episode.index}", float(foreign.info["fps"])
    declared = [name for name in features if name not in derived]
    stills = [name for name, feature in foreign.info["features"].items() if feature["dtype"] == "image"]
    missing = sorted({*declared, *stills} - set(table.column_names))
    if missing:
        raise DatasetError(f"{here} has no column {', '.join(missing)}, though info.json declares it")
    rows: dict[str, NDArray[Any]] = {}
    for name in declared:
        wanted, values = features[name], column_array(table, name).reshape(table.num_rows, -1)
        if [values.shape[1]] != wanted["shape"]:
            told = f"though info.json declares {wanted['shape'][0]}; correct that"
            raise DatasetError(f"{here} has {values.shape[1]} numbers of {name} a row, {told}")
        rows[name] = values.astype(_NUMBERS[wanted["dtype"]])
    if derived:
        rows[VELOCITY] = backward_velocity(rows[STATE], fps, newest=0, oldest=1)
        rows[VELOCITY_BEFORE] = backward_velocity(rows[STATE], fps, newest=1, oldest=3)
    of_task, tasks = column_array(table, "task_index").astype(np.int64), len(foreign.tasks)
    if not ((of_task >= 0) & (of_task < tasks)).all():
        told = f"rows of tasks {of_task.min()} to {of_task.max()}"
        raise DatasetError(f"{here} has {told}, but there are {tasks}, numbered from 0; fetch the dataset anew")
    rows["task_index"] = of_task.reshape(-1, 1)
    return rows


def backward_velocity(position: NDArray[Any], fps: float, newest: int, oldest: int) -> NDArray[np.float32]:
    """Mean rate between the positions `oldest` and `newest` rows before each row; zero where there are none yet.

    Args:
        position: (rows, joints) of one episode.
    """
    rows = np.arange(len(position))
    late, early = np.maximum(rows - newest, 0), np.maximum(rows - oldest, 0)
    elapsed_s = np.maximum(late - early, 1)[:, None] / fps
    return np.asarray((position[late] - position[early]) / elapsed_s, dtype=np.float32)


def _robot(foreign: ForeignDataset, columns: Sequence[Mapping[str, NDArray[Any]]], name: str | None) -> RobotSpec:
    declared = foreign.info["features"]
    state, action = (np.concatenate([rows[key] for rows in columns]) for key in (STATE, ACTION))
    owner = np.repeat(np.arange(len(columns)), [len(rows[STATE]) for rows in columns])
    cameras = [
        (key.removeprefix(CAMERA_PREFIX), int(feature["shape"][1]), int(feature["shape"][0]))
        for key, feature in _films(foreign).items()
    ]
    names = flat_names(declared[ACTION].get("names") or declared[STATE].get("names"), action.shape[1])
    robot_name = name or str(foreign.info.get("robot_type") or foreign.root.name)
    same_episode = owner[1:] == owner[:-1]
    return describe_robot(
        re.sub(r"\W+", "_", robot_name.lower()), float(foreign.info["fps"]), names, state, action, same_episode, cameras
    )


def _films(foreign: ForeignDataset) -> dict[str, Any]:
    """The declarations of all cameras, as they are after the import."""
    films, fps = {}, float(foreign.info["fps"])
    for name, feature in foreign.info["features"].items():
        if feature["dtype"] == "video":
            films[name] = feature
        elif feature["dtype"] == "image":
            films[name] = video_feature(*still_size(foreign.episodes[0].table.column(name)), fps)
    return films


def _write_data(root: Path, columns: Sequence[Mapping[str, NDArray[Any]]], fps: int) -> None:
    first_row = 0
    for index, rows in enumerate(columns):
        arrays = {**rows, **layout.standard_columns(index, first_row, fps, rows["task_index"].reshape(-1))}
        table = pa.table({name: layout.arrow_column(values) for name, values in arrays.items()})
        layout.write_table(_place(root, layout.DATA_PATH, index), table)
        first_row += len(rows[STATE])


def _write_meta(
    root: Path,
    foreign: ForeignDataset,
    features: Mapping[str, Any],
    columns: Sequence[Mapping[str, NDArray[Any]]],
    robot: RobotSpec,
    pool: Pool,
) -> None:
    films, fps = _films(foreign), int(foreign.info["fps"])
    number_of: dict[str, dict[Path, int]] = {key: {} for key in films}
    rows: list[dict[str, Any]] = []
    shown: dict[str, list[_Shown]] = {key: [] for key in films}
    first_row = 0
    for index, (episode, values) in enumerate(zip(foreign.episodes, columns, strict=True)):
        length = len(values[STATE])
        row: dict[str, Any] = {
            "episode_index": index,
            "tasks": [foreign.tasks[number] for number in np.unique(values["task_index"])],
            "length": length,
            **{f"data/{key}": number for key, number in layout.file_place(index).items()},
            "dataset_from_index": first_row,
            "dataset_to_index": first_row + length,
            "meta/episodes/chunk_index": 0,
            "meta/episodes/file_index": 0,
            POOL_COLUMN: pool.value,
            EPISODE_ID_COLUMN: f"{foreign.root.resolve().name}/{episode.index:06d}",
        }
        for key in films:
            video = episode.videos.get(key)
            # Several episodes may lie in one file, which then stays one file.
            number = index if video is None else number_of[key].setdefault(video.path, len(number_of[key]))
            target = _place(root, layout.VIDEO_PATH, number, key)
            if video is None:
                write_film(episode.table.column(key), fps, target)
            elif not target.exists():
                shutil.copyfile(video.path, target)
            source = target if video is None else video.path
            from_s, to_s = (0.0, length / fps) if video is None else (video.from_s, video.to_s)
            row |= {f"videos/{key}/{part}": place for part, place in layout.file_place(number).items()}
            row |= {f"videos/{key}/from_timestamp": from_s, f"videos/{key}/to_timestamp": to_s}
            shown[key].append(_Shown(source, round(from_s * fps), length))
        rows.append(row)
        first_row += length
    layout.write_table(_place(root, layout.EPISODES_PATH, 0), pa.Table.from_pylist(rows))
    layout.write_tasks(root / layout.TASKS_PATH, foreign.tasks)
    whole = {name: combined([numeric_statistics(episode[name]) for episode in columns]) for name in features}
    whole |= {key: _of_images(episodes, fps) for key, episodes in shown.items()}
    write_json(root / layout.STATS_PATH, {n: {k: v.tolist() for k, v in found.items()} for n, found in whole.items()})
    write_json(root / layout.ROBOT_PATH, robot.to_dict())
    standard = {name: {"dtype": kind, "shape": [1], "names": None} for name, kind in layout.STANDARD_COLUMNS.items()}
    declared = {**features, **films, **standard}
    counts = (len(rows), first_row, len(foreign.tasks))
    write_json(root / layout.INFO_PATH, layout.info_fields(robot.name, foreign.info["fps"], declared, *counts))


@dataclass(frozen=True)
class _Shown:
    """Where the frames of one episode and camera are. Not the copy: what cannot be decoded is named by its own path."""

    film: Path
    first: int
    length: int


def _of_images(episodes: Sequence[_Shown], fps: int) -> Statistics:
    """Of a sample of each episode's frames."""
    decoders, parts = Decoders(), []
    for shown in episodes:
        chosen = shown.first + np.unique(np.linspace(0, shown.length - 1, _SAMPLED_IMAGES).round().astype(int))
        parts.append(image_statistics(np.stack([decoders.frame(shown.film, fps, int(frame)) for frame in chosen])))
    return combined(parts)


def _place(root: Path, pattern: str, number: int, video_key: str = "") -> Path:
    path = root / pattern.format(**layout.file_place(number), video_key=video_key)
    path.parent.mkdir(parents=True, exist_ok=True)
    return path
