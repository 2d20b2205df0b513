"""The archive: one folder an episode, append-only, never edited.

archive.json                          what this folder is
episodes/<date>/<id>/episode.json     all that is known of the episode
episodes/<date>/<id>/raw.mcap         every stream at its own rate, with its own stamps
"""

from __future__ import annotations

import fcntl
import json
import logging
import os
import secrets
import shutil
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from envs.episodes.durable import cannot_write, write_json
from envs.episodes.reading import Episode, read_episode
from envs.episodes.recorder import Recorder, utc_now
from envs.episodes.records import EpisodeHeader, Outcome
from envs.episodes.sheet import SHEET_NAME, EpisodeSheet, package_versions, read_sheet, write_sheet
from envs.episodes.stream_reader import read_streams
from envs.episodes.stream_writer import STREAM_NAME, TickStream
from envs.episodes.verdict import QualityVerdict
from envs.errors import ArchiveError

_log = logging.getLogger(__name__)

MARKER_NAME = "archive.json"
_MARKER = {"kind": "retake-archive", "schema_version": 1}
_UNBORN = ".new-"  # a folder is renamed to its final name once its sheet stands in it


class Archive:
    """The episodes under one folder."""

    def __init__(self, root: Path | str, *, create: bool = True, now: Callable[[], datetime] = utc_now) -> None:
        """Open an archive; with `create`, start one where there is none yet.

        Raises:
            ArchiveError: the folder is missing, is something else, or cannot be written.
        """
        self.root = Path(root)
        self._now = now
        marker = self.root / MARKER_NAME
        if marker.is_file():
            self._check_marker(marker)
        elif create and (not self.root.exists() or (self.root.is_dir() and not any(self.root.iterdir()))):
            self._start(marker)
        else:
            what = "does not exist" if not self.root.exists() else "is not an archive"
            raise ArchiveError(f"{self.root} {what}: there is no {marker}; give the folder that was recorded into")

    def record(self, header: EpisodeHeader) -> Recorder:
        """Start an episode.

        Raises:
            ArchiveError: the archive cannot be written.
        """
        started = self._now()
        episode_id = f"{started:%Y%m%d-%H%M%S-%f}-{secrets.token_hex(3)}"
        folder = self.folder(episode_id)
        unborn = folder.with_name(_UNBORN + episode_id)
        sheet = EpisodeSheet(
            id=episode_id,
            status="recording",
            started_at=started.isoformat(),
            header=header,
            versions=package_versions(),
        )
        try:
            unborn.mkdir(parents=True)
            stream = TickStream(unborn / STREAM_NAME, header.robot)
            write_sheet(unborn, sheet)
            unborn.rename(folder)
        except OSError as error:
            raise ArchiveError(cannot_write(folder, error)) from error
        return Recorder(folder, sheet, stream, self._now)

    def folder(self, episode_id: str) -> Path:
        """Where an episode lies."""
        return self.root / "episodes" / f"{episode_id[:4]}-{episode_id[4:6]}-{episode_id[6:8]}" / episode_id

    def ids(self) -> list[str]:
        """All episodes, oldest first."""
        return sorted(sheet.parent.name for sheet in self.root.glob(f"episodes/*/[!.]*/{SHEET_NAME}"))

    def episodes(self) -> Iterator[EpisodeSheet]:
        """The sheets of all episodes, oldest first. A damaged one is logged and passed over: it hides no other."""
        return self.sheets(self.ids())

    def sheets(self, episode_ids: Iterable[str]) -> Iterator[EpisodeSheet]:
        """The sheets of some episodes, in the order asked for. A damaged one is logged and passed over."""
        for episode_id in episode_ids:
            try:
                yield self.sheet(episode_id)
            except ArchiveError as error:
                _log.warning("episode %s is passed over: %s", episode_id, error)

    def sheet(self, episode_id: str) -> EpisodeSheet:
        """All that is known of one episode, apart from its streams.

        Raises:
            ArchiveError: there is no such episode, or its sheet is damaged.
        """
        if not (self.folder(episode_id) / SHEET_NAME).is_file():
            raise ArchiveError(f"archive {self.root} has no episode {episode_id!r}; it has {len(self.ids())} others")
        return read_sheet(self.folder(episode_id))

    def open(self, episode_id: str) -> Episode:
        """One episode with its streams.

        Raises:
            ArchiveError: there is no such episode, or it is damaged.
        """
        self.sheet(episode_id)
        return read_episode(self.folder(episode_id))

    def keep_quality(self, episode_id: str, quality: QualityVerdict) -> EpisodeSheet:
        """Write a judgement into the sheet of an episode that has ended, in place of an earlier one.

        What was recorded stays as it is.

        Raises:
            ArchiveError: there is no such episode, it is being recorded, or its sheet cannot be written.
        """
        if self.sheet(episode_id).status == "recording":
            raise ArchiveError(f"episode {episode_id} is being recorded, or was cut off; judge it once it has ended")
        sheet = replace(self.sheet(episode_id), quality=quality)
        write_sheet(self.folder(episode_id), sheet)
        return sheet

    def recover(self) -> list[str]:
        """Mark what a crash left open as interrupted and rejected, keeping all its whole ticks; return the ids.

        Episodes that a living process is recording are left alone.

        Raises:
            ArchiveError: a sheet cannot be written.
        """
        for unborn in self.root.glob(f"episodes/*/{_UNBORN}*"):
            # Without a stream it is a recorder's that has only begun, or holds nothing.
            with _lock(unborn, free_if_absent=False) as is_abandoned:
                if is_abandoned:
                    shutil.rmtree(unborn)
        return [sheet.id for sheet in self.episodes() if sheet.status == "recording" and self._recover(sheet.id)]

    def _recover(self, episode_id: str) -> bool:
        folder = self.folder(episode_id)
        with _lock(folder) as is_abandoned:
            # Read under the lock: a recorder may have finished well since somebody last looked.
            if not is_abandoned or (sheet := read_sheet(folder)).status != "recording":
                return False
            self._mark_interrupted(folder, sheet)
        return True

    def _mark_interrupted(self, folder: Path, sheet: EpisodeSheet) -> None:
        try:
            streams = read_streams(folder / STREAM_NAME)
            counts = Counter({topic: len(found.messages) for topic, found in streams.by_topic.items()})
            reason = f"interrupted: the recorder died after {streams.ticks} steps"
        except ArchiveError as error:
            counts, reason = Counter(), f"interrupted: {error}"
        outcome = Outcome(success=False, reason=reason, marks=(), accepted=False, verdict_reason=reason)
        ended_at = self._now().isoformat()
        write_sheet(
            folder, replace(sheet, status="interrupted", ended_at=ended_at, outcome=outcome, counts=dict(counts))
        )

    @staticmethod
    def _start(marker: Path) -> None:
        try:
            write_json(marker, _MARKER)
        except OSError as error:
            raise ArchiveError(cannot_write(marker, error)) from error

    @staticmethod
    def _check_marker(marker: Path) -> None:
        try:
            found = json.loads(marker.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise ArchiveError(f"cannot read {marker}: {error}; restore it, or give another archive") from error
        if found != _MARKER:
            raise ArchiveError(f"{marker} says {found}; this program reads {_MARKER}")


@contextmanager
def _lock(folder: Path, *, free_if_absent: bool = True) -> Iterator[bool]:
    """Hold the lock of an episode's stream, where there is one; False if a living process holds it."""
    with ExitStack() as held:
        try:
            descriptor = os.open(folder / STREAM_NAME, os.O_RDONLY)
            held.callback(os.close, descriptor)
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            is_free = True
        except FileNotFoundError:
            is_free = free_if_absent
        except BlockingIOError:
            is_free = False
        yield is_free
