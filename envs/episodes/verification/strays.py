"""What lies in an archive and does not belong there: files of others, files in wrong places, what a crash left."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path

from envs.episodes.archive import EPISODES_NAME, EVIDENCE_NAME, MARKER_NAME, Archive
from envs.episodes.catalogue import CATALOGUE_FILES
from envs.episodes.quality.references import REFERENCES_NAME
from envs.episodes.recovery import UNBORN, lock, lock_unborn
from envs.episodes.sheet import SHEET_NAME
from envs.episodes.stream_writer import STREAM_NAME
from envs.episodes.verification.damage import Damage

_FILES = frozenset({MARKER_NAME, *CATALOGUE_FILES})
_FOLDERS = frozenset({EPISODES_NAME, REFERENCES_NAME})
_FILES_OF_EPISODE = frozenset({SHEET_NAME, STREAM_NAME})
_FOLDERS_OF_EPISODE = frozenset({EVIDENCE_NAME})


def strays(archive: Archive) -> Iterator[Damage]:
    """All of it, but for what lies among the references. What a living recorder is at, is passed over."""
    yield from _foreign(archive.root, "", _FILES, _FOLDERS)
    days = archive.root / EPISODES_NAME
    for day in sorted(days.iterdir()) if days.is_dir() else ():
        place = f"{EPISODES_NAME}/{day.name}"
        if not day.is_dir() or not _is_day(day.name):
            yield stray(place, "it is no folder of a day's episodes")
        for folder in sorted(day.iterdir()) if day.is_dir() else ():
            yield from _of_episode(archive, folder, f"{place}/{folder.name}")


def stray(place: str, what: str) -> Damage:
    """A file or folder that is no part of an archive."""
    if place.endswith(".tmp"):
        return Damage(place, "misplaced", "what a crash left half written; delete it")
    return Damage(place, "misplaced", f"{what}; move it out of the archive")


def _of_episode(archive: Archive, folder: Path, place: str) -> Iterator[Damage]:
    if folder.name.startswith(UNBORN) and folder.is_dir():
        with lock_unborn(folder) as is_abandoned:
            if is_abandoned:
                yield Damage(place, "left open", "a recorder died as it began; `retake archive recover` clears it")
    elif folder.name.startswith(UNBORN) and not folder.exists():
        return  # just now it became an episode
    elif not folder.is_dir() or not ((folder / SHEET_NAME).exists() or (folder / STREAM_NAME).exists()):
        yield stray(place, "it is no episode")
    elif archive.folder(folder.name) != folder:
        yield Damage(place, "misplaced", f"an episode of this name belongs in {archive.folder(folder.name)}")
    else:
        with lock(folder, is_shared=True) as is_free:
            if is_free:
                yield from _foreign(folder, f"{place}/", _FILES_OF_EPISODE, _FOLDERS_OF_EPISODE)


def _foreign(folder: Path, prefix: str, files: frozenset[str], folders: frozenset[str]) -> Iterator[Damage]:
    """What is in a folder beside these files and folders."""
    for path in sorted(folder.iterdir()):
        if path.is_dir():
            if path.name not in folders:
                yield stray(prefix + path.name, "it is a folder of something else")
        elif path.name not in files:
            yield stray(prefix + path.name, "it is a file of something else")


def _is_day(name: str) -> bool:
    try:
        return date.fromisoformat(name).isoformat() == name
    except ValueError:
        return False
