"""Checks a LeRobot v3 dataset for the damage that loaders do not see."""

from __future__ import annotations

import json
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from policies.dataset import layout
from policies.dataset.columns import column_array
from policies.dataset.findings import GRID_TOLERANCE_S, Finding, Kind
from policies.dataset.verify_video import check_video
from policies.errors import DatasetError


def verify_dataset(root: Path | str) -> list[Finding]:
    """Everything that is wrong with a dataset; an empty list says that it is sound.

    Works on any LeRobot v3 dataset, also with several episodes in a file.

    Raises:
        DatasetError: there is no LeRobot v3 dataset at all.
    """
    return list(_Inspection(Path(root)).findings())


class _Inspection:
    def __init__(self, root: Path) -> None:
        self._root = root
        try:
            self._info = json.loads((root / layout.INFO_PATH).read_text())
            self._fps = int(self._info["fps"])
            self._features: dict[str, Any] = dict(self._info["features"])
            self._videos = [name for name, feature in self._features.items() if feature["dtype"] == "video"]
        except FileNotFoundError as error:
            raise DatasetError(f"{error.filename} does not exist; give the root of a LeRobot v3 dataset") from error
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise DatasetError(f"{root / layout.INFO_PATH} is not that of a LeRobot dataset: {error!r}") from error

    def findings(self) -> Iterator[Finding]:
        episodes: list[dict[str, Any]] = []
        rows = 0
        for path in sorted(self._root.glob("meta/episodes/*/*.parquet")):
            table = yield from self._read(path)
            episodes += table.to_pylist() if table is not None else []
        yield from self._check_episodes(episodes)
        tasks = yield from self._read(self._root / layout.TASKS_PATH)
        for path in sorted(self._root.glob("data/*/*.parquet")):
            table = yield from self._read(path)
            if table is not None:
                yield from self._check_rows(path, table, rows, episodes, tasks.num_rows if tasks is not None else 0)
                rows += table.num_rows
        totals = {"total_episodes": len(episodes), "total_frames": rows}
        totals |= {"total_tasks": tasks.num_rows} if tasks is not None else {}
        for name, found in totals.items():
            if self._info.get(name) != found:
                yield Finding(layout.INFO_PATH, "count", f"{name} is {self._info.get(name)}, the files hold {found}")
        for key in self._videos:
            yield from self._check_videos(key, episodes)

    def _read(self, path: Path) -> Generator[Finding, None, pa.Table | None]:
        """A table, or None and a finding. Used with `yield from`."""
        try:
            return pq.read_table(path)
        except (OSError, pa.ArrowException) as error:
            yield self._finding(path, "unreadable", str(error).splitlines()[0])
            return None

    def _check_episodes(self, episodes: list[dict[str, Any]]) -> Iterator[Finding]:
        start = 0
        for number, row in enumerate(episodes):
            place = f"meta/episodes, row {number}"
            if row.get("episode_index") != number:
                yield Finding(place, "index", f"it is of episode {row.get('episode_index')}")
            span = (row.get("dataset_from_index"), row.get("dataset_to_index"))
            if None in span or span[0] != start or span[1] - span[0] != row.get("length"):
                yield Finding(place, "range", f"rows {span} of length {row.get('length')}; it should begin at {start}")
            start = span[1] if span[1] is not None else start

    def _check_rows(
        self, path: Path, table: pa.Table, first_row: int, episodes: list[dict[str, Any]], tasks: int
    ) -> Iterator[Finding]:
        declared = {name for name in self._features if name not in self._videos}
        if declared != set(table.column_names):
            odd = sorted(declared ^ set(table.column_names))
            yield self._finding(path, "columns", f"declared and stored columns differ in {', '.join(odd)}")
        arrays: dict[str, NDArray[Any]] = {}
        for name in sorted(declared & set(table.column_names)):
            if self._features[name]["dtype"] in ("string", "image", "language"):
                continue
            try:
                arrays[name] = column_array(table, name)
            except DatasetError as error:
                yield self._finding(path, "shape", str(error))
                continue
            yield from self._check_column(path, name, arrays[name])
        if set(layout.STANDARD_COLUMNS) <= set(arrays):
            yield from self._check_counters(path, arrays, first_row, episodes, tasks)

    def _check_column(self, path: Path, name: str, values: NDArray[Any]) -> Iterator[Finding]:
        wanted, found = int(np.prod(self._features[name]["shape"])), int(np.prod(values.shape[1:]))
        if wanted != found:
            yield self._finding(path, "shape", f"{name} has {found} numbers a row, declared are {wanted}")
        if values.dtype.kind == "f" and not np.isfinite(values).all():
            row = int(np.argwhere(~np.isfinite(values))[0][0])
            yield self._finding(path, "not finite", f"{name} in row {row}")

    def _check_counters(
        self, path: Path, arrays: dict[str, NDArray[Any]], first_row: int, episodes: list[dict[str, Any]], tasks: int
    ) -> Iterator[Finding]:
        index = first_row + np.arange(len(arrays["index"]))
        starts = np.array([row.get("dataset_from_index") or 0 for row in episodes])
        episode = np.searchsorted(starts, index, side="right") - 1
        frame = index - starts[episode] if len(starts) else index
        for name, expected in (("index", index), ("episode_index", episode), ("frame_index", frame)):
            yield from self._expect(path, "index", name, arrays[name], arrays[name] == expected, expected)
        stamps = frame / self._fps
        near = np.abs(arrays["timestamp"] - stamps) < GRID_TOLERANCE_S
        yield from self._expect(path, "timestamp", "timestamp", arrays["timestamp"], near, stamps)
        task = arrays["task_index"]
        yield from self._expect(path, "task", "task_index", task, _within(task, tasks), task * 0 + tasks)

    def _expect(
        self, path: Path, kind: Kind, name: str, values: NDArray[Any], holds: NDArray[np.bool_], expected: NDArray[Any]
    ) -> Iterator[Finding]:
        if not holds.all():
            row = int(np.argmin(holds))
            wanted = f"below {expected[row]}" if kind == "task" else f"{expected[row]}"
            yield self._finding(path, kind, f"{name} is {values[row]} in row {row}, expected {wanted}")

    def _check_videos(self, key: str, episodes: list[dict[str, Any]]) -> Iterator[Finding]:
        used: dict[Path, list[dict[str, Any]]] = {}
        for number, row in enumerate(episodes):
            try:
                place = {part: row[f"videos/{key}/{part}"] for part in ("chunk_index", "file_index")}
                used.setdefault(self._root / layout.VIDEO_PATH.format(video_key=key, **place), []).append(row)
            except KeyError as error:
                yield Finding(f"meta/episodes, row {number}", "columns", f"there is no {error}")
        for path in sorted(set(self._root.glob(f"videos/{key}/*/*.mp4")) - set(used)):
            yield self._finding(path, "left over", "no episode uses this file")
        for path, rows in used.items():
            shape = self._features[key]["shape"]
            yield from check_video(path, str(path.relative_to(self._root)), key, shape, self._fps, rows)

    def _finding(self, path: Path, kind: Kind, message: str) -> Finding:
        return Finding(str(path.relative_to(self._root)), kind, message)


def _within(values: NDArray[Any], end: int) -> NDArray[np.bool_]:
    return np.asarray((values >= 0) & (values < end))
