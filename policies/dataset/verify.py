"""Checks a LeRobot v3 dataset for the damage that loaders do not see."""

from __future__ import annotations

import json
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from policies.dataset import layout
from policies.dataset.findings import Finding, Kind
from policies.dataset.verify_meta import (
    EPISODES,
    check_episodes,
    check_info,
    check_robot,
    check_statistics,
    check_tasks,
)
from policies.dataset.verify_rows import RowCheck
from policies.dataset.verify_video import check_video
from policies.errors import DatasetError


def verify_dataset(root: Path | str) -> list[Finding]:
    """Everything that is wrong with a dataset; an empty list says that it is sound.

    Works on any LeRobot v3 dataset, also with several episodes in a file. Every row and the header of every video
    frame is looked at; pixels are not.

    Raises:
        DatasetError: there is no LeRobot dataset at all.
    """
    return list(_Inspection(Path(root)).findings())


class _Inspection:
    def __init__(self, root: Path) -> None:
        self._root = root
        try:
            self._info = json.loads((root / layout.INFO_PATH).read_text())
            self._features: dict[str, Any] = {name: dict(about) for name, about in self._info["features"].items()}
            self._videos = [name for name, feature in self._features.items() if feature["dtype"] == "video"]
        except FileNotFoundError as error:
            raise DatasetError(f"{error.filename} does not exist; give the root of a LeRobot v3 dataset") from error
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise DatasetError(
                f"{root / layout.INFO_PATH} is not that of a LeRobot dataset: {error!r}; restore it from a copy, or "
                "remove the dataset and build or import it again"
            ) from error

    def findings(self) -> Iterator[Finding]:
        about_info = list(check_info(self._info))
        yield from about_info
        if str(self._info.get("codebase_version")).startswith(("v1.", "v2.")):
            return  # the rest lies elsewhere
        if any(found.kind == "shape" for found in about_info):
            return  # there is nothing to hold the rows and the videos against
        yield from check_robot(self._root, self._info)
        fps = None if any(found.kind == "rate" for found in about_info) else int(self._info["fps"])
        tasks = yield from self._tasks()
        episodes = yield from self._episodes()
        data = sorted(self._root.glob("data/*/*.parquet"))
        about_episodes = list(check_episodes(episodes, _row_count(data)))
        yield from about_episodes
        are_a_guide = episodes and not any(found.kind in ("range", "columns", "index") for found in about_episodes)
        starts = [int(row["dataset_from_index"]) for row in episodes] if are_a_guide else None
        stored = {name: feature for name, feature in self._features.items() if name not in self._videos}
        rows = RowCheck(stored, fps, starts, tasks)
        for path in data:
            table = yield from self._read(path)
            yield from rows.file(self._name(path), table)
        yield from self._check_totals(episodes, rows, tasks)
        yield from check_statistics(self._root, self._features, rows.trusted_moments())
        lengths = rows.rows_of_episode if rows.is_whole and starts is None else {}
        for key in self._videos:
            yield from self._check_videos(key, episodes, lengths, rows.fps)
        if any(self._root.glob("images/*/*/*")):
            yield Finding("images", "left over", "a recording was not finished: its images are not in a video yet")

    def _tasks(self) -> Generator[Finding, None, int | None]:
        path = self._root / layout.TASKS_PATH
        table = yield from self._read(path)
        if table is None:
            return None
        yield from check_tasks(table)
        return int(table.num_rows)

    def _episodes(self) -> Generator[Finding, None, list[dict[str, Any]]]:
        episodes: list[dict[str, Any]] = []
        for path in sorted(self._root.glob("meta/episodes/*/*.parquet")):
            table = yield from self._read(path)
            episodes += table.to_pylist() if table is not None else []
        return episodes

    def _read(self, path: Path) -> Generator[Finding, None, pa.Table | None]:
        """A table, or None and a finding. Used with `yield from`."""
        try:
            return pq.ParquetFile(path).read()
        except FileNotFoundError:
            yield self._finding(path, "missing", "there is no such file")
        except (OSError, pa.ArrowException) as error:
            yield self._finding(path, "unreadable", str(error).splitlines()[0])
        return None

    def _check_totals(self, episodes: list[dict[str, Any]], rows: RowCheck, tasks: int | None) -> Iterator[Finding]:
        totals = {"total_episodes": len(episodes), "total_frames": rows.rows}
        totals |= {} if tasks is None else {"total_tasks": tasks}
        for name, found in totals.items():
            if self._info.get(name) != found:
                yield Finding(layout.INFO_PATH, "count", f"{name} is {self._info.get(name)}, the files hold {found}")
        for number, row in enumerate(episodes):
            if rows.is_whole and row.get("episode_index") not in rows.rows_of_episode:
                message = f"data/ holds no row of episode {row.get('episode_index')}"
                yield Finding(f"{EPISODES}, row {number}", "missing", message)

    def _check_videos(
        self, key: str, episodes: list[dict[str, Any]], lengths: dict[int, int], fps: int | None
    ) -> Iterator[Finding]:
        used: dict[Path, list[dict[str, Any]]] = {}
        for number, row in enumerate(episodes):
            try:
                place = {part: row[f"videos/{key}/{part}"] for part in ("chunk_index", "file_index")}
                length = lengths.get(row["episode_index"], row["dataset_to_index"] - row["dataset_from_index"])
                path = self._root / layout.VIDEO_PATH.format(video_key=key, **place)
                used.setdefault(path, []).append({**row, "length": length})
            except (KeyError, TypeError, ValueError) as error:
                yield Finding(f"{EPISODES}, row {number}", "columns", f"it does not say where {key} is ({error!r})")
        for path in sorted(set(self._root.glob(f"videos/{key}/*/*.mp4")) - set(used)):
            yield self._finding(path, "left over", "no episode uses this file")
        for path, rows in used.items():
            if not path.exists():
                yield self._finding(path, "missing", "there is no such file")
            elif fps is not None:
                yield from check_video(path, self._name(path), key, self._features[key]["shape"], fps, rows)

    def _finding(self, path: Path, kind: Kind, message: str) -> Finding:
        return Finding(self._name(path), kind, message)

    def _name(self, path: Path) -> str:
        return str(path.relative_to(self._root))


def _row_count(paths: list[Path]) -> int | None:
    """Rows in all files together; None where one cannot be read."""
    try:
        return sum(int(pq.read_metadata(path).num_rows) for path in paths)
    except (OSError, pa.ArrowException):
        return None
