"""Which episodes of an archive a dataset is built from, and why some that were meant are not among them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace

from envs.episodes.archive import Archive
from envs.episodes.catalogue import Catalogue, CatalogueEntry, Query
from envs.episodes.sheet import SHEET_NAME, EpisodeSheet
from envs.episodes.stream_writer import STREAM_NAME
from envs.episodes.where import Where
from envs.errors import ArchiveError
from envs.scenario import TRAINABLE
from policies.errors import DatasetError

_OF_QUALITY = frozenset({"quality_verdict", "quality_score", "quality_reason"})


@dataclass(frozen=True)
class LeftOut:
    """An episode that was selected but cannot be in a dataset, and why."""

    id: str
    reason: str


def select_episodes(
    archive: Archive, where: Query | Sequence[str] | None, that: Where | None, for_training: bool, accepted_only: bool
) -> tuple[list[EpisodeSheet], list[LeftOut], frozenset[str]]:
    """The sheets of the selected episodes; of these, what a gate of quality rejects and what has no sheet that can be
    read; and the ids of all of them but the gate's.

    Raises:
        DatasetError: nothing is selected, or an id is not that of a finished and accepted episode.
        ArchiveError: the catalogue cannot be read or written.
        QueryError: `that` speaks of a task or a factor that there is not.
    """
    named = that.columns if that is not None else frozenset()
    if where is None:
        query = Query(pool=sorted(TRAINABLE)) if for_training and "pool" not in named else Query()
    else:
        query = where if isinstance(where, Query) else Query(id=list(where))
    if accepted_only and isinstance(where, Query | None) and query.accepted is None and "accepted" not in named:
        query = replace(query, accepted=True)
    with Catalogue(archive) as catalogue:
        catalogue.sync()
        if that is not None:
            that.refuse_unknown(catalogue.query())
        entries = [entry for entry in catalogue.query(query) if entry.status != "recording"]
    lost: list[LeftOut] = []
    if isinstance(where, Sequence):
        lost = _check_ids(archive, where, entries, accepted_only)
    found = len(entries)
    entries = [entry for entry in entries if that is None or that.admits(entry)]
    if not entries and not lost and that is not None:
        raise DatasetError(
            f"of {found} episodes of {archive.root} that are {_in_words(query)}, none is one where {that.text}; ask "
            "for others, or collect some"
        )
    if not entries and not lost:
        raise DatasetError(f"no episode of {archive.root} is {_in_words(query)}; ask for others, or collect some")
    speaks_of_quality = not isinstance(where, Query | None) or query.quality_verdict is not None or named & _OF_QUALITY
    gated = [] if speaks_of_quality or not accepted_only else [entry for entry in entries if _is_gated(entry)]
    refused = {entry.id for entry in gated}
    read = [_sheet_or_reason(archive, entry.id) for entry in entries if entry.id not in refused]
    lost += [one for one in read if isinstance(one, LeftOut)]
    sheets = [one for one in read if isinstance(one, EpisodeSheet)]
    left_out = [LeftOut(entry.id, _of_gate(entry)) for entry in gated] + lost
    return sheets, left_out, frozenset([*(sheet.id for sheet in sheets), *(one.id for one in lost)])


def _sheet_or_reason(archive: Archive, episode_id: str) -> EpisodeSheet | LeftOut:
    folder = archive.folder(episode_id)
    if not folder.is_dir():
        told = "restore it from a copy, or let `retake archive rebuild` make a catalogue that does not know it"
        return LeftOut(episode_id, f"{folder} is gone, though the catalogue knows it; {told}")
    if not (folder / SHEET_NAME).exists():
        told = f"`retake archive recover` takes it from {STREAM_NAME}, where that is whole"
        return LeftOut(episode_id, f"{folder / SHEET_NAME} is gone; {told}")
    try:
        return archive.sheet(episode_id)
    except ArchiveError as error:
        return LeftOut(episode_id, str(error))


def _is_gated(entry: CatalogueEntry) -> bool:
    """Whether a gate rejects what was accepted. What was not accepted is here only because it was asked for."""
    return entry.accepted and entry.quality_verdict == "reject"


def _of_gate(entry: CatalogueEntry) -> str:
    return f"a gate of quality rejects it ({entry.quality_reason}); to have it, say so by verdict = reject"


def _in_words(query: Query) -> str:
    """The criteria of a query, as they follow "no episode is"."""
    words = []
    for name, wanted in asdict(query).items():
        if isinstance(wanted, bool):
            words.append(name if wanted else f"not {name}")
        elif wanted is not None:
            values = [wanted] if isinstance(wanted, str) else sorted(map(str, wanted))
            words.append(f"of {name.replace('_', ' ')} {' or '.join(values)}")
    return ", ".join(words) or "finished"


def _check_ids(
    archive: Archive, ids: Sequence[str], entries: Sequence[CatalogueEntry], accepted_only: bool
) -> list[LeftOut]:
    """Those whose folder is there, and which the catalogue does not know because their sheet cannot be read."""
    unknown = sorted(set(ids) - {entry.id for entry in entries})
    looked = [_sheet_or_reason(archive, episode_id) for episode_id in unknown if archive.folder(episode_id).is_dir()]
    lost = [one for one in looked if isinstance(one, LeftOut)]
    missing = sorted(set(unknown) - {one.id for one in lost})
    if missing:
        raise DatasetError(f"{archive.root} has no finished episodes {', '.join(missing)}")
    rejected = [entry.id for entry in entries if not entry.accepted]
    if accepted_only and rejected:
        raise DatasetError(f"episodes {', '.join(rejected)} were not accepted; leave them out, or allow them by name")
    return lost
