"""What is asked of a trainer, and what was answered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from envs.episodes.records import Instruction
from envs.scenario import Pool, Scenario, ScenarioSpace
from policies.cases.rule import Counts

Kind = Literal["recovery", "targeted", "uniform"]

_MAX_ATTEMPTS = 2  # at one demonstration; then it is left, and the request can still be completed


@dataclass(frozen=True)
class Start:
    """The snapshot that a demonstration starts from."""

    episode_id: str
    step: int


@dataclass(frozen=True)
class Demonstration:
    """One scene to set up and show."""

    scenario: Scenario
    pool: Pool  # a recovery inherits that of its rollout
    set_up_en: tuple[str, ...]
    set_up_zh: tuple[str, ...]
    start: Start | None = None  # None: from home

    def to_dict(self) -> dict[str, Any]:
        start = None if self.start is None else asdict(self.start)
        words = {"set_up_en": list(self.set_up_en), "set_up_zh": list(self.set_up_zh)}
        return {"scenario": self.scenario.to_dict(), "pool": str(self.pool), **words, "start": start}

    @staticmethod
    def from_dict(fields: Mapping[str, Any]) -> Demonstration:
        return Demonstration(
            scenario=Scenario.from_dict(fields["scenario"]),
            pool=Pool(fields["pool"]),
            set_up_en=tuple(fields["set_up_en"]),
            set_up_zh=tuple(fields["set_up_zh"]),
            start=None if fields["start"] is None else Start(**fields["start"]),
        )


def set_up_sentences(
    space: ScenarioSpace, scenario: Scenario, first: Sequence[str] = ()
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """How to set a scene up, in English and in Chinese; the factors named in `first` come first."""
    ranked = sorted(space.factors, key=lambda factor: factor.name not in first)
    told = [factor for factor in ranked if factor.set_up_en]
    sentences = [factor.set_up(scenario.values[factor.name]) for factor in told]
    return tuple(english for english, _ in sentences), tuple(chinese for _, chinese in sentences)


@dataclass(frozen=True)
class Answer:
    """An episode that was recorded for one demonstration of a request."""

    demonstration: int
    episode_id: str
    accepted: bool


@dataclass(frozen=True)
class Request:
    """So many demonstrations of one kind, for one reason.

    `counts` is the evidence for the mode: failures inside and outside of its rule. `expected_gain` is in success rate
    over the deployment distribution; None where nothing is predicted. Priority 1 comes first.
    """

    id: str
    task: str
    kind: Kind
    mode: str | None
    why: str
    priority: int
    expected_gain: float | None
    instructions: tuple[Instruction, ...]
    demonstrations: tuple[Demonstration, ...]
    counts: Counts | None = None
    answers: tuple[Answer, ...] = ()

    @property
    def open_demonstrations(self) -> tuple[int, ...]:
        """Places of the demonstrations that are still wanted."""
        tried = [[a.accepted for a in self.answers if a.demonstration == i] for i in range(len(self.demonstrations))]
        return tuple(i for i, results in enumerate(tried) if not any(results) and len(results) < _MAX_ATTEMPTS)

    @property
    def state(self) -> Literal["open", "done"]:
        return "open" if self.open_demonstrations else "done"

    @property
    def episodes(self) -> tuple[str, ...]:
        """The accepted episodes."""
        return tuple(answer.episode_id for answer in self.answers if answer.accepted)

    def to_dict(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "task": self.task,
            "state": self.state,
            "kind": self.kind,
            "mode": self.mode,
            "why": self.why,
            "priority": self.priority,
            "expected_gain": self.expected_gain,
            "counts": None if self.counts is None else self.counts.to_dict(),
            "instructions": [asdict(step) for step in self.instructions],
            "demonstrations": [demonstration.to_dict() for demonstration in self.demonstrations],
            "answers": [asdict(answer) for answer in self.answers],
        }

    @staticmethod
    def from_dict(fields: Mapping[str, Any]) -> Request:
        return Request(
            id=fields["id"],
            task=fields["task"],
            kind=fields["kind"],
            mode=fields["mode"],
            why=fields["why"],
            priority=fields["priority"],
            expected_gain=fields["expected_gain"],
            instructions=tuple(Instruction(**step) for step in fields["instructions"]),
            demonstrations=tuple(Demonstration.from_dict(each) for each in fields["demonstrations"]),
            counts=None if fields["counts"] is None else Counts.from_dict(fields["counts"]),
            answers=tuple(Answer(**answer) for answer in fields["answers"]),
        )
