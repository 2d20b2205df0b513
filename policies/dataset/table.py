"""The rows that a training or an evaluation works on: several datasets of one robot laid end to end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assets.robot import RobotSpec
from policies.dataset.features import ACTION, IMU, SOUND, STATE, TOUCH
from policies.dataset.frames import FrameStore, Progress
from policies.dataset.reader import EPISODE_ID_COLUMN, DatasetEpisode, LeRobotDataset, Rows
from policies.errors import DatasetError
from policies.network import VECTOR_FEATURES, InputSpec

SIGHT = "sight"
_FEATURE_OF_SENSE = {"touch": TOUCH, "sound": SOUND, "imu": IMU}
SENSES = (SIGHT, *_FEATURE_OF_SENSE)  # what a policy can be trained without; it cannot be without its joints


@dataclass(frozen=True, eq=False)
class FrameTable:
    """All that a chunk policy needs of the selected episodes, in rows numbered from 0."""

    robot: RobotSpec
    fps: float
    episodes: tuple[DatasetEpisode, ...]
    episode_of_row: NDArray[np.intp]  # (rows,), index into `episodes`
    vectors: Mapping[str, NDArray[np.float32]]  # feature to (rows, numbers), in the units of the robot
    frames: Mapping[str, FrameStore]
    action: NDArray[np.float32]  # (rows, joints)
    sample_weight: NDArray[np.float32]  # (rows,)

    @property
    def inputs(self) -> InputSpec:
        widths = {name: values.shape[1] for name, values in self.vectors.items()}
        return InputSpec(widths, tuple(self.frames), self.action.shape[1])

    @cached_property
    def last_row(self) -> Rows:  # (rows,): the last row of each row's episode
        ends = np.cumsum([episode.length for episode in self.episodes]) - 1
        return np.asarray(ends[self.episode_of_row])

    def chunks(self, rows: Rows, horizon: int) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """Commands from each row on: (batch, horizon, joints), and (batch, horizon) False behind the episode's end."""
        ahead = rows[:, None] + np.arange(horizon)
        last = self.last_row[rows][:, None]
        return self.action[np.minimum(ahead, last)], ahead <= last

    def rows_of(self, episodes: Sequence[int]) -> Rows:
        """Rows of the episodes at these places of `episodes`."""
        return np.flatnonzero(np.isin(self.episode_of_row, np.asarray(episodes)))


def tabulate(
    datasets: Sequence[LeRobotDataset],
    image_size: int,
    *,
    cameras: Sequence[str] | None = None,
    without: Sequence[str] = (),
    cache: Path | None = None,
    progress: Progress | None = None,
) -> FrameTable:
    """Lay the selected episodes of `datasets` end to end, with every sense that all of them declare.

    Args:
        cameras: which cameras to use; all, if None.
        without: senses of `SENSES` to leave out.

    Raises:
        DatasetError: a sense to leave out is not there, the datasets are of different robots, rates or features, one
            states no robot, or an episode comes twice.
    """
    robot = _one_robot(datasets)
    _require_once(datasets)
    first = datasets[0]
    declared = {_sensed(dataset) for dataset in datasets}
    rates = {dataset.fps for dataset in datasets}
    if len(declared) > 1 or len(rates) > 1:
        raise DatasetError(f"these datasets cannot train together: rates {sorted(rates)}, senses {sorted(declared)}")
    if STATE not in first.features or ACTION not in first.features:
        raise DatasetError(f"{first.root} declares no {STATE!r} and {ACTION!r}; both are needed")
    _require_sensed(without, first)
    views = () if SIGHT in without else first.cameras if cameras is None else tuple(cameras)
    dropped = {feature for sense, feature in _FEATURE_OF_SENSE.items() if sense in without}
    stores = {
        camera: [d.frames(camera, image_size, cache=cache, progress=progress).subset(d.rows) for d in datasets]
        for camera in views
    }
    episodes = tuple(episode for dataset in datasets for episode in dataset.episodes)
    table = FrameTable(
        robot=robot,
        fps=first.fps,
        episodes=episodes,
        episode_of_row=np.repeat(np.arange(len(episodes)), [episode.length for episode in episodes]),
        vectors={n: _gather(datasets, n) for n in VECTOR_FEATURES if n in first.features and n not in dropped},
        frames={camera: FrameStore.concatenate(parts) for camera, parts in stores.items()},
        action=_gather(datasets, ACTION),
        sample_weight=np.concatenate([dataset.sample_weight[dataset.rows] for dataset in datasets]),
    )
    joints = len(robot.joints)
    if table.action.shape[1] != joints or table.vectors[STATE].shape[1] != joints:
        raise DatasetError(
            f"{first.root}: {table.action.shape[1]} commands and {table.vectors[STATE].shape[1]} positions a row, but "
            f"its robot {robot.name!r} has {joints} joints"
        )
    return table


def _one_robot(datasets: Sequence[LeRobotDataset]) -> RobotSpec:
    if not datasets:
        raise DatasetError("no dataset given; name at least one")
    robots: dict[str, RobotSpec] = {}
    for dataset in datasets:
        if dataset.robot is None:
            raise DatasetError(f"{dataset.root} has no meta/robot.json; bring it in with `retake dataset import`")
        robots[dataset.robot.digest] = dataset.robot
    if len(robots) > 1:
        described = ", ".join(f"{robot.name} ({digest})" for digest, robot in robots.items())
        raise DatasetError(f"datasets of different robots cannot train together: {described}")
    return next(iter(robots.values()))


def _require_once(datasets: Sequence[LeRobotDataset]) -> None:
    # An episode that came twice could be learned from and held out at once.
    owners: dict[str, Path] = {}
    for dataset in datasets:
        for episode in dataset.episodes:
            named = episode.columns.get(EPISODE_ID_COLUMN)
            # Without a name it is known by its number, which other datasets have as well.
            key = str(named) if named else f"{dataset.root.resolve()}#{episode.index}"
            if key in owners:
                places = f"{owners[key]} and again in {dataset.root}"
                raise DatasetError(f"episode {episode.identity} is in {places}; give each episode once")
            owners[key] = dataset.root


def _require_sensed(without: Sequence[str], dataset: LeRobotDataset) -> None:
    there = [sense for sense, feature in _FEATURE_OF_SENSE.items() if feature in dataset.features]
    known = [SIGHT, *there] if dataset.cameras else there
    strangers = [sense for sense in without if sense not in known]
    if strangers:
        raise DatasetError(
            f"{', '.join(strangers)} cannot be left out: {dataset.root} has {', '.join(known) or 'only joints'}"
        )


def _sensed(dataset: LeRobotDataset) -> tuple[str, ...]:
    return tuple(name for name in VECTOR_FEATURES if name in dataset.features) + dataset.cameras


def _gather(datasets: Sequence[LeRobotDataset], name: str) -> NDArray[Any]:
    parts = [dataset.column(name).reshape(len(dataset.column(name)), -1)[dataset.rows] for dataset in datasets]
    return np.concatenate(parts).astype(np.float32)
