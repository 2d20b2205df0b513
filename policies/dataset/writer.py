"""Appends episodes to a LeRobot v3 dataset, one durable file set an episode."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from assets.robot import RobotSpec
from envs.episodes.durable import cannot_write, replacing, write_bytes, write_json
from policies.dataset import layout
from policies.dataset.meta import CAMERA_PREFIX, LABEL_PREFIX
from policies.dataset.remux import remux
from policies.dataset.statistics import Statistics, combined, image_statistics, numeric_statistics, sampled_images
from policies.errors import DatasetError

_LOCK_NAME = ".writing"
_ARROW = {str: pa.string(), bool: pa.bool_(), int: pa.int64(), float: pa.float64()}


@dataclass(frozen=True)
class Label:
    """What a custom column says of an episode; its kind is given, because nothing has none."""

    kind: type  # str, bool, int or float
    value: bool | int | float | str | None


@dataclass(frozen=True)
class EpisodeRows:
    """One episode on its way into a dataset."""

    columns: Mapping[str, NDArray[Any]]  # by feature, each (rows, numbers), all but the five standard ones
    step_texts: Sequence[str]  # (rows,) what was being done
    video: Mapping[str, Sequence[bytes]]  # by camera, one h264 access unit a row
    labels: Mapping[str, Label]  # custom columns of the episode's row


class DatasetWriter:
    """An open dataset. `append` puts an episode's files in place, and then makes it count.

    Whenever a build breaks off, the dataset can be read: `info.json` is written last and says how many episodes count.
    Files of an episode that does not are taken away when the dataset is opened for writing the next time.
    """

    def __init__(self, root: Path, robot: RobotSpec, fps: int, features: Mapping[str, Any]) -> None:
        """
        Raises:
            DatasetError: `root` holds something else, or a dataset of another robot or of other features, or somebody
                else is writing to it.
            OSError: it cannot be written.
        """
        self.root = root
        self._robot, self._fps, self._features = robot, fps, features
        self._tasks: list[str] = []
        self._statistics: dict[str, Statistics] = {}  # of all episodes
        self.episode_rows: list[dict[str, Any]] = []
        self.frames = 0
        is_ours = any((root / path).exists() for path in (layout.INFO_PATH, layout.ROBOT_PATH, _LOCK_NAME))
        if not is_ours and root.exists() and (not root.is_dir() or any(root.iterdir())):
            raise DatasetError(f"{root} is not empty and is no dataset; give a new folder")
        root.mkdir(parents=True, exist_ok=True)
        self._lock = os.open(root / _LOCK_NAME, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if (root / layout.INFO_PATH).exists():
                self._continue()
            else:
                self._refuse_headless()
                self._remove_after(0)
                write_json(root / layout.ROBOT_PATH, robot.to_dict())
        except BlockingIOError as error:
            os.close(self._lock)
            raise DatasetError(f"another program is writing to {root}; wait until it is done") from error
        except BaseException:
            os.close(self._lock)
            raise

    def __enter__(self) -> DatasetWriter:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let others write."""
        os.close(self._lock)

    def append(self, episode: EpisodeRows) -> None:
        """Write the files of one more episode; when this returns, it counts, and stands on the disk.

        Raises:
            DatasetError: the columns are not the declared features, or the video does not have one frame a row.
            OSError: a file cannot be written.
        """
        number, length = len(self.episode_rows), len(episode.step_texts)
        self._check(episode, length)
        for camera, packets in episode.video.items():
            with replacing(self._path(layout.VIDEO_PATH, number, CAMERA_PREFIX + camera)) as temporary:
                remux(packets, self._fps, temporary)
        columns = {
            **episode.columns,
            **layout.standard_columns(number, self.frames, self._fps, self._task_index(episode)),
        }
        names = [name for name, feature in self._features.items() if feature["dtype"] != "video"]
        table = pa.table({name: layout.arrow_column(columns[name]) for name in names})
        statistics = {name: numeric_statistics(columns[name]) for name in names}
        for camera, packets in episode.video.items():
            statistics[CAMERA_PREFIX + camera] = image_statistics(sampled_images(packets))
        row = self._episode_row(number, length, episode, statistics)
        self._put_rows(number, table, _episode_table(row, episode.labels))
        self._count(row, statistics)
        self._commit()

    def _count(self, row: dict[str, Any], statistics: Mapping[str, Statistics]) -> None:
        self.episode_rows.append(row)
        self.frames += int(row["length"])
        for name, found in statistics.items():
            before = self._statistics.get(name)
            self._statistics[name] = combined([found] if before is None else [before, found])

    def _commit(self) -> None:
        plain = {
            name: {key: value.tolist() for key, value in found.items()} for name, found in self._statistics.items()
        }
        write_bytes(self.root / layout.STATS_PATH, json.dumps(plain, allow_nan=False).encode())  # written often
        counts = (len(self.episode_rows), self.frames, len(self._tasks))
        info = layout.info_fields(self._robot.name, self._fps, self._features, *counts)
        write_json(self.root / layout.INFO_PATH, info)

    def _refuse_headless(self) -> None:
        """What lacks `info.json` is either what a first build left, or a whole dataset that lost it."""
        rows = sum(1 for _ in self.root.glob("data/chunk-*/file-*.parquet"))
        # A build puts `info.json` in place behind its first episode, before it begins with the second.
        if (self.root / layout.IMPORT_PATH).exists() or rows > 1:
            raise DatasetError(
                f"{self.root} holds a dataset without its {layout.INFO_PATH}; restore that from a copy, or give "
                "another folder"
            )

    def _continue(self) -> None:
        """Take up a dataset that stands here already."""
        try:
            info = json.loads((self.root / layout.INFO_PATH).read_text())
            robot = RobotSpec.from_dict(json.loads((self.root / layout.ROBOT_PATH).read_text()))
            total = int(info["total_episodes"])
            if robot.digest != self._robot.digest:
                raise DatasetError(
                    f"{self.root} is of robot {robot.name!r} ({robot.digest}), the episodes are of "
                    f"{self._robot.name!r} ({self._robot.digest}); build them into another folder"
                )
            if info["features"] != dict(self._features) or info["fps"] != self._fps:
                other = _difference(info["features"], self._features)
                raise DatasetError(f"{self.root} differs from these episodes in {other}; build into another folder")
            tasks = pq.read_table(self.root / layout.TASKS_PATH)
            self._tasks = tasks.column("task").to_pylist()
            for number in range(total):
                self._check_files(number)
                self._take_up(self._path(layout.EPISODES_PATH, number))
        except (OSError, ValueError, KeyError, TypeError, pa.ArrowException) as error:
            raise DatasetError(f"{self.root} is a damaged dataset ({error!r}); remove it and build it again") from error
        self._remove_after(total)

    def _check_files(self, number: int) -> None:
        cameras = [name for name, feature in self._features.items() if feature["dtype"] == "video"]
        wanted = [self._path(layout.DATA_PATH, number), self._path(layout.EPISODES_PATH, number)]
        wanted += [self._path(layout.VIDEO_PATH, number, camera) for camera in cameras]
        missing = [str(path.relative_to(self.root)) for path in wanted if not path.is_file()]
        if missing:
            raise DatasetError(
                f"{self.root} is a damaged dataset: {', '.join(missing)} is missing; remove it and build it again"
            )

    def _take_up(self, path: Path) -> None:
        (row,) = pq.read_table(path).to_pylist()
        statistics: dict[str, Statistics] = {}
        for name, value in row.items():
            if name.startswith("stats/"):
                feature, _, statistic = name.removeprefix("stats/").rpartition("/")
                statistics.setdefault(feature, {})[statistic] = np.array(value)
        self._count(row, statistics)

    def _remove_after(self, episodes: int) -> None:
        """Take away what an interrupted build left behind: readers would find it by its name."""
        places = ("data/chunk-*/file-*.parquet", "meta/episodes/chunk-*/file-*.parquet", "videos/*/chunk-*/file-*.mp4")
        for place in places:
            for path in self.root.glob(place):
                if layout.number_of_file(path) >= episodes:
                    path.unlink()
        for path in self.root.rglob(".*.tmp"):  # what was being written when the process was killed
            path.unlink()

    def _check(self, episode: EpisodeRows, length: int) -> None:
        declared = {name: feature for name, feature in self._features.items() if name not in layout.STANDARD_COLUMNS}
        given = {*episode.columns, *(CAMERA_PREFIX + camera for camera in episode.video)}
        if given != set(declared):
            raise DatasetError(f"an episode has the features {sorted(given)}; this dataset has {sorted(declared)}")
        ours = {name for name in (self.episode_rows or [{}])[-1] if name.startswith(LABEL_PREFIX)}
        if self.episode_rows and ours != set(episode.labels):
            # LeRobot refuses a table of episodes whose files differ in their columns.
            other = ", ".join(sorted(ours ^ set(episode.labels)))
            raise DatasetError(
                f"{self.root} was built when other labels were known ({other}); build into another folder"
            )
        for name, values in episode.columns.items():
            expected = (length, *declared[name]["shape"])
            if values.shape != expected or values.dtype != declared[name]["dtype"]:
                raise DatasetError(f"{name} is {values.dtype} {values.shape}; declared is {expected}")
            if not np.isfinite(values).all():
                row = int(np.flatnonzero(~np.isfinite(values).all(axis=1))[0])
                raise DatasetError(f"{name} is not finite in row {row} of episode {len(self.episode_rows)}")
        for camera, packets in episode.video.items():
            if len(packets) != length:
                raise DatasetError(f"camera {camera!r} has {len(packets)} images for {length} steps")

    def _task_index(self, episode: EpisodeRows) -> NDArray[np.int64]:  # (rows,)
        """The tasks of an episode by number; a new one is on the disk before any row speaks of it."""
        new = [text for text in dict.fromkeys(episode.step_texts) if text not in self._tasks]
        if new:
            self._tasks += new
            layout.write_tasks(self.root / layout.TASKS_PATH, self._tasks)
        return np.array([self._tasks.index(text) for text in episode.step_texts], dtype=np.int64)

    def _put_rows(self, number: int, rows: pa.Table, episode: pa.Table) -> None:
        """Both tables or neither: readers take every file that is there, and refuse rows without their episode."""
        rows_path, episode_path = self._path(layout.DATA_PATH, number), self._path(layout.EPISODES_PATH, number)
        try:
            with replacing(episode_path) as episode_draft, replacing(rows_path) as rows_draft:
                layout.write_table(episode_draft, episode)
                layout.write_table(rows_draft, rows)
        except BaseException:
            episode_path.unlink(missing_ok=True)
            rows_path.unlink(missing_ok=True)
            raise

    def _path(self, pattern: str, number: int, video_key: str = "") -> Path:
        return self.root / pattern.format(**layout.file_place(number), video_key=video_key)

    def _episode_row(
        self, number: int, length: int, episode: EpisodeRows, statistics: Mapping[str, Statistics]
    ) -> dict[str, Any]:
        place = layout.file_place(number)
        row: dict[str, Any] = {
            "episode_index": number,
            "tasks": list(dict.fromkeys(episode.step_texts)),
            "length": length,
            "dataset_from_index": self.frames,
            "dataset_to_index": self.frames + length,
            **{f"data/{key}": index for key, index in place.items()},
            **{f"meta/episodes/{key}": index for key, index in place.items()},
        }
        for camera in episode.video:
            prefix = f"videos/{CAMERA_PREFIX}{camera}"
            row |= {f"{prefix}/{key}": index for key, index in place.items()}
            row |= {f"{prefix}/from_timestamp": 0.0, f"{prefix}/to_timestamp": length / self._fps}
        for feature, found in statistics.items():
            row |= {f"stats/{feature}/{statistic}": value.tolist() for statistic, value in found.items()}
        return row | {name: label.value for name, label in episode.labels.items()}


def building_error(root: Path, error: OSError) -> DatasetError:
    """What to tell a person whose dataset could not be written."""
    return DatasetError(cannot_write(root, error))


def _episode_table(row: Mapping[str, Any], labels: Mapping[str, Label]) -> pa.Table:
    return pa.table(
        {name: pa.array([value], _ARROW[labels[name].kind] if name in labels else None) for name, value in row.items()}
    )


def _difference(there: Mapping[str, Any], here: Mapping[str, Any]) -> str:
    differing = [name for name in {**there, **here} if there.get(name) != here.get(name)]
    return ", ".join(sorted(differing)) or "the frame rate"
