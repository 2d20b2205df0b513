"""`retake archive verify`: find every damage, and say where it is and of which kind."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.table import Table

from envs.episodes.archive import Archive
from envs.episodes.verification.archive import verify_order
from envs.episodes.verification.damage import Damage
from envs.episodes.verification.episode import verify_episode
from experiments.command import UsageError, at_least
from experiments.workers import available_processes, console, run_jobs

FOUND_DAMAGE = 1


@dataclass(frozen=True)
class Verify:
    """Find every damage of an archive, and say where it is and of which kind.

    Each file is held against its digest, each stream against its sheet and the other streams, and each video frame is
    decoded. An episode that is being recorded is passed over. The exit code is 0 if all is sound, 1 if anything is not.

    Examples:
      retake archive verify --archive runs/mine/archive
      retake archive verify --archive runs/mine/archive --episodes 20261123-101500-000000-a1b2c3 --json
    """

    archive: Path
    """The folder that was recorded into."""
    episodes: tuple[str, ...] = ()
    """Look at these alone; left out, at all of them, and at the catalogue."""
    json: bool = False
    """Print one JSON object and nothing else on standard output."""
    processes: int = available_processes()
    """How many episodes are looked at at once."""


def verify(config: Verify) -> int:
    at_least(1, processes=config.processes)
    console.stderr = config.json
    archive = Archive(config.archive, create=False)
    folders = [archive.folder(episode) for episode in config.episodes] or archive.folders()
    for folder in folders:
        if not folder.is_dir():
            raise UsageError(f"{config.archive} has no episode {folder.name!r}; `retake archive verify` looks at all")
    found: list[Damage] = [] if config.episodes else verify_order(archive)
    for damages in run_jobs("episodes verified", verify_episode, folders, processes=config.processes, remark=_remark):
        found += damages
    if config.json:
        held = {"archive": str(config.archive), "episodes": len(folders), "damages": [asdict(one) for one in found]}
        sys.stdout.write(json.dumps(held, indent=2, ensure_ascii=False) + "\n")
    elif found:
        table = Table("where", "damage", "particulars")
        for one in found:
            table.add_row(one.place, one.kind, one.message)
        console.print(table)
    if not config.json:
        verdict = f"has {len(found)} damages" if found else "is sound"
        console.print(f"  {config.archive} {verdict}; {len(folders)} episodes were looked at", soft_wrap=True)
    return FOUND_DAMAGE if found else 0


def _remark(results: list[list[Damage]]) -> str:
    damaged = sum(map(bool, results))
    return f"{damaged} damaged" if damaged else ""
