"""The ways in which a LeRobot dataset can be damaged without its loader saying so, or saying where: 31, by number.

Each takes a whole dataset of at least three episodes, of any program, and returns where it did what.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from policies.dataset import layout

EPISODE = 1  # which one is damaged: neither the first nor the last
_INFO = layout.INFO_PATH


@dataclass(frozen=True)
class Harm:
    """What a check should find: the place, and one of these kinds."""

    place: str
    kinds: tuple[str, ...]


class Victim:
    """A dataset to be damaged."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.info = json.loads((root / _INFO).read_text())
        self.videos = [name for name, feature in self.info["features"].items() if feature["dtype"] == "video"]
        self.data = self._file_of("data/*/*.parquet")
        self.episodes = self._file_of("meta/episodes/*/*.parquet")

    def state(self, **changes: Any) -> None:
        """Change `info.json`; None takes a key away."""
        changed = {name: value for name, value in (self.info | changes).items() if value is not None}
        (self.root / _INFO).write_text(json.dumps(changed))

    def set(self, path: Path, column: str, change: Callable[[Any], Any], row: int = 0) -> None:
        """Change one value of the damaged episode: of its `row`-th row, or in the table of episodes."""
        table = pq.read_table(path)
        values = table.column(column).to_pylist()
        at = table.column("episode_index").to_pylist().index(EPISODE) + row
        values[at] = change(values[at])
        self.put(path, table, column, values)

    def put(self, path: Path, table: pa.Table, column: str, values: list[Any]) -> None:
        place = table.schema.get_field_index(column)
        array = pa.array(values, type=table.schema.field(column).type)
        pq.write_table(table.set_column(place, table.schema.field(column), array), path)

    def video(self) -> Path:
        row = next(row for row in pq.read_table(self.episodes).to_pylist() if row["episode_index"] == EPISODE)
        place = {part: row[f"videos/{self.videos[0]}/{part}"] for part in ("chunk_index", "file_index")}
        return self.root / layout.VIDEO_PATH.format(video_key=self.videos[0], **place)

    def harm(self, path: Path, *kinds: str) -> Harm:
        return Harm(str(path.relative_to(self.root)), kinds)

    def _file_of(self, pattern: str) -> Path:
        for path in sorted(self.root.glob(pattern)):
            if EPISODE in pq.read_table(path, columns=["episode_index"]).column(0).to_pylist():
                return path
        raise ValueError(f"{self.root} holds no episode {EPISODE} to damage")


def _lose(path: Callable[[Victim], Path]) -> Callable[[Victim], Harm]:
    def damage(victim: Victim) -> Harm:
        found = path(victim)
        shutil.rmtree(found) if found.is_dir() else found.unlink()
        return victim.harm(found, "missing")

    return damage


def _state(kind: str, **changes: Any) -> Callable[[Victim], Harm]:
    """Numbers are added to what `info.json` says; all else takes its place."""

    def damage(victim: Victim) -> Harm:
        given = {k: victim.info[k] + v if isinstance(v, int) else v for k, v in changes.items()}
        victim.state(**given)
        return Harm(_INFO, (kind,))

    return damage


def _row(kind: str, column: str, change: Callable[[Any], Any], row: int = 7) -> Callable[[Victim], Harm]:
    def damage(victim: Victim) -> Harm:
        victim.set(victim.data, column, change, row)
        return victim.harm(victim.data, kind)

    return damage


def _episode(kind: str, column: str, change: Callable[[Any], Any]) -> Callable[[Victim], Harm]:
    def damage(victim: Victim) -> Harm:
        victim.set(victim.episodes, column, change)
        return Harm(f"meta/episodes, row {EPISODE}", (kind,))

    return damage


def _lose_rows(victim: Victim) -> Harm:
    table = pq.read_table(victim.data)
    kept = table.filter(pc.not_equal(table.column("episode_index"), EPISODE))
    pq.write_table(kept, victim.data) if kept.num_rows else victim.data.unlink()
    return Harm(f"meta/episodes, row {EPISODE}", ("missing",))


def _skip_a_number(victim: Victim) -> Harm:
    for path in [*victim.root.glob("data/*/*.parquet"), *victim.root.glob("meta/episodes/*/*.parquet")]:
        table = pq.read_table(path)
        numbers = [number + (number >= EPISODE) for number in table.column("episode_index").to_pylist()]
        victim.put(path, table, "episode_index", numbers)
    return Harm(f"meta/episodes, row {EPISODE}", ("index",))


def _cut_table(victim: Victim) -> Harm:
    victim.data.write_bytes(victim.data.read_bytes()[:-40])
    return victim.harm(victim.data, "unreadable")


def _undeclared(victim: Victim) -> Harm:
    table = pq.read_table(victim.data)
    pq.write_table(table.append_column("extra", pa.array(np.zeros(table.num_rows))), victim.data)
    return victim.harm(victim.data, "columns")


def _another_shape(victim: Victim) -> Harm:
    action = victim.info["features"]["action"]
    longer = {**action, "shape": [action["shape"][0] + 1], "names": None}
    victim.state(features=victim.info["features"] | {"action": longer})
    return victim.harm(victim.data, "shape")


def _undelivered(victim: Victim) -> Harm:
    pq.write_table(pq.read_table(victim.data).drop_columns("action"), victim.data)
    return victim.harm(victim.data, "columns")


def _cut_video(victim: Victim) -> Harm:
    film = victim.video()
    film.write_bytes(film.read_bytes()[: film.stat().st_size * 2 // 3])
    return victim.harm(film, "video frames", "unreadable")


def _jitter(victim: Victim) -> Harm:
    for row in range(2, 8):
        # Both ways in turn, as a real clock would be beside the grid.
        victim.set(victim.data, "timestamp", (0.005 if row % 2 else -0.005).__add__, row)
    return victim.harm(victim.data, "timestamp")


def _late_video(victim: Victim) -> Harm:
    late_s = 1.0 / victim.info["fps"]
    victim.set(victim.episodes, f"videos/{victim.videos[0]}/from_timestamp", lambda from_s: from_s + late_s)
    return victim.harm(victim.video(), "video grid")


def _halved_rate(victim: Victim) -> Harm:
    victim.state(fps=victim.info["fps"] // 2)
    return Harm(_INFO, ("rate",))


def _begin_late(victim: Victim) -> Harm:
    paths = sorted(victim.root.glob("data/*/*.parquet"))
    for path in paths:
        table = pq.read_table(path)
        victim.put(path, table, "index", [number + 5 for number in table.column("index").to_pylist()])
    return victim.harm(paths[0], "index")


def _frame_too_few(victim: Victim) -> Harm:
    film = victim.video()
    shorter = film.with_suffix(".tmp")
    with av.open(str(film)) as source, av.open(str(shorter), "w", format="mp4") as target:
        recorded = source.streams.video[0]
        video = target.add_stream_from_template(recorded, opaque=True)  # AV1 is decoded by what cannot encode
        packets = [packet for packet in source.demux(recorded) if packet.size]
        last = max(packets, key=lambda packet: packet.pts or 0)
        for packet in packets:
            if packet is not last:
                packet.stream = video
                target.mux(packet)
    shorter.rename(film)
    return victim.harm(film, "video frames")


def _false_statistics(victim: Victim) -> Harm:
    path = victim.root / layout.STATS_PATH
    stats = json.loads(path.read_text())
    stats["action"]["mean"] = [mean + 1.0 for mean in stats["action"]["mean"]]
    path.write_text(json.dumps(stats))
    return victim.harm(path, "statistics")


def _jitter_unseen(victim: Victim) -> Harm:
    shutil.rmtree(victim.root / "videos")
    kept = {name: feature for name, feature in victim.info["features"].items() if name not in victim.videos}
    victim.state(features=kept)
    for path in victim.root.glob("meta/episodes/*/*.parquet"):
        table = pq.read_table(path)
        films = [name for name in table.column_names if name.startswith("videos/")]
        pq.write_table(table.drop_columns(films), path)
    return _jitter(victim)


def _no_number(values: list[float]) -> list[float]:
    return [float("nan"), *values[1:]]


CORRUPTIONS: dict[str, Callable[[Victim], Harm]] = {
    "the tasks are missing": _lose(lambda victim: victim.root / layout.TASKS_PATH),
    "the episodes are missing": _lose(lambda victim: victim.root / "meta" / "episodes"),
    "a video is missing": _lose(Victim.video),
    "the rows of an episode are missing": _lose_rows,
    "total_episodes is too high": _state("count", total_episodes=1),
    "a number of an episode is passed over": _skip_a_number,
    "a table has no footer": _cut_table,
    "fps is missing": _state("rate", fps=None),
    "the version is v2.1": _state("version", codebase_version="v2.1"),
    "a column is not declared": _undeclared,
    "a feature has another shape than declared": _another_shape,
    "a declared column is absent": _undelivered,
    "task_index is beyond the tasks": _row("task", "task_index", lambda _: 99),
    "a video is cut short": _cut_video,
    "time stamps are off the grid": _jitter,
    "a video begins one frame late": _late_video,
    "fps is halved": _halved_rate,
    "total_frames is too low": _state("count", total_frames=-3),
    "total_episodes is too low": _state("count", total_episodes=-1),
    "episodes overlap": _episode("range", "dataset_to_index", lambda end: end + 3),
    "index does not begin at 0": _begin_late,
    "the length of an episode is wrong": _episode("range", "length", lambda length: length - 2),
    "a command is no number": _row("not finite", "action", _no_number),
    "the statistics are missing": _lose(lambda victim: victim.root / layout.STATS_PATH),
    "the version is v3.7": _state("version", codebase_version="v3.7"),
    "the version is v4.0": _state("version", codebase_version="v4.0"),
    "a video has a frame too few": _frame_too_few,
    "index has a gap": _row("index", "index", lambda index: index + 1),
    "the statistics are not those of the rows": _false_statistics,
    "frame_index counts a frame twice": _row("index", "frame_index", lambda frame: frame - 1),
    "time stamps are off the grid, without video": _jitter_unseen,
}  # in the order of their numbers, from 1 on


def corrupt(root: Path, number: int) -> Harm:
    """Damage a dataset in the `number`-th way, from 1 on; return what was done where."""
    return list(CORRUPTIONS.values())[number - 1](Victim(root))
