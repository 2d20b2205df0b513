"""How far the recording of an episode has come, for those who act in its midst."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path


def recorded_bytes(archive: Path) -> int:
    """Of all episodes so far; a file may be moved, or not be there yet, while it is looked at."""
    found = 0
    with suppress(FileNotFoundError):
        for file in archive.glob("**/raw.mcap"):
            found += file.stat().st_size
    return found
