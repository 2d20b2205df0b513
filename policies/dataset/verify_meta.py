"""Checks what a dataset says of itself: version, rate, tasks, episodes, totals and statistics."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from policies.dataset import layout
from policies.dataset.features import ACTION, STATE
from policies.dataset.findings import Finding
from policies.dataset.meta import CAMERA_PREFIX, is_shape, read_robot
from policies.dataset.statistics import Moments
from policies.errors import DatasetError

EPISODES = "meta/episodes"


def check_info(info: Mapping[str, Any]) -> Iterator[Finding]:
    """Version, rate, and whether the features can be what they are declared as."""
    version = str(info.get("codebase_version", "none"))
    if not version.startswith("v3."):
        yield Finding(layout.INFO_PATH, "version", f"it is of format {version}, not v3.0: LeRobot reads it as another")
    elif version != layout.CODEBASE_VERSION:
        yield Finding(layout.INFO_PATH, "version", f"{version} is unknown; this program knows v3.0")
    fps = info.get("fps")
    if not isinstance(fps, int | float) or fps is True or fps <= 0 or not float(fps).is_integer():
        yield Finding(layout.INFO_PATH, "rate", f"fps is {fps!r}; it must be a whole number above 0")
    for name, feature in info["features"].items():
        if not is_shape(feature.get("shape")):
            told = f"that of {name} is {feature.get('shape')!r}; it must be a list of whole numbers above 0"
            yield Finding(layout.INFO_PATH, "shape", told)


def check_tasks(table: pa.Table) -> Iterator[Finding]:
    """The table of tasks, which LeRobot reads by position and by the name of its index."""
    names = table.column_names
    if "task_index" not in names or len(names) != 2:
        yield Finding(layout.TASKS_PATH, "columns", f"they are {', '.join(names)}; wanted are task_index and task")
        return
    numbers = table.column("task_index").to_pylist()
    if numbers != list(range(len(numbers))):
        yield Finding(layout.TASKS_PATH, "task", f"task_index runs {numbers[:8]}, not 0 to {len(numbers) - 1}")
    if not json.loads((table.schema.metadata or {}).get(b"pandas", b"{}")).get("index_columns"):
        yield Finding(layout.TASKS_PATH, "columns", "the task is no index of a pandas frame: LeRobot gives no text")


def check_episodes(rows: Sequence[Mapping[str, Any]], total_rows: int | None) -> Iterator[Finding]:
    """The table of episodes by itself, and its end by the number of rows that data/ holds, where that is known."""
    if not rows:
        yield Finding(EPISODES, "missing", "there is no episode")
        return
    start, is_sound = 0, True
    for number, row in enumerate(rows):
        place = f"{EPISODES}, row {number}"
        if row.get("episode_index") != number:
            yield Finding(place, "index", f"it is of episode {row.get('episode_index')}")
        first, end, length = (row.get(name) for name in ("dataset_from_index", "dataset_to_index", "length"))
        if first is None or end is None or length is None:
            yield Finding(place, "columns", "it lacks dataset_from_index, dataset_to_index or length")
            return
        if first != start or end - first != length:
            yield Finding(place, "range", f"rows [{first}, {end}) of length {length}; it should begin at {start}")
            is_sound = False
        # Of two ends that differ, the one at which the next begins.
        after = rows[number + 1].get("dataset_from_index") if number + 1 < len(rows) else total_rows
        start = after if after in (end, first + length) else end
    if is_sound and total_rows is not None and start != total_rows:
        yield Finding(EPISODES, "range", f"the episodes end at row {start}; data/ holds {total_rows}")


def check_robot(root: Path, info: Mapping[str, Any]) -> Iterator[Finding]:
    """The robot's description, where there is one, against the declared features."""
    try:
        robot = read_robot(root)
    except DatasetError as error:
        yield Finding(layout.ROBOT_PATH, "unreadable", str(error))
        return
    if robot is None:
        return
    features = info["features"]
    if robot.control_hz != info.get("fps"):
        yield Finding(layout.ROBOT_PATH, "rate", f"control_hz is {robot.control_hz:g}, fps is {info.get('fps')}")
    for name in (STATE, ACTION):
        shape = features[name]["shape"] if name in features else []
        if list(shape) != [len(robot.joints)]:
            yield Finding(layout.ROBOT_PATH, "shape", f"it has {len(robot.joints)} joints, {name} is declared {shape}")
    declared = {name.removeprefix(CAMERA_PREFIX) for name, found in features.items() if found["dtype"] == "video"}
    if differing := sorted(declared ^ {camera.name for camera in robot.cameras}):
        message = f"cameras that only it or only info.json knows: {', '.join(differing)}"
        yield Finding(layout.ROBOT_PATH, "columns", message)


def check_statistics(root: Path, features: Mapping[str, Any], moments: Mapping[str, Moments]) -> Iterator[Finding]:
    """`stats.json` against the rows themselves.

    Means and spreads may differ by what float32 sums of other programs do; least and greatest may not.
    """
    path = root / layout.STATS_PATH
    if not path.exists():
        yield Finding(layout.STATS_PATH, "missing", "there are no statistics: what is trained is not normalised")
        return
    try:
        stats: dict[str, dict[str, Any]] = json.loads(path.read_text())
        for name, feature in features.items():
            if name in layout.STANDARD_COLUMNS or feature["dtype"] in ("string", "language"):
                continue
            if name not in stats:
                yield Finding(layout.STATS_PATH, "statistics", f"there are none of {name}")
            elif name in moments:
                yield from _differences(name, stats[name], moments[name])
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        yield Finding(layout.STATS_PATH, "unreadable", f"it holds no statistics ({error!r})")


def _differences(name: str, stated: Mapping[str, Any], found: Moments) -> Iterator[Finding]:
    reach = np.maximum(np.abs(found.least), np.abs(found.greatest))
    for statistic, actual, tolerance in (
        ("min", found.least, 1e-5 * reach + 1e-6),
        ("max", found.greatest, 1e-5 * reach + 1e-6),
        ("mean", found.mean, 1e-2 * found.std + 1e-4 * reach + 1e-6),
        ("std", found.std, 2e-2 * found.std + 1e-3 * reach + 1e-6),
    ):
        if statistic not in stated:
            yield Finding(layout.STATS_PATH, "statistics", f"{name} has no {statistic}")
            continue
        said: NDArray[np.float64] = np.asarray(stated[statistic], dtype=np.float64).reshape(-1)
        if said.shape != actual.shape:
            yield Finding(layout.STATS_PATH, "statistics", f"{statistic} of {name} has {said.size} numbers")
            continue
        off = ~(np.abs(said - actual) <= tolerance)
        if off.any():
            at = int(np.argmax(off))
            message = f"{statistic} of {name}[{at}] is {said[at]:.6g}, the rows' is {actual[at]:.6g}"
            yield Finding(layout.STATS_PATH, "statistics", message)
            return
