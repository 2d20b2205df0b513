"""Cases: failures and alarms of policies, each with its evidence, from simulation and from real bodies alike."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from envs.episodes.durable import write_json
from experiments.command import UsageError
from policies.cases.modes import Mode
from policies.cases.rollout import Rollout, troubled, unstopped

_SCHEMA = 1


@dataclass(frozen=True)
class Case:
    """One moment worth collecting. The episode is in the archive; `snapshot_steps` are where it can be restarted."""

    episode_id: str
    body: str
    scenario: dict[str, Any]
    pool: str
    failed: bool
    signature: str
    alarm_step: int | None
    snapshot_steps: tuple[int, ...]
    modes: tuple[str, ...]  # names of the confirmed modes that it falls under

    @staticmethod
    def of(rollout: Rollout, modes: Sequence[Mode]) -> Case:
        return Case(
            episode_id=rollout.episode_id,
            body=rollout.body,
            scenario=rollout.scenario.to_dict(),
            pool=str(rollout.pool),
            failed=not rollout.success,
            signature=rollout.signature,
            alarm_step=rollout.alarm_step,
            snapshot_steps=rollout.snapshot_steps,
            modes=tuple(mode.name for mode in modes if mode.confirmed and mode.covers(rollout)),
        )


class CaseBook:
    """The cases in one file; an episode stands in it once."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def all(self) -> list[Case]:
        """Every case.

        Raises:
            UsageError: the file holds something else.
        """
        if not self._file.exists():
            return []
        try:
            rows = json.loads(self._file.read_text())["cases"]
            listed = ("snapshot_steps", "modes")
            return [Case(**{**row, **{name: tuple(row[name]) for name in listed}}) for row in rows]
        except (ValueError, KeyError, TypeError) as error:
            raise UsageError(f"{self._file} holds no cases ({error!r}); move it away, a new one is begun") from error

    def add(self, rollouts: Sequence[Rollout], modes: Sequence[Mode]) -> list[Case]:
        """Add the rollouts in which the policy failed or alarmed; returns the new cases.

        Raises:
            ArchiveError: the file cannot be written.
        """
        known = self.all()
        seen = {case.episode_id for case in known}
        new = [Case.of(rollout, modes) for rollout in troubled(unstopped(rollouts)) if rollout.episode_id not in seen]
        write_json(self._file, {"schema": _SCHEMA, "cases": [asdict(case) for case in [*known, *new]]})
        return new
