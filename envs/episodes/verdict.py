"""What is said of an episode's quality: kept in its sheet, shown to the trainer, asked for by a dataset's query."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, Literal, get_args

QUALITY_SCHEMA_VERSION = 1  # of the `quality` field alone; the sheet has its own

# "good": keep it. "coach": keep it, and tell the trainer what to do differently. "reject": a hard gate is not passed.
# "unjudged": the gates are passed, but there are too few references to say anything of the style.
Verdict = Literal["good", "coach", "reject", "unjudged"]
VERDICTS: tuple[Verdict, ...] = get_args(Verdict)


@dataclass(frozen=True)
class Moment:
    """Something worth looking at, by seconds since the episode's first step."""

    kind: str  # what was found, such as "pause"
    start_s: float
    end_s: float
    step: str  # name of the instruction step; "" where it is of the whole episode


@dataclass(frozen=True)
class Figure:
    """One of the numbers shown: `usual` is the references' median, None where there are too few of them."""

    metric: str
    step: str
    value: float
    unit: str
    usual: float | None = None
    worse_by: float | None = None  # robust z in the direction that is worse; below 0 is better than usual


@dataclass(frozen=True)
class QualityVerdict:
    """The judgement of one episode.

    `score` is 1 where no style metric is worse than usual and 0 where all are three robust deviations worse; None where
    the style is not judged. `english` and `chinese` are one sentence each. `metrics` are by instruction step, "" being
    the whole episode; what cannot be measured is left out.
    """

    verdict: Verdict
    score: float | None
    english: str
    chinese: str
    where: Moment | None = None  # what the sentence speaks of
    figures: tuple[Figure, ...] = ()
    moments: tuple[Moment, ...] = ()
    gates: tuple[str, ...] = ()  # the hard gates that are not passed, in words
    references: dict[str, int] = field(default_factory=dict)  # how many episodes each step was judged against
    metrics: dict[str, dict[str, float]] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {"schema_version": QUALITY_SCHEMA_VERSION, **asdict(self)}

    @staticmethod
    def from_dict(fields: dict[str, Any]) -> QualityVerdict | None:
        """The inverse of `to_dict`; None for the empty field of an episode that was never judged.

        Raises:
            KeyError, TypeError, ValueError: the fields are not a verdict's.
        """
        if "verdict" not in fields:  # empty, or the bare figures of the first recordings
            return None
        if fields["schema_version"] != QUALITY_SCHEMA_VERSION:
            raise ValueError(
                f"quality schema_version is {fields['schema_version']}; this program reads {QUALITY_SCHEMA_VERSION}"
            )
        if fields["verdict"] not in VERDICTS:
            raise ValueError(f"the verdict is {fields['verdict']!r}; it must be one of {', '.join(VERDICTS)}")
        return QualityVerdict(
            verdict=fields["verdict"],
            score=fields["score"],
            english=fields["english"],
            chinese=fields["chinese"],
            where=None if fields["where"] is None else Moment(**fields["where"]),
            figures=tuple(Figure(**figure) for figure in fields["figures"]),
            moments=tuple(Moment(**moment) for moment in fields["moments"]),
            gates=tuple(fields["gates"]),
            references=dict(fields["references"]),
            metrics={step: dict(values) for step, values in fields["metrics"].items()},
        )
