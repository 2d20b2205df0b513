"""Read any LeRobot v3 dataset: rows as arrays, episodes with their pools, action chunks, frames at learning size."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from assets.robot import RobotSpec
from envs.scenario import TRAINABLE
from policies.dataset.columns import ColumnStore
from policies.dataset.frame_cache import FrameCache
from policies.dataset.frames import FrameStore, Progress
from policies.dataset.meta import CAMERA_PREFIX, SAMPLE_WEIGHT, DatasetEpisode, read_episodes, read_info, read_robot
from policies.errors import DatasetError, PoolError

Purpose = Literal["training", "evaluation"]
Rows = NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class LeRobotDataset:
    """A LeRobot v3 dataset, or some of its episodes. Rows are numbered over the whole dataset, always.

    Made by `open_dataset`; `select` gives a view of fewer episodes over the same arrays.
    """

    root: Path
    info: Mapping[str, Any]
    robot: RobotSpec | None
    purpose: Purpose
    episodes: tuple[DatasetEpisode, ...]
    num_rows: int  # of the whole dataset
    store: ColumnStore = field(repr=False)
    _columns: dict[str, NDArray[Any]] = field(default_factory=dict, repr=False)

    @property
    def fps(self) -> float:
        return float(self.info["fps"])

    @property
    def features(self) -> Mapping[str, Mapping[str, Any]]:
        features: Mapping[str, Mapping[str, Any]] = self.info["features"]
        return features

    @property
    def cameras(self) -> tuple[str, ...]:
        """Names of the colour cameras, without their prefix."""
        return tuple(
            name.removeprefix(CAMERA_PREFIX)
            for name, feature in self.features.items()
            if feature["dtype"] == "video" and not (feature.get("info") or {}).get("is_depth_map", False)
        )

    @cached_property
    def rows(self) -> Rows:
        """The rows of the selected episodes."""
        return np.concatenate([np.arange(episode.start, episode.stop) for episode in self.episodes])

    @cached_property
    def identity(self) -> str:
        """Sixteen hex digits over the identities and lengths of the selected episodes, in any order."""
        lines = sorted(f"{episode.identity}:{episode.length}" for episode in self.episodes)
        return hashlib.blake2b("\n".join(lines).encode(), digest_size=8).hexdigest()

    def select(self, indices: Sequence[int]) -> LeRobotDataset:
        """The same dataset with only the episodes of these numbers.

        Raises:
            DatasetError: a number is not among the episodes, or none is given.
            PoolError: an episode must not serve this dataset's purpose.
        """
        known = {episode.index: episode for episode in self.episodes}
        unknown = sorted(set(indices) - set(known))
        if unknown or not indices:
            raise DatasetError(f"{self.root}: no episodes {unknown or '(none given)'}; it has {_ranges(sorted(known))}")
        chosen = tuple(known[index] for index in sorted(set(indices)))
        _check_pools(self.root, chosen, self.purpose)
        return replace(self, episodes=chosen)

    def column(self, name: str) -> NDArray[Any]:
        """A feature for every row of the whole dataset: (rows,) or (rows, numbers), read-only and mapped into memory.

        Vectors of float64 come as float32; single numbers, which stamps are, as they were stored.

        Raises:
            DatasetError: the feature is absent, is no number, or is not finite.
        """
        if name not in self._columns:
            self._columns[name] = self.store.array(name)[: self.num_rows]
        return self._columns[name]

    def chunks(self, name: str, rows: Rows, horizon: int) -> tuple[NDArray[Any], NDArray[np.bool_]]:
        """The next `horizon` values of a feature from each of `rows` on, the row itself first.

        Returns:
            values (batch, horizon, numbers), the episode's last value repeated behind its end, and a mask
            (batch, horizon) that is False there.
        """
        ahead = rows[:, None] + np.arange(horizon)  # (batch, horizon)
        last = self._last_row[rows][:, None]
        values = self.column(name)[np.minimum(ahead, last)]
        return values.reshape(len(rows), horizon, -1), ahead <= last

    @cached_property
    def sample_weight(self) -> NDArray[np.float32]:
        """What each row of the whole dataset counts in training: (rows,); 1 where nothing is declared.

        Raises:
            DatasetError: a weight is negative.
        """
        if SAMPLE_WEIGHT not in self.features:
            return np.ones(self.num_rows, dtype=np.float32)
        weights = self.column(SAMPLE_WEIGHT).reshape(-1).astype(np.float32)
        if (weights < 0).any():
            raise DatasetError(f"{self.root}: {SAMPLE_WEIGHT!r} is negative in row {int(np.argmin(weights))}")
        return weights

    def frames(
        self,
        camera: str,
        size: int | None,
        *,
        cache: FrameCache | Path | None = None,
        progress: Progress | None = None,
    ) -> FrameStore:
        """The frames of one camera for the selected episodes.

        Each video is decoded once and kept in the cache (by default `.cache/frames` in the dataset), keyed by the
        video's content, so that a rebuilt dataset decodes only what is new. A `FrameCache` says how much may be kept.

        Args:
            size: edge of the square that each image becomes, in pixels; None leaves it as recorded.

        Raises:
            DatasetError: no such camera, or a video is absent, broken, or shorter than its episode.
        """
        if camera not in self.cameras:
            raise DatasetError(f"{self.root}: no camera {camera!r}; it has {', '.join(self.cameras) or 'none'}")
        key = CAMERA_PREFIX + camera
        path_of = {episode.index: self._video_path(key, episode) for episode in self.episodes}
        paths = list(dict.fromkeys(path_of.values()))
        file_of = {path: file for file, path in enumerate(paths)}
        kept = cache if isinstance(cache, FrameCache) else FrameCache(cache)
        files = kept.videos(paths, self.fps, size, self.root, progress)
        file_of_row = np.full(self.num_rows, -1, dtype=np.int32)
        frame_of_row = np.zeros(self.num_rows, dtype=np.int32)
        for episode in self.episodes:
            file = file_of[path_of[episode.index]]
            first = round(float(episode.columns[f"videos/{key}/from_timestamp"]) * self.fps)
            if first + episode.length > len(files[file]):
                raise DatasetError(
                    f"{paths[file]} holds {len(files[file])} frames, but episode {episode.index} needs frames "
                    f"{first} to {first + episode.length - 1}; the video is cut short"
                )
            file_of_row[episode.start : episode.stop] = file
            frame_of_row[episode.start : episode.stop] = np.arange(first, first + episode.length)
        height, width = files[0][0].shape[:2]
        return FrameStore(height, width, tuple(files), file_of_row, frame_of_row)

    def _video_path(self, key: str, episode: DatasetEpisode) -> Path:
        try:
            chunk, file = (int(episode.columns[f"videos/{key}/{part}_index"]) for part in ("chunk", "file"))
        except (KeyError, TypeError) as error:
            raise DatasetError(f"{self.root}: episode {episode.index} does not say where its {key} is") from error
        return self.root / str(self.info["video_path"]).format(video_key=key, chunk_index=chunk, file_index=file)

    @cached_property
    def _last_row(self) -> Rows:  # (rows,): the last row of each row's episode; itself outside the selection
        last = np.arange(self.num_rows)
        for episode in self.episodes:
            last[episode.start : episode.stop] = episode.stop - 1
        return last


def open_dataset(
    root: Path, *, purpose: Purpose = "training", episodes: Sequence[int] | None = None, mapped: bool = True
) -> LeRobotDataset:
    """Open a LeRobot v3 dataset, all of it or the episodes of these numbers.

    Args:
        mapped: keep decoded columns under `.cache/columns` of the dataset, mapped into memory; else nothing is written.

    Raises:
        DatasetError: this is no whole LeRobot v3 dataset; the message says what is wrong and where.
        PoolError: for training, an episode is of a pool that must never train, or states none.
    """
    info = read_info(root)
    found = read_episodes(root, info)
    store = ColumnStore(root, mapped=mapped)
    total = info.get("total_episodes")
    behind = total is not None and store.num_rows > found[-1].stop  # rows that an interrupted build left
    if found[-1].stop > store.num_rows or (found[-1].stop < store.num_rows and not behind):
        raise DatasetError(f"{root}: the episodes end at row {found[-1].stop} of {store.num_rows}")
    owner = np.repeat(np.arange(len(found)), [episode.length for episode in found])
    if not np.array_equal(store.array("episode_index")[: len(owner)], owner):
        raise DatasetError(f"{root}: column 'episode_index' of data/ does not agree with meta/episodes")
    dataset = LeRobotDataset(root, MappingProxyType(info), read_robot(root), purpose, found, found[-1].stop, store)
    if episodes is not None:
        return dataset.select(episodes)
    _check_pools(root, dataset.episodes, purpose)
    return dataset


def _check_pools(root: Path, episodes: Sequence[DatasetEpisode], purpose: Purpose) -> None:
    refused = [episode for episode in episodes if episode.pool not in TRAINABLE]
    if purpose == "training" and refused:
        pools = ", ".join(sorted({str(episode.pool) for episode in refused}))
        raise PoolError(
            f"{root}: {len(refused)} of {len(episodes)} episodes must not train (pool {pools}; the first is episode "
            f"{refused[0].index}); only {' and '.join(sorted(TRAINABLE))} may. Select other episodes, open it for "
            "evaluation, or import a foreign dataset with its pool stated"
        )


def _ranges(numbers: Sequence[int]) -> str:
    return f"{numbers[0]} to {numbers[-1]}" if len(numbers) > 1 else f"{numbers[0]}"
