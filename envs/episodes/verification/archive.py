"""What is wrong with an archive beside its episodes: what lies in the wrong place, and an index that is out of date."""

from __future__ import annotations

from collections.abc import Iterator

from envs.episodes.archive import Archive
from envs.episodes.catalogue import CATALOGUE_NAME, Catalogue, entry_of_sheet
from envs.episodes.recovery import UNBORN, lock_unborn
from envs.episodes.sheet import SHEET_NAME
from envs.episodes.stream_writer import STREAM_NAME
from envs.episodes.verification.damage import Damage
from envs.errors import ArchiveError


def verify_order(archive: Archive) -> list[Damage]:
    """What is misplaced or left over, and where the catalogue disagrees with the sheets. Opens no recording."""
    return [*_strays(archive), *_catalogue(archive)]


def _strays(archive: Archive) -> Iterator[Damage]:
    for day in sorted((archive.root / "episodes").glob("*")):
        if not day.is_dir():
            yield Damage(f"episodes/{day.name}", "misplaced", "it is no folder of a day's episodes")
            continue
        for folder in sorted(day.iterdir()):
            place = f"episodes/{day.name}/{folder.name}"
            if folder.name.startswith(UNBORN):
                with lock_unborn(folder) as is_abandoned:
                    if is_abandoned:
                        yield Damage(
                            place, "left open", "a recorder died as it began; `retake archive recover` clears it"
                        )
            elif not folder.is_dir() or not ((folder / SHEET_NAME).exists() or (folder / STREAM_NAME).exists()):
                yield Damage(place, "misplaced", "it is no episode")
            elif archive.folder(folder.name) != folder:
                yield Damage(place, "misplaced", f"an episode of this name belongs in {archive.folder(folder.name)}")
            else:
                for draft in sorted(folder.glob(".*.tmp")):
                    yield Damage(f"{place}/{draft.name}", "misplaced", "what a crash left half written; delete it")


def _catalogue(archive: Archive) -> Iterator[Damage]:
    if not (archive.root / CATALOGUE_NAME).exists():
        return
    try:
        with Catalogue(archive) as catalogue:
            known = {entry.id: entry for entry in catalogue.query()}
    except ArchiveError as error:
        yield Damage(CATALOGUE_NAME, "catalogue", str(error))
        return
    on_disk = {folder.name for folder in archive.folders()}
    for episode_id in sorted(set(known) - on_disk):
        told = "the catalogue knows it, and there is no such episode; restore it from a copy, or rebuild the catalogue"
        yield Damage(episode_id, "missing", told)
    for sheet in archive.episodes():
        if sheet.status == "recording":  # it is entered once it has ended; whether somebody records it, its lock says
            continue
        entry = known.get(sheet.id)
        if entry is None:
            yield Damage(sheet.id, "catalogue", "the catalogue does not know it")
        elif entry != entry_of_sheet(sheet):
            yield Damage(sheet.id, "catalogue", "the catalogue says something else of it than its sheet")
