"""What a LeRobot v3 dataset says of itself: its `info.json`, its robot, and the table of its episodes."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from assets.robot import RobotSpec
from policies.dataset.columns import read_tables
from policies.errors import DatasetError

LABEL_PREFIX = "retake/"  # of our own columns in the table of episodes
POOL_COLUMN = f"{LABEL_PREFIX}pool"
BODY_COLUMN = f"{LABEL_PREFIX}body"
TASK_COLUMN = f"{LABEL_PREFIX}task"
EPISODE_ID_COLUMN = f"{LABEL_PREFIX}episode_id"
SAMPLE_WEIGHT = "sample_weight"
CAMERA_PREFIX = "observation.images."

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class DatasetEpisode:
    """One row of the episodes table. `columns` holds all of it but the statistics, custom columns included."""

    index: int
    start: int  # first row in the dataset
    stop: int  # one past the last row
    columns: Mapping[str, Any]

    @property
    def length(self) -> int:
        return self.stop - self.start

    @property
    def pool(self) -> str | None:
        value = self.columns.get(POOL_COLUMN)
        return None if value is None else str(value)

    @property
    def task(self) -> str | None:
        """The task's name; None where nobody stated it, as of an import."""
        value = self.columns.get(TASK_COLUMN)
        return None if value is None else str(value)

    @property
    def identity(self) -> str:
        """The episode's name in the archive that it came from, or its number here."""
        return str(self.columns.get(EPISODE_ID_COLUMN) or self.index)


def read_info(root: Path) -> dict[str, Any]:
    """`meta/info.json`.

    Raises:
        DatasetError: it is absent, damaged, of another format, or lacks what every reader needs.
    """
    path = root / "meta" / "info.json"
    try:
        info: dict[str, Any] = json.loads(path.read_text())
    except FileNotFoundError as error:
        raise DatasetError(f"{path} does not exist; give the root of a LeRobot v3 dataset") from error
    except (OSError, ValueError) as error:
        raise DatasetError(f"{path} cannot be read: {error}") from error
    version = str(info.get("codebase_version", "none")) if isinstance(info, dict) else "none"
    if not version.startswith("v3."):
        raise DatasetError(f"{root} is of format {version}; only v3.x is read. Import v2.1 first")
    missing = [key for key in ("fps", "features") if not info.get(key)]
    if missing:
        raise DatasetError(f"{path} lacks {' and '.join(missing)}")
    return info


def is_shape(value: object) -> bool:
    """Whether a feature's `shape` is one: a list of whole numbers above 0."""
    return isinstance(value, list) and bool(value) and all(type(size) is int and size > 0 for size in value)


def read_robot(root: Path) -> RobotSpec | None:
    """`meta/robot.json`; None where there is none.

    Raises:
        DatasetError: it describes no robot.
    """
    path = root / "meta" / "robot.json"
    if not path.exists():
        return None
    try:
        return RobotSpec.from_dict(json.loads(path.read_text()))
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise DatasetError(f"{path} does not describe a robot: {error!r}") from error


def read_episodes(root: Path, info: Mapping[str, Any]) -> tuple[DatasetEpisode, ...]:
    """The episodes that count: those behind `total_episodes` are what an interrupted build left.

    Raises:
        DatasetError: there is none, there are fewer than `info.json` says, or they do not follow one another.
    """
    rows = read_tables(root / "meta" / "episodes")
    rows = rows.select([name for name in rows.column_names if not name.startswith("stats/")])
    found: list[DatasetEpisode] = []
    total = info.get("total_episodes")
    counted = rows.num_rows if total is None else int(total)
    if counted > rows.num_rows:
        raise DatasetError(f"{root}: info.json counts {counted} episodes, meta/episodes holds {rows.num_rows}")
    if counted < rows.num_rows:
        _log.warning("%s: info.json counts %d of %d episodes; the others are passed over", root, counted, rows.num_rows)
    for number, columns in enumerate(rows.slice(0, counted).to_pylist()):
        try:
            episode = DatasetEpisode(
                int(columns["episode_index"]),
                int(columns["dataset_from_index"]),
                int(columns["dataset_to_index"]),
                MappingProxyType(columns),
            )
        except (KeyError, TypeError) as error:
            raise DatasetError(f"{root}: row {number} of meta/episodes has no {error}") from error
        expected = found[-1].stop if found else 0
        if episode.index != number or episode.start != expected or episode.length < 1:
            raise DatasetError(
                f"{root}: row {number} of meta/episodes is episode {episode.index} with rows [{episode.start}, "
                f"{episode.stop}), expected episode {number} from row {expected} on; the table is damaged"
            )
        found.append(episode)
    if not found:
        raise DatasetError(f"{root} holds no episode; build it again")
    return tuple(found)
