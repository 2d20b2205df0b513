"""What is usual in each instruction step: learned from episodes that somebody holds to be good."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from envs.episodes.durable import cannot_write, write_json
from envs.episodes.quality.deeds import FLOORS
from envs.episodes.quality.measuring import Measured
from envs.episodes.quality.metrics import METRICS
from envs.episodes.quality.order import SWAPPED, exchanged_steps
from envs.episodes.quality.usual import Usual, robust_deviation, usual_of
from envs.errors import ArchiveError

FEWEST = 8  # references of a step, below which its style is not judged
REFERENCES_NAME = "references"  # folder of an archive
_KIND = {"kind": "retake-references", "schema_version": 1}
_FOLDS = 5
_USUAL_WORST = 0.95  # of the references are judged better than this


@dataclass(frozen=True)
class Reference:
    """What was measured in one reference episode; see `Measured`."""

    episode: str
    metrics: Mapping[str, Mapping[str, float]]
    deeds: Mapping[str, Mapping[str, float]]
    duration_s: Mapping[str, float]
    setting: Mapping[str, float] = field(default_factory=dict)

    @staticmethod
    def of(episode: str, measured: Measured) -> Reference:
        return Reference(episode, measured.metrics, measured.deeds, measured.duration_s, measured.setting)


@dataclass(frozen=True)
class References:
    """The references of one task on one robot and kind of body."""

    task: str
    robot: str
    body: str
    episodes: tuple[Reference, ...]
    fewest: int = FEWEST
    known_worst: float | None = field(default=None, compare=False)  # `usual_worst`, where it is known already

    @cached_property
    def usual(self) -> Mapping[str, Mapping[str, Usual]]:
        """By step and metric; metrics that too few references have are left out."""
        return {step: self._usual_of(step) for step in self._steps()}

    @cached_property
    def usual_deeds(self) -> Mapping[str, Mapping[str, tuple[float, float]]]:
        """Median and spread by step and number of `deeds_of`, of steps with enough references."""
        found = {}
        for step in self._steps():
            rows = [reference.deeds[step] for reference in self.episodes if step in reference.deeds]
            if len(rows) >= self.fewest:
                names = set.intersection(*(set(row) for row in rows))
                found[step] = {name: _spread_of([row[name] for row in rows], name) for name in sorted(names)}
        return found

    @cached_property
    def counts(self) -> dict[str, int]:
        """How many references there are of each step."""
        return {step: sum(step in reference.metrics for reference in self.episodes) for step in self._steps()}

    def deviations(self, measured: Measured | Reference) -> dict[tuple[str, str], float]:
        """Robust z of each metric by step and metric, positive where it is worse than usual."""
        found = {}
        for step, metrics in measured.metrics.items():
            for name, value in metrics.items():
                usual = self.usual.get(step, {}).get(name)
                if usual is not None:
                    expected = usual.expected(measured.duration_s[step], measured.setting)
                    away = (value - expected) / usual.spread
                    found[step, name] = away if METRICS[name].worse == "more" else -away
        return found

    @cached_property
    def usual_worst(self) -> float:
        """What the worst metric of 19 in 20 references stays below: of many metrics one is always worst.

        Each fifth of the references is judged by the others. 0 without references.
        """
        if self.known_worst is not None:
            return self.known_worst
        worst: list[float] = []
        for fold in range(_FOLDS):
            others = tuple(one for place, one in enumerate(self.episodes) if place % _FOLDS != fold)
            rest = References(self.task, self.robot, self.body, others, fewest=_FOLDS)
            worst += [max(rest.deviations(one).values(), default=0.0) for one in self.episodes[fold::_FOLDS]]
        return float(np.quantile(worst, _USUAL_WORST)) if worst else 0.0

    def without(self, episode: str) -> References:
        """For judging one of the references by the others; what the worst usually is, was found so already."""
        others = tuple(one for one in self.episodes if one.episode != episode)
        return References(self.task, self.robot, self.body, others, known_worst=self.usual_worst)

    def swapped(self) -> dict[str, tuple[str, str]]:
        """References whose hands did two steps in the other order, as most of the others did them, by episode."""
        found = {}
        for reference in self.episodes:
            times, pair = exchanged_steps(reference.deeds, self.usual_deeds)
            if pair is not None and times >= SWAPPED:
                found[reference.episode] = pair
        return found

    def _steps(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(step for reference in self.episodes for step in reference.metrics))

    def _usual_of(self, step: str) -> dict[str, Usual]:
        found = {}
        for name in METRICS:
            having = [reference for reference in self.episodes if name in reference.metrics.get(step, {})]
            if len(having) >= self.fewest:
                values = np.array([reference.metrics[step][name] for reference in having])
                durations_s = np.array([reference.duration_s[step] for reference in having])
                settings = [reference.setting for reference in having]
                found[name] = usual_of(values, durations_s, settings, METRICS[name])
        return found

    def to_dict(self) -> dict[str, Any]:
        fields = asdict(self)
        del fields["fewest"], fields["known_worst"]
        return {**_KIND, **fields, "usual_worst": self.usual_worst}

    @staticmethod
    def from_dict(fields: dict[str, Any]) -> References:
        """The inverse of `to_dict`. Raises KeyError, TypeError or ValueError where the fields are no references."""
        if {key: fields[key] for key in _KIND} != _KIND:
            raise ValueError(f"this program reads {_KIND}")
        episodes = tuple(Reference(**reference) for reference in fields["episodes"])
        worst = float(fields["usual_worst"])
        return References(fields["task"], fields["robot"], fields["body"], episodes, known_worst=worst)


def write_references(path: Path, references: References) -> None:
    """
    Raises:
        ArchiveError: the file cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_json(path, references.to_dict())
    except OSError as error:
        raise ArchiveError(cannot_write(path, error)) from error


def read_references(path: Path) -> References:
    """
    Raises:
        ArchiveError: there is no such file, or it holds something else.
    """
    try:
        return References.from_dict(json.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise ArchiveError(f"cannot read {path}: {error.strerror}; `retake quality learn` writes one") from error
    except (ValueError, KeyError, TypeError) as error:
        raise ArchiveError(
            f"{path} holds no references ({type(error).__name__}: {error}); let `retake quality learn` write it anew"
        ) from error


def references_path(archive: Path, task: str, body: str) -> Path:
    """Where an archive keeps the references of a task on one kind of body."""
    return archive / REFERENCES_NAME / f"{task}-{body}.json"


def find_references(archives: Iterable[Path], task: str, robot: str, body: str) -> References:
    """The references in the first archive that has any of this robot; none at all, where no archive has.

    Raises:
        ArchiveError: a file is damaged.
    """
    for archive in archives:
        path = references_path(archive, task, body)
        if path.is_file() and (found := read_references(path)).robot == robot:
            return found
    return References(task, robot, body, ())


def _spread_of(values: list[float], name: str) -> tuple[float, float]:
    median = float(np.median(values))
    spread = robust_deviation(np.array(values))
    return median, max(spread, FLOORS[name.rpartition("_")[2]])
