"""LeRobot datasets that others made, of format v2.1 and v3.0, episode by episode."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from policies.dataset import layout
from policies.dataset.columns import read_parquet, read_tables
from policies.dataset.foreign_info import read_foreign_info
from policies.dataset.reader import open_dataset
from policies.errors import DatasetError


@dataclass(frozen=True)
class ForeignVideo:
    """Where one episode's frames of one camera are."""

    path: Path
    from_s: float
    to_s: float


@dataclass(frozen=True)
class ForeignEpisode:
    """One episode: its rows, its tasks by task_index, and its videos by feature name."""

    index: int
    table: pa.Table
    videos: Mapping[str, ForeignVideo]


@dataclass(frozen=True)
class ForeignDataset:
    """A dataset before import. `tasks` are in the order of `task_index`."""

    root: Path
    version: str
    info: Mapping[str, Any]
    tasks: tuple[str, ...]
    episodes: tuple[ForeignEpisode, ...]


def open_foreign(root: Path) -> ForeignDataset:
    """Open a LeRobot dataset of format v2.0, v2.1 or v3.x.

    Raises:
        DatasetError: this is none of them, or a part of it is absent or damaged.
    """
    info = read_foreign_info(root)
    version = str(info["codebase_version"])
    videos = [name for name, feature in info["features"].items() if feature["dtype"] == "video"]
    return (_open_v2 if version.startswith("v2.") else _open_v3)(root, version, info, videos)


def _open_v2(root: Path, version: str, info: Mapping[str, Any], videos: list[str]) -> ForeignDataset:
    fps = float(info["fps"])
    told = root / "meta" / "tasks.jsonl"
    with _understood(told):
        tasks = {int(row["task_index"]): str(row["task"]) for row in _json_lines(told)}
    told = root / "meta" / "episodes.jsonl"
    with _understood(told):
        lengths = [(int(row["episode_index"]), int(row["length"])) for row in _json_lines(told)]
    episodes = []
    for index, length in lengths:
        place = {"episode_chunk": index // int(info.get("chunks_size", 1000)), "episode_index": index}
        table = read_parquet(root / str(info["data_path"]).format(**place))
        if table.num_rows != length:
            raise DatasetError(f"{root}: episode {index} has {table.num_rows} rows, its metadata says {length}")
        paths = {key: root / str(info["video_path"]).format(video_key=key, **place) for key in videos}
        here = {key: ForeignVideo(path, 0.0, length / fps) for key, path in paths.items()}
        episodes.append(ForeignEpisode(index, table, here))
    return ForeignDataset(root, version, info, _in_order(root, tasks), tuple(episodes))


def _open_v3(root: Path, version: str, info: Mapping[str, Any], videos: list[str]) -> ForeignDataset:
    source = open_dataset(root, purpose="evaluation", mapped=False)
    table = read_tables(root / "data")
    rows = read_parquet(root / layout.TASKS_PATH).to_pylist()
    tasks: dict[int, str] = {}
    with _understood(root / layout.TASKS_PATH):
        # pandas names an index that has no name "__index_level_0__"; the text is whatever is not the number.
        for row in rows:
            text, *_ = (value for name, value in row.items() if name != "task_index")
            tasks[int(row["task_index"])] = str(text)
    episodes = []
    for episode in source.episodes:
        here = {}
        for key in videos:
            with _understood(f"{root}/meta/episodes, episode {episode.index}"):
                place = {part: int(episode.columns[f"videos/{key}/{part}"]) for part in ("chunk_index", "file_index")}
                start_s = float(episode.columns[f"videos/{key}/from_timestamp"])
            path = root / str(info["video_path"]).format(video_key=key, **place)
            here[key] = ForeignVideo(path, start_s, start_s + episode.length / source.fps)
        episodes.append(ForeignEpisode(episode.index, table.slice(episode.start, episode.length), here))
    return ForeignDataset(root, version, info, _in_order(root, tasks), tuple(episodes))


def _in_order(root: Path, tasks: Mapping[int, str]) -> tuple[str, ...]:
    if sorted(tasks) != list(range(len(tasks))):
        raise DatasetError(f"{root}: tasks are numbered {sorted(tasks)}, expected 0 to {len(tasks) - 1}")
    return tuple(tasks[index] for index in range(len(tasks)))


@contextmanager
def _understood(place: Path | str) -> Iterator[None]:
    try:
        yield
    except (LookupError, TypeError, ValueError) as error:
        raise DatasetError(f"{place} is not as LeRobot writes it ({error!r}); fetch it anew") from error


def _json_lines(path: Path) -> list[dict[str, Any]]:
    try:
        return [json.loads(line) for line in path.read_text().splitlines() if line.strip()]
    except (OSError, ValueError) as error:
        raise DatasetError(f"{path} cannot be read: {error}") from error
