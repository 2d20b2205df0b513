"""Checks the rows of a dataset, file by file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from policies.dataset import layout
from policies.dataset.columns import column_array
from policies.dataset.findings import GRID_TOLERANCE_S, Finding, Kind
from policies.dataset.statistics import Moments
from policies.errors import DatasetError

_NOT_NUMBERS = ("string", "image", "language")


@dataclass
class RowCheck:
    """What was seen of the rows so far. Files are given in their order; one that cannot be read is given as None."""

    features: Mapping[str, Any]  # those that are stored in rows
    fps: int | None  # None where info.json does not say; then it is taken from the rows
    starts: Sequence[int] | None  # first row of each episode; None where meta/episodes is no guide
    tasks: int | None  # how many there are; None where that is not known
    rows: int = 0
    is_whole: bool = True  # every file could be read
    rows_of_episode: dict[int, int] = field(default_factory=dict)
    moments: dict[str, Moments] = field(default_factory=dict)
    _tainted: set[str] = field(default_factory=set)  # features of which not all is there

    def file(self, place: str, table: pa.Table | None) -> Iterator[Finding]:
        if table is None:
            self.is_whole = False
            return
        absent = sorted(set(self.features) - set(table.column_names))
        extra = sorted(set(table.column_names) - set(self.features))
        if absent:
            yield Finding(place, "columns", f"declared columns are absent: {', '.join(absent)}")
            self._tainted.update(absent)
        if extra:
            yield Finding(place, "columns", f"there are columns that info.json does not declare: {', '.join(extra)}")
        arrays: dict[str, NDArray[Any]] = {}
        for name in sorted(set(self.features) & set(table.column_names)):
            if self.features[name]["dtype"] in _NOT_NUMBERS:
                continue
            try:
                values = column_array(table, name)
            except DatasetError as error:
                yield Finding(place, "shape", str(error))
                continue
            arrays[name] = values.reshape(len(values), -1)
            yield from self._column(place, name, arrays[name])
        if set(layout.STANDARD_COLUMNS) <= set(arrays):
            counters = {name: arrays[name].reshape(-1) for name in layout.STANDARD_COLUMNS}
            yield from self._counters(place, counters)
        self.rows += table.num_rows

    def trusted_moments(self) -> dict[str, Moments]:
        """Of the features whose numbers are all there and finite, where every file could be read."""
        return {name: found for name, found in self.moments.items() if self.is_whole and name not in self._tainted}

    def _column(self, place: str, name: str, values: NDArray[Any]) -> Iterator[Finding]:
        wanted = int(np.prod(self.features[name]["shape"]))
        if wanted != values.shape[1]:
            yield Finding(place, "shape", f"{name} has {values.shape[1]} numbers a row, declared are {wanted}")
            self._tainted.add(name)
        elif values.dtype.kind == "f" and not np.isfinite(values).all():
            row = int(np.argwhere(~np.isfinite(values))[0][0])
            yield Finding(place, "not finite", f"{name} in row {row}")
            self._tainted.add(name)
        if name not in self._tainted:
            self.moments.setdefault(name, Moments(values.shape[1])).add(values)

    def _counters(self, place: str, found: Mapping[str, NDArray[Any]]) -> Iterator[Finding]:
        rows = np.arange(len(found["index"]))
        # Behind a file that cannot be read nobody knows where the rows begin.
        first = self.rows if self.is_whole or not len(rows) else int(found["index"][0])
        index = first + rows
        episode, frame = self._expected(index, found)
        for name, expected in (("index", index), ("episode_index", episode), ("frame_index", frame)):
            yield from _compare(place, "index", name, found[name], found[name] == expected, expected)
        yield from self._stamps(place, found["timestamp"], frame)
        tasks = found["task_index"]
        if self.tasks is not None:
            within = (tasks >= 0) & (tasks < self.tasks)
            yield from _compare(place, "task", "task_index", tasks, within, f"below {self.tasks}")
        for number, count in zip(*np.unique(found["episode_index"], return_counts=True), strict=True):
            self.rows_of_episode[int(number)] = self.rows_of_episode.get(int(number), 0) + int(count)

    def _expected(
        self, index: NDArray[np.intp], found: Mapping[str, NDArray[Any]]
    ) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """The episode and the frame that each row should be of, by meta/episodes or else by where frames begin anew."""
        if self.starts is not None:
            starts = np.asarray(self.starts)
            episode = np.searchsorted(starts, index, side="right") - 1
            return episode, index - starts[episode]
        begins = found["frame_index"] == 0
        begins[:1] = True
        place = np.flatnonzero(begins)[np.cumsum(begins) - 1]
        before = max(self.rows_of_episode, default=-1) if self.is_whole else int(found["episode_index"][0]) - 1
        return before + np.cumsum(begins), np.arange(len(index)) - place

    def _stamps(self, place: str, stamps: NDArray[Any], frame: NDArray[np.intp]) -> Iterator[Finding]:
        if self.fps is None or not _on_grid(stamps, frame, self.fps).all():
            between = np.diff(stamps.astype(np.float64))[np.diff(frame) == 1]
            rate = round(1.0 / float(np.median(between))) if len(between) and np.median(between) > 0 else 0
            if rate > 0 and rate != self.fps and _on_grid(stamps, frame, rate).mean() > 0.9:
                if self.fps is not None:
                    said = f"fps is {self.fps}, the rows are 1/{rate} s apart"
                    yield Finding(layout.INFO_PATH, "rate", said)
                self.fps = rate
        if self.fps is not None:
            near = _on_grid(stamps, frame, self.fps)
            yield from _compare(place, "timestamp", "timestamp", stamps, near, frame / self.fps)


def _on_grid(stamps: NDArray[Any], frame: NDArray[np.intp], fps: float) -> NDArray[np.bool_]:
    # float32, which LeRobot stores them as, is coarser than the tolerance from some minutes on.
    tolerance_s = np.maximum(GRID_TOLERANCE_S, 1e-6 * frame / fps)
    return np.asarray(np.abs(stamps - frame / fps) < tolerance_s)


def _compare(
    place: str, kind: Kind, name: str, values: NDArray[Any], holds: NDArray[np.bool_], expected: NDArray[Any] | str
) -> Iterator[Finding]:
    if not holds.all():
        row = int(np.argmin(holds))
        wanted = expected if isinstance(expected, str) else f"{expected[row]}"
        yield Finding(place, kind, f"{name} is {values[row]} in row {row}, expected {wanted}")
