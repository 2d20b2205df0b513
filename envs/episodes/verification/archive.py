"""What is wrong with an archive beside its episodes: what lies in the wrong place, and an index that is out of date."""

from __future__ import annotations

from collections.abc import Iterator

from envs.episodes.archive import Archive
from envs.episodes.catalogue import CATALOGUE_NAME, Catalogue, entry_of_sheet
from envs.episodes.quality.references import REFERENCES_NAME, read_references, references_path
from envs.episodes.verification.damage import Damage
from envs.episodes.verification.strays import stray, strays
from envs.errors import ArchiveError


def verify_order(archive: Archive) -> list[Damage]:
    """What is misplaced or left over, references that cannot be read, and where the catalogue disagrees with the
    sheets. Opens no recording.
    """
    return [*strays(archive), *_references(archive), *_catalogue(archive)]


def _references(archive: Archive) -> Iterator[Damage]:
    folder = archive.root / REFERENCES_NAME
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        place = f"{REFERENCES_NAME}/{path.name}"
        if path.is_dir() or path.name.startswith(".") or path.suffix != ".json":
            yield stray(place, "it holds no references")
            continue
        try:
            found = read_references(path)
        except ArchiveError as error:
            yield Damage(place, "unreadable", str(error))
            continue
        belongs = references_path(archive.root, found.task, found.body)
        if belongs != path:
            yield Damage(place, "misplaced", f"such references belong in {belongs}")


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
