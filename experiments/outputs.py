"""Where results will go, looked at before the work: hours must not end in a file that cannot be written."""

from __future__ import annotations

import os
from pathlib import Path

from experiments.command import UsageError


def require_file(option: str, path: Path | None) -> None:
    """Refuse a path at which no file can be written; nothing is made. None is no output, and well.

    Raises:
        UsageError: a folder is there, or its folder cannot be had.
    """
    if path is None:
        return
    if path.is_dir():
        inside = path / f"result{path.suffix or '.json'}"
        raise UsageError(f"{option} {path} is a folder; give the name of a file, such as {inside}")
    _require_folder(option, path, path.parent)


def require_folder(option: str, path: Path) -> None:
    """Refuse a path that is no folder and cannot become one; nothing is made.

    Raises:
        UsageError: a file is there, or in the place of a folder above it, or writing is not permitted.
    """
    _require_folder(option, path, path)


def _require_folder(option: str, given: Path, folder: Path) -> None:
    nearest = next(place for place in (folder, *folder.absolute().parents) if place.exists())
    if not nearest.is_dir():
        raise UsageError(f"{option} {given} cannot be written: {nearest} is a file; give a folder, or a new name")
    if not os.access(nearest, os.W_OK | os.X_OK):
        raise UsageError(f"{option} {given} cannot be written: {nearest} is not yours to write; give another place")
