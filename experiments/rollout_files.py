"""Rollouts of one policy in a file: what `retake evaluate` writes and `retake cases` reads."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from envs.episodes.durable import write_json
from experiments.command import UsageError
from experiments.workers import console
from policies.cases.rollout import Rollout

_SCHEMA = 1


@dataclass(frozen=True, eq=False)
class RolloutFile:
    """Rollouts, the policy that flew them, and the archive that holds their episodes."""

    policy: str
    task: str
    archive: Path
    rollouts: tuple[Rollout, ...]


def save_rollouts(file: Path, policy: str, task: str, archive: Path, rollouts: Sequence[Rollout]) -> None:
    """Write rollouts, replacing what was there.

    Raises:
        ArchiveError: the file cannot be written.
    """
    head = {"schema": _SCHEMA, "policy": policy, "task": task, "archive": str(archive.resolve())}
    write_json(file, {**head, "rollouts": [rollout.to_dict() for rollout in rollouts]})


def keep_rollouts(
    file: Path, policy: str, task: str, archive: Path, rollouts: Sequence[Rollout], is_whole: bool
) -> None:
    """Write rollouts; those of a session that was broken off beside the file, in whose place they would be too few."""
    if not is_whole:
        file = file.with_name(f"{file.stem}.partial{file.suffix}")
        console.print(f"  broken off after {len(rollouts)} rollouts, which are in {file}", soft_wrap=True)
    save_rollouts(file, policy, task, archive, rollouts)


def load_rollouts(file: Path) -> RolloutFile:
    """Read what `save_rollouts` wrote.

    Raises:
        UsageError: the file is absent or holds something else.
    """
    try:
        found = json.loads(file.read_text())
        rollouts = tuple(Rollout.from_dict(fields) for fields in found["rollouts"])
        return RolloutFile(found["policy"], found["task"], Path(found["archive"]), rollouts)
    except FileNotFoundError as error:
        raise UsageError(f"there is no {file}; `retake evaluate --out {file}` writes one") from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UsageError(f"{file} holds no rollouts ({error!r}); give what `retake evaluate --out` wrote") from error
