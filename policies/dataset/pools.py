"""Which episodes may train, whatever their sheets state."""

from __future__ import annotations

from collections.abc import Sequence

from envs.episodes.archive import Archive
from envs.episodes.sheet import EpisodeSheet
from envs.errors import ArchiveError
from envs.scenario import TRAINABLE, Pool
from policies.errors import PoolError


def refuse_pools(archive: Archive, sheets: Sequence[EpisodeSheet]) -> None:
    """A pool is the scenario's own; only a recovery demonstration has that of the rollout it starts from.

    Raises:
        PoolError: an episode must never train; the message names it.
    """
    for sheet in sheets:
        stated, due = sheet.header.pool, _due_pool(archive, sheet)
        if stated not in TRAINABLE or due not in TRAINABLE:
            raise PoolError(
                f"episode {sheet.id} is stated as pool {stated.value!r} and its scenario is of {due.value!r}; it must "
                f"never train. Select from {' and '.join(sorted(TRAINABLE))}, or build a dataset not for training"
            )


def _due_pool(archive: Archive, sheet: EpisodeSheet) -> Pool:
    seen: set[str] = set()
    while sheet.header.parent is not None and sheet.id not in seen:
        if not archive.folder(sheet.header.parent).is_dir():
            break  # a rollout kept elsewhere; what both state of the scene must do
        seen.add(sheet.id)
        try:
            sheet = archive.sheet(sheet.header.parent)
        except ArchiveError as error:
            raise PoolError(f"episode {sheet.id} inherits the pool of one that cannot be read: {error}") from error
    return sheet.header.scenario.pool
