"""What was collected: hours, pace, yield and why episodes were rejected, of the entries of a catalogue."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from itertools import zip_longest
from typing import Any, Literal, get_args

from envs.episodes.catalogue import CatalogueEntry
from policies.cases.rates import Rate

Grouping = Literal["task", "operator", "day"]
GROUPINGS: tuple[Grouping, ...] = get_args(Grouping)

BREAK_S = 600.0  # whoever lets so much time pass between two episodes was doing something else
NOT_FINISHED = "recording"  # or lost in a crash that nobody has recovered from yet


@dataclass(frozen=True)
class Effort:
    """One demonstration: how long it is, and how long the work on it took.

    `worked_s` runs until the next episode of the same operator at the same station has begun, so it holds what it took
    to look at this one and to set the next one up; before a break of `BREAK_S` it is the episode alone.
    """

    entry: CatalogueEntry
    recorded_s: float
    worked_s: float


@dataclass(frozen=True)
class Tally:
    """The demonstrations of one task, operator or day. A policy's rollouts are evidence and count nowhere here."""

    name: str
    kept: Rate  # accepted, of all that were tried
    recorded_s: float
    kept_s: float  # recorded in episodes that were accepted
    worked_s: float
    quality: Mapping[str, int]  # episodes by verdict of quality; those that nobody has judged are left out
    causes: Mapping[str, int]  # why episodes were not accepted, the most frequent first

    @property
    def episodes_an_hour(self) -> float | None:
        """Tried an hour of work; None where no time has passed."""
        return 3600.0 * self.kept.n / self.worked_s if self.worked_s else None

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "name": self.name,
            "kept": self.kept.to_dict(),
            "recorded_hours": self.recorded_s / 3600.0,
            "kept_hours": self.kept_s / 3600.0,
            "worked_hours": self.worked_s / 3600.0,
            "episodes_an_hour": self.episodes_an_hour,
            "quality": dict(self.quality),
            "causes": dict(self.causes),
        }


def efforts(entries: Sequence[CatalogueEntry], control_hz: Mapping[str, float]) -> list[Effort]:
    """The demonstrations among some entries, each with its times, in the order in which they began.

    Args:
        entries: of a catalogue.
        control_hz: by digest of the robot, because entries count steps.
    """
    ordered = sorted(entries, key=lambda entry: entry.started_at)
    by_place: dict[tuple[str, str], list[CatalogueEntry]] = defaultdict(list)
    for entry in ordered:
        by_place[entry.operator, entry.station].append(entry)
    worked_s: dict[str, float] = {}
    for at_one_place in by_place.values():
        for entry, following in zip_longest(at_one_place, at_one_place[1:]):
            until_next_s = BREAK_S if following is None else (_began(following) - _began(entry)).total_seconds()
            alone_s = entry.ticks / control_hz[entry.robot_digest]
            worked_s[entry.id] = alone_s if until_next_s >= BREAK_S else until_next_s
    return [
        Effort(entry, entry.ticks / control_hz[entry.robot_digest], worked_s[entry.id])
        for entry in ordered
        if entry.purpose != "rollout"
    ]


def tallies(found: Sequence[Effort], by: Grouping, zone: tzinfo | None = None) -> list[Tally]:
    """One tally for each task, operator or day, in the order of names. Days are those of a time zone, else local."""
    name_of: Mapping[Grouping, Callable[[CatalogueEntry], str]] = {
        "task": lambda entry: entry.task,
        "operator": lambda entry: entry.operator,
        "day": lambda entry: day_of(entry, zone),
    }
    groups: dict[str, list[Effort]] = defaultdict(list)
    for effort in found:
        groups[name_of[by](effort.entry)].append(effort)
    return [tally(name, groups[name]) for name in sorted(groups)]


def tally(name: str, found: Sequence[Effort]) -> Tally:
    """All of some demonstrations in one."""
    rejected = Counter(cause_of(effort.entry) for effort in found if not effort.entry.accepted)
    judged = Counter(effort.entry.quality_verdict for effort in found if effort.entry.quality_verdict)
    return Tally(
        name=name,
        kept=Rate.of(effort.entry.accepted for effort in found),
        recorded_s=sum(effort.recorded_s for effort in found),
        kept_s=sum(effort.recorded_s for effort in found if effort.entry.accepted),
        worked_s=sum(effort.worked_s for effort in found),
        quality=dict(sorted(judged.items())),
        causes=dict(rejected.most_common()),
    )


def cause_of(entry: CatalogueEntry) -> str:
    """Why an episode was not accepted, without its figures, so that the same cause is the same word."""
    told = entry.verdict_reason or entry.reason
    return told.partition(":")[0].strip() if told else entry.status if entry.status == NOT_FINISHED else "not said"


def day_of(entry: CatalogueEntry, zone: tzinfo | None = None) -> str:
    """The day on which an episode began, as ISO 8601 writes it."""
    return _began(entry).astimezone(zone).date().isoformat()


def _began(entry: CatalogueEntry) -> datetime:
    return datetime.fromisoformat(entry.started_at)
