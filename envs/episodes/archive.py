"""The archive: one folder an episode, append-only, never edited.

archive.json                          what this folder is
catalogue.sqlite                      an index of the episodes; see `Catalogue`
references/<task>-<body>.json         what is usual in good episodes; see `References`
episodes/<date>/<id>/episode.json     all that is known of the episode
episodes/<date>/<id>/raw.mcap         every stream at its own rate, with its own stamps
episodes/<date>/<id>/evidence         only where the physics broke down; see `envs.evidence`
"""

from __future__ import annotations

import json
import logging
import secrets
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from envs.episodes.durable import cannot_write, write_json
from envs.episodes.reading import Episode, read_episode
from envs.episodes.recorder import QUEUE_TICKS, Recorder, utc_now
from envs.episodes.records import EpisodeHeader, Outcome
from envs.episodes.recovery import UNBORN, clear_unborn, recover_episode
from envs.episodes.sheet import (
    SHEET_NAME,
    EpisodeSheet,
    is_sheet_altered,
    package_versions,
    read_sheet,
    sheet_text,
    write_sheet,
)
from envs.episodes.stream_writer import STREAM_NAME, EncoderMaker, TickStream
from envs.episodes.verdict import QualityVerdict
from envs.episodes.video import FrameEncoder
from envs.errors import ArchiveError, UnreadableError

_log = logging.getLogger(__name__)

MARKER_NAME = "archive.json"
EPISODES_NAME = "episodes"
EVIDENCE_NAME = "evidence"  # folder of an episode whose physics broke down
_MARKER = {"kind": "retake-archive", "schema_version": 1}


class Archive:
    """The episodes under one folder."""

    def __init__(
        self,
        root: Path | str,
        *,
        create: bool = True,
        now: Callable[[], datetime] = utc_now,
        encoder: EncoderMaker = FrameEncoder,
        queue_ticks: int = QUEUE_TICKS,
    ) -> None:
        """Open an archive; with `create`, start one where there is none yet.

        What is recorded is encoded by `encoder`, and at most `queue_ticks` steps of an episode wait to be written.

        Raises:
            ArchiveError: the folder is missing, is something else, or cannot be written.
        """
        self.root = Path(root)
        self._now = now
        self._encoder = encoder
        self._queue_ticks = queue_ticks
        marker = self.root / MARKER_NAME
        if marker.is_file():
            self._check_marker(marker)
        elif create and (not self.root.exists() or (self.root.is_dir() and not any(self.root.iterdir()))):
            self._start(marker)
        else:
            what = "does not exist" if not self.root.exists() else "is not an archive"
            raise ArchiveError(f"{self.root} {what}: there is no {marker}; give the folder that was recorded into")

    def record(self, header: EpisodeHeader, *, is_real_time: bool = False) -> Recorder:
        """Start an episode. In real time the recorder never lets the control loop wait; see `Recorder`.

        Where it cannot be started, nothing is left of it.

        Raises:
            ArchiveError: the archive cannot be written, or in real time, a camera's images cannot be.
        """
        started = self._now()
        episode_id = f"{started:%Y%m%d-%H%M%S-%f}-{secrets.token_hex(3)}"
        folder = self.folder(episode_id)
        unborn = folder.with_name(UNBORN + episode_id)
        sheet = EpisodeSheet(
            id=episode_id,
            status="recording",
            started_at=started.isoformat(),
            header=header,
            versions=dict(package_versions()),
        )
        with ExitStack() as on_failure:
            try:
                unborn.mkdir(parents=True)
                on_failure.callback(shutil.rmtree, unborn, ignore_errors=True)
                path, about = unborn / STREAM_NAME, sheet_text(sheet)
                stream = TickStream(path, header.robot, about, self._encoder, is_prepared=is_real_time)
                on_failure.callback(stream.close)
                write_sheet(unborn, sheet, is_durable=False)  # the stream carries it as well, and is synced soon
                unborn.rename(folder)
            except OSError as error:
                raise ArchiveError(cannot_write(folder, error)) from error
            recorder = Recorder(
                folder, sheet, stream, self._now, is_real_time=is_real_time, queue_ticks=self._queue_ticks
            )
            on_failure.pop_all()
        return recorder

    def folder(self, episode_id: str) -> Path:
        """Where an episode lies."""
        return self.root / EPISODES_NAME / f"{episode_id[:4]}-{episode_id[4:6]}-{episode_id[6:8]}" / episode_id

    def folders(self) -> list[Path]:
        """The folders of all episodes, oldest first, whatever is in them."""
        return sorted(
            (path for path in self.root.glob("episodes/*/[!.]*") if path.is_dir()), key=lambda path: path.name
        )

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
            ArchiveError: there is no such episode, it is being recorded, its sheet was altered, or cannot be written.
        """
        sheet, folder = self.sheet(episode_id), self.folder(episode_id)
        if sheet.status == "recording":
            raise ArchiveError(f"episode {episode_id} is being recorded, or was cut off; judge it once it has ended")
        if is_sheet_altered(folder):  # a new digest would make it pass for what was recorded
            told = "its fields are not those whose digest it holds; restore it from a copy, and judge it then"
            raise ArchiveError(f"{folder / SHEET_NAME} was altered: {told}")
        judged = replace(sheet, quality=quality)
        write_sheet(folder, judged)
        return judged

    def reject(self, episode_id: str, reason: str) -> None:
        """Mark an episode that has ended as interrupted and rejected; what was recorded stays as it is.

        A sheet that was altered is rejected too, and stays known as altered.

        Raises:
            ArchiveError: there is no such episode, or its sheet cannot be written.
        """
        sheet = self.sheet(episode_id)
        outcome = Outcome(success=False, reason=reason, marks=(), accepted=False, verdict_reason=reason)
        folder = self.folder(episode_id)
        rejected = replace(sheet, status="interrupted", outcome=outcome)
        write_sheet(folder, rejected, is_altered=is_sheet_altered(folder))

    def recover(self) -> list[str]:
        """Finish what crashes left open, keeping all whole ticks, and return the ids; see `recover_episode`.

        What was open is marked as interrupted and rejected. Episodes that a living process records are left alone, and
        what cannot be recovered is logged: it keeps no other from it.

        Raises:
            ArchiveError: a sheet or a stream cannot be written.
        """
        for unborn in self.root.glob(f"episodes/*/{UNBORN}*"):
            clear_unborn(unborn)
        return [folder.name for folder in self.folders() if self._recover(folder)]

    def _recover(self, folder: Path) -> bool:
        try:
            return recover_episode(folder, self._now())
        except UnreadableError as error:
            _log.warning("episode %s cannot be recovered: %s", folder.name, error)
            return False

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
