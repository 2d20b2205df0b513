"""`retake archive recover`: finish what a crash left."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from envs.episodes.archive import Archive
from envs.episodes.catalogue import Catalogue
from experiments.workers import console


@dataclass(frozen=True)
class Recover:
    """Finish what a crash left, and keep each step that was whole.

    The files get their index and their digest. What was open is marked as interrupted and rejected; an episode whose
    sheet is lost gets the sheet that its recording carries. What a living process records is left alone, and the
    catalogue knows all of it afterwards.

    Example: retake archive recover --archive runs/mine/archive
    """

    archive: Path
    """The folder that was recorded into."""


def recover(config: Recover) -> int:
    archive = Archive(config.archive, create=False)
    with console.status(f"looking through {config.archive}"):
        recovered = archive.recover()
        with Catalogue(archive) as catalogue:
            for sheet in archive.sheets(recovered):
                catalogue.add(sheet)
            catalogue.sync()
    for sheet in archive.sheets(recovered):
        reason = sheet.outcome.reason if sheet.outcome else ""
        console.print(f"  {sheet.id}: {sheet.status}, {sheet.ticks} steps. {reason}", soft_wrap=True, markup=False)
    console.print(f"  {len(recovered)} episodes of {config.archive} were finished", soft_wrap=True)
    return 0
