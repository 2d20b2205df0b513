"""Finishes what a crash left: every whole step is kept, the file gets its index, the sheet says how it ended."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import IO, cast

from mcap.records import Channel, McapRecord, Message, Metadata, Schema
from mcap.writer import Writer

from envs.episodes import messages
from envs.episodes.durable import cannot_write, replacing
from envs.episodes.fault_tally import FaultTally
from envs.episodes.records import Outcome
from envs.episodes.seal import seal_file
from envs.episodes.sheet import (
    SHEET_NAME,
    EpisodeSheet,
    FaultCount,
    is_sheet_altered,
    read_sheet,
    sheet_text,
    write_sheet,
)
from envs.episodes.stream_reader import ABOUT_NAME, Records, Streams, is_as_written, read_streams
from envs.episodes.stream_writer import STREAM_NAME
from envs.errors import ArchiveError, UnreadableError

UNBORN = ".new-"  # begins the name of a folder until its sheet stands in it
_UNBORN_S = 86_400.0


def recover_episode(folder: Path, now: datetime) -> bool:
    """Finish an episode that broke off; False where there is nothing to finish, or a living process records it.

    What is marked afterwards as interrupted and rejected was open before; one that had ended keeps its outcome. A sheet
    that is missing or damaged is written anew from what the stream carries. What had ended, and is not the bytes that
    were written then, gets no new seal: it would pass for sound.

    Raises:
        ArchiveError: there is nothing to finish it from, it was altered, or it cannot be written.
    """
    with lock(folder) as is_abandoned:
        if not is_abandoned:
            return False
        # Read under the lock: a recorder may have finished well since somebody last looked.
        sheet = _known_sheet(folder)
        if sheet is not None and sheet.status != "recording" and (sheet.seal or sheet.status == "complete"):
            return False
        if sheet is not None and is_sheet_altered(folder):
            sheet = None  # the recording carries the one that was written
        return _finish(folder, sheet or _carried_sheet(folder), now)


def clear_unborn(folder: Path) -> None:
    """Take away a folder whose recorder died before its episode began."""
    with lock_unborn(folder) as is_abandoned:
        if is_abandoned:
            shutil.rmtree(folder)


@contextmanager
def lock_unborn(folder: Path) -> Iterator[bool]:
    """Hold the folder of an episode that has not begun; False if a living process may still be at it.

    Without a stream it is a recorder's that has only begun: that takes seconds, so after a day it is nobody's.
    """
    with lock(folder, free_if_absent=_age_s(folder) > _UNBORN_S) as is_abandoned:
        yield is_abandoned


def _age_s(folder: Path) -> float:
    try:
        return time.time() - folder.stat().st_mtime
    except FileNotFoundError:  # just now it became an episode
        return 0.0


@contextmanager
def lock(folder: Path, *, free_if_absent: bool = True, is_shared: bool = False) -> Iterator[bool]:
    """Hold the lock of an episode's stream, where there is one; False if a living process holds it.

    Those who only read may share it.
    """
    with ExitStack() as held:
        try:
            descriptor = os.open(folder / STREAM_NAME, os.O_RDONLY)
            held.callback(os.close, descriptor)
            fcntl.flock(descriptor, (fcntl.LOCK_SH if is_shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
            is_free = True
        except FileNotFoundError:
            is_free = free_if_absent
        except BlockingIOError:
            is_free = False
        yield is_free


def _known_sheet(folder: Path) -> EpisodeSheet | None:
    try:
        return read_sheet(folder)
    except ArchiveError:
        return None


def _carried_sheet(folder: Path) -> EpisodeSheet:
    """The sheet that the stream itself carries."""
    about = read_streams(folder / STREAM_NAME).about
    try:
        sheet = EpisodeSheet.from_dict(json.loads(about))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UnreadableError(
            f"{folder / SHEET_NAME} cannot be read, and {STREAM_NAME} does not say either what was recorded "
            f"({type(error).__name__}: {error}); restore one of them from a copy"
        ) from error
    if sheet.id != folder.name:
        raise UnreadableError(f"{folder / STREAM_NAME} is of episode {sheet.id}; move it to where it belongs")
    return sheet


def _finish(folder: Path, sheet: EpisodeSheet, now: datetime) -> bool:
    path = folder / STREAM_NAME
    try:
        streams = read_streams(path)
    except ArchiveError as error:
        if sheet.status == "interrupted":  # that nothing can be read has been said already
            return False
        write_sheet(folder, _interrupted(sheet, f"interrupted: {error}", now))
        return True
    if sheet.status == "complete" and not (streams.is_whole and streams.ticks == sheet.ticks):
        raise UnreadableError(f"{path} holds {streams.ticks} of {sheet.ticks} steps; restore it from a copy")
    is_altered = streams.is_whole and not is_as_written(path)
    if is_altered and sheet.status != "recording":
        raise UnreadableError(f"{path} was altered: its bytes do not give the checksum in it; restore it from a copy")
    counts = {topic: len(found.messages) for topic, found in streams.by_topic.items() if found.messages}
    kept = replace(sheet, counts=counts, faults=_faults(streams))
    if sheet.status == "recording":
        altered = ", and its file was altered" if is_altered else ""
        kept = _interrupted(kept, f"interrupted: the recorder died after {streams.ticks} steps{altered}", now)
    try:
        if not streams.is_whole:
            with replacing(path) as draft:
                _copy_whole_ticks(path, draft, streams.ticks, sheet_text(replace(kept, seal=None)))
        kept = replace(kept, seal=seal_file(path, streams.ticks))
    except OSError as error:
        raise ArchiveError(cannot_write(path, error)) from error
    write_sheet(folder, kept)
    return True


def _interrupted(sheet: EpisodeSheet, reason: str, now: datetime) -> EpisodeSheet:
    outcome = Outcome(success=False, reason=reason, marks=(), accepted=False, verdict_reason=reason)
    return replace(sheet, status="interrupted", ended_at=now.isoformat(), outcome=outcome)


def _faults(streams: Streams) -> tuple[FaultCount, ...]:
    tally = FaultTally()
    if stream := streams.by_topic.get("fault"):
        for tick, data in zip(stream.ticks, stream.messages, strict=True):
            tally.add(tick, (messages.decode_fault(data),))
    return tally.counts()


def _copy_whole_ticks(path: Path, draft: Path, ticks: int, about: str) -> None:
    """What can be read of a recording up to a tick, with the index that its writer did not come to write."""
    with draft.open("wb") as file:
        writer = Writer(cast(IO[bytes], file), use_chunking=False, enable_data_crcs=True)
        writer.start(profile="", library="retake")
        for record in _known_records(path):
            if isinstance(record, Message):
                if record.sequence < ticks:
                    writer.add_message(
                        record.channel_id, record.log_time, record.data, record.publish_time, record.sequence
                    )
            elif isinstance(record, Schema):
                writer.register_schema(record.name, record.encoding, record.data)
            elif isinstance(record, Channel):
                writer.register_channel(record.topic, record.message_encoding, record.schema_id, record.metadata)
            elif isinstance(record, Metadata):
                writer.add_metadata(record.name, record.metadata)
        writer.add_metadata(ABOUT_NAME, {"sheet": about})
        writer.finish()  # type: ignore[no-untyped-call]
        file.flush()


def _known_records(path: Path) -> Iterator[McapRecord]:
    """Each schema and channel once, up to the end of the data, and up to the first message that belongs to none."""
    seen: set[tuple[type[McapRecord], int]] = set()
    for record in Records(path):
        if isinstance(record, Message) and (Channel, record.channel_id) not in seen:
            return
        if isinstance(record, (Schema, Channel)):
            if (type(record), record.id) in seen:
                continue
            seen.add((type(record), record.id))
        yield record
