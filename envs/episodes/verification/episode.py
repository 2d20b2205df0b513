"""Is an episode what was recorded? Its sheet, its seal, and then all that the two say against the streams."""

from __future__ import annotations

import json
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

from envs.episodes.recovery import lock
from envs.episodes.seal import changed_stretches
from envs.episodes.sheet import DIGEST_FIELD, SHEET_NAME, EpisodeSheet, sheet_digest
from envs.episodes.stream_reader import Streams, read_streams
from envs.episodes.stream_writer import STREAM_NAME
from envs.episodes.verification.damage import Damage
from envs.episodes.verification.streams import stream_damages
from envs.errors import ArchiveError

# What a recording carries of its sheet, and nothing may change later.
_LASTING = ("id", "started_at", "task", "scenario", "pool", "body", "purpose", "operator", "station", "seed", "policy",
            "request", "parent", "instructions", "robot_digest")  # fmt: skip


def verify_episode(folder: Path, *, decode: bool = True) -> list[Damage]:
    """All that is wrong with an episode; empty if nothing is, or while a living process records it.

    With `decode` every video frame is decoded, which is most of the work. Right after recording the seal says as much:
    the bytes are those that the encoder gave, one access unit an image.
    """
    with lock(folder, is_shared=True) as is_free:
        return list(_damages(folder, decode)) if is_free else []


def _damages(folder: Path, decode: bool) -> Iterator[Damage]:
    sheet_place, stream_place = f"{folder.name}/{SHEET_NAME}", f"{folder.name}/{STREAM_NAME}"
    fields = yield from _fields(folder / SHEET_NAME, sheet_place)
    sheet = None
    if fields is not None:
        sheet = yield from _sheet(fields, folder, sheet_place)
    if not (folder / STREAM_NAME).is_file():
        yield Damage(stream_place, "missing", "there is no recording; restore it from a copy")
        return
    if sheet is not None and sheet.seal is not None:
        yield from _seal(folder / STREAM_NAME, sheet, stream_place)
    try:
        streams = read_streams(folder / STREAM_NAME)
    except ArchiveError as error:
        yield Damage(stream_place, "unreadable", str(error))
        return
    if not streams.is_whole and not (sheet is not None and sheet.status != "complete" and sheet.seal is None):
        yield Damage(stream_place, "cut off", f"{streams.broken_by} after {streams.ticks} whole steps")
    if sheet is None or fields is None:
        return
    yield from _about(streams, fields, stream_place)
    if sheet.status != "recording":
        yield from stream_damages(sheet, streams, stream_place, decode=decode)


def _fields(path: Path, place: str) -> Generator[Damage, None, dict[str, Any] | None]:
    try:
        fields = json.loads(path.read_bytes().decode())
    except FileNotFoundError:
        yield Damage(place, "missing", f"there is no sheet; `retake archive recover` takes it from {STREAM_NAME}")
        return None
    except (OSError, ValueError) as error:
        yield Damage(place, "unreadable", f"{error}; `retake archive recover` takes it from {STREAM_NAME}")
        return None
    if not isinstance(fields, dict):
        yield Damage(place, "unreadable", f"it holds a {type(fields).__name__}, which is no sheet")
        return None
    if DIGEST_FIELD not in fields:
        yield Damage(place, "unsealed", "it holds no digest of itself: it was changed by hand, or is of an old version")
    elif fields[DIGEST_FIELD] != sheet_digest(fields):
        yield Damage(place, "altered", "its fields are not those whose digest it holds")
    return fields


def _sheet(fields: dict[str, Any], folder: Path, place: str) -> Generator[Damage, None, EpisodeSheet | None]:
    try:
        sheet = EpisodeSheet.from_dict(fields)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        yield Damage(place, "unreadable", f"it is no sheet ({type(error).__name__}: {error})")
        return None
    if sheet.id != folder.name:
        yield Damage(place, "misplaced", f"it is of episode {sheet.id}")
    for name, found in (("robot_digest", sheet.header.robot.digest), ("scenario_key", sheet.header.scenario.key)):
        if fields.get(name) != found:
            yield Damage(place, "altered", f"{name} is {fields.get(name)}, but what it stands for gives {found}")
    if sheet.status == "recording":
        yield Damage(place, "left open", "the recorder died; `retake archive recover` finishes the episode")
    elif sheet.outcome is None:
        yield Damage(place, "missing", f"the episode is {sheet.status}, but has no outcome")
    elif sheet.seal is None and sheet.status == "complete":
        yield Damage(place, "unsealed", f"it holds no digest of {STREAM_NAME}")
    elif sheet.seal is None and (folder / STREAM_NAME).is_file():
        yield Damage(place, "left open", "the recording broke off; `retake archive recover` finishes the file")
    return sheet


def _seal(path: Path, sheet: EpisodeSheet, place: str) -> Iterator[Damage]:
    seal = sheet.seal
    if seal is None:
        return
    size = path.stat().st_size
    for stretch in changed_stretches(path, seal):
        where = f"bytes {stretch.begin} to {stretch.end}"
        if stretch.begin >= seal.size:
            yield Damage(place, "altered", f"{where} were added after its end")
        elif stretch.end > size:
            steps = f"steps {stretch.first_tick} to {stretch.end_tick}"
            yield Damage(f"{place} {steps}", "cut off", f"it holds {size} of {seal.size} bytes")
        else:
            steps = f"steps {stretch.first_tick} to {stretch.end_tick}"
            yield Damage(f"{place} {steps}", "altered", f"{where} are not those that were recorded")


def _about(streams: Streams, fields: dict[str, Any], place: str) -> Iterator[Damage]:
    """The sheet beside the recording against the one that it carries."""
    try:
        carried = json.loads(streams.about)
        differs = [name for name in _LASTING if carried[name] != fields.get(name)]
    except (ValueError, KeyError, TypeError) as error:
        yield Damage(place, "missing", f"it does not say what it is a recording of ({type(error).__name__}: {error})")
        return
    if differs:
        told = ", ".join(f"{name} {fields.get(name)!r} in place of {carried[name]!r}"[:200] for name in differs)
        yield Damage(place, "altered", f"{SHEET_NAME} beside it is of another recording: {told}")
