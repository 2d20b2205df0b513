"""A rate is a count out of a count, with an interval. Every rate in Retake is one of these."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple


class Interval(NamedTuple):
    """A confidence interval."""

    low: float
    high: float


def wilson(successes: int, n: int, confidence: float = 0.95) -> Interval:
    """Wilson's score interval of a proportion (Wilson 1927); [0, 1] where nothing was tried.

    Raises:
        ValueError: the counts are not 0 <= successes <= n.
    """
    from scipy.stats import binomtest

    if not 0 <= successes <= n:
        raise ValueError(f"{successes} successes of {n}; give counts with 0 <= successes <= n")
    if n == 0:
        return Interval(0.0, 1.0)
    found = binomtest(successes, n).proportion_ci(confidence_level=confidence, method="wilson")
    return Interval(float(found.low), float(found.high))


@dataclass(frozen=True)
class Rate:
    """`count` of `n`, with its Wilson 95 % interval."""

    count: int
    n: int

    def __post_init__(self) -> None:
        if not 0 <= self.count <= self.n:
            raise ValueError(f"a rate of {self.count} in {self.n}; give counts with 0 <= count <= n")

    @staticmethod
    def of(outcomes: Iterable[bool]) -> Rate:
        held = [bool(outcome) for outcome in outcomes]
        return Rate(sum(held), len(held))

    @property
    def value(self) -> float:
        """The proportion; nan where nothing was tried."""
        return self.count / self.n if self.n else float("nan")

    @property
    def interval(self) -> Interval:
        return wilson(self.count, self.n)

    def __str__(self) -> str:
        if not self.n:
            return "0 of 0"
        low, high = self.interval
        return f"{self.count} of {self.n} ({100 * self.value:.0f} %, 95 % interval {100 * low:.0f}-{100 * high:.0f} %)"

    def to_dict(self) -> dict[str, float | int | None]:
        low, high = self.interval
        value = self.value if self.n else None
        return {"count": self.count, "n": self.n, "value": value, "low": low, "high": high}
