"""`retake archive rebuild`: the catalogue anew, from the files."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from pathlib import Path

from envs.episodes.archive import Archive
from envs.episodes.catalogue import CATALOGUE_FILES, Catalogue
from envs.errors import ArchiveError
from experiments.workers import console


@dataclass(frozen=True)
class Rebuild:
    """Make the catalogue anew from the sheets of all episodes. It holds nothing else, so nothing is lost.

    Example: retake archive rebuild --archive runs/mine/archive
    """

    archive: Path
    """The folder that was recorded into."""
    url: str | None = None
    """Of a database, where the catalogue is not the SQLite file in the archive: postgresql://..., say."""


def rebuild(config: Rebuild) -> int:
    archive = Archive(config.archive, create=False)
    with console.status(f"reading {config.archive}"):
        try:
            count = _rebuilt(archive, config.url)
        except ArchiveError as error:
            # A sound one is not deleted: another process may be writing to it.
            if config.url is not None or not _is_no_database(error):
                raise
            for name in CATALOGUE_FILES:  # a journal that is left would be played into the new file
                (archive.root / name).unlink(missing_ok=True)
            count = _rebuilt(archive, None)
    console.print(f"  the catalogue of {config.archive} knows {count} episodes", soft_wrap=True)
    return 0


def _is_no_database(error: ArchiveError) -> bool:
    """Whether SQLite says that the file is no database, or is damaged."""
    cause = getattr(error.__cause__, "orig", None)
    code = getattr(cause, "sqlite_errorcode", sqlite3.SQLITE_OK) & 0xFF  # the higher bits tell what exactly
    return code in (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT)


def _rebuilt(archive: Archive, url: str | None) -> int:
    with Catalogue(archive, url) as catalogue:
        return catalogue.rebuild()
