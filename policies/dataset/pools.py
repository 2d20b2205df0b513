"""Which episodes may train, whatever their sheets state."""

from __future__ import annotations

from collections.abc import Sequence

from envs.episodes.archive import Archive
from envs.episodes.sheet import EpisodeSheet
from envs.errors import ArchiveError
from envs.scenario import TRAINABLE, Pool
from policies.errors import PoolError


def refuse_pools(archive: Archive, sheets: Sequence[EpisodeSheet]) -> dict[str, str]:
    """A pool is the scenario's own; only a recovery demonstration has that of the rollout it starts from.

    Returns:
        Of the episodes whose pool nobody can tell, because that rollout's sheet cannot be read, the reason by id.

    Raises:
        PoolError: an episode must never train; the message names it.
    """
    unknown: dict[str, str] = {}
    for sheet in sheets:
        stated = sheet.header.pool
        try:
            due = _due_pool(archive, sheet)
        except ArchiveError as error:
            unknown[sheet.id] = f"it inherits the pool of a rollout that cannot be read: {error}"
            continue
        if stated not in TRAINABLE or due not in TRAINABLE:
            raise PoolError(
                f"episode {sheet.id} is stated as pool {stated.value!r} and its scenario is of {due.value!r}; it must "
                f"never train. Select from {' and '.join(sorted(TRAINABLE))}, or build a dataset not for training"
            )
    return unknown


def _due_pool(archive: Archive, sheet: EpisodeSheet) -> Pool:
    seen: set[str] = set()
    while sheet.header.parent is not None and sheet.id not in seen:
        if not archive.folder(sheet.header.parent).is_dir():
            break  # a rollout kept elsewhere; what both state of the scene must do
        seen.add(sheet.id)
        sheet = archive.sheet(sheet.header.parent)
    return sheet.header.scenario.pool
