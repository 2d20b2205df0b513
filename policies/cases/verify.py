"""Was it fixed, and did nothing else get worse? What may be said of the same scenarios before and after.

Every number here is about one pair of networks; `policies.cases.recipe` compares recipes over several seeds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from policies.cases.paired import Paired, e_value, mcnemar_p, pair, paired_interval
from policies.cases.rates import Interval
from policies.cases.rollout import Rollout

NON_INFERIORITY_MARGIN = 0.10


@dataclass(frozen=True)
class Improvement:
    """A paired comparison and what it allows one to say."""

    paired: Paired
    p_value: float  # exact McNemar, one-sided
    e_value: float
    interval: Interval  # of the difference, 95 %
    alpha: float

    @property
    def significant(self) -> bool:
        return self.p_value <= self.alpha

    @property
    def text(self) -> str:
        """What was measured, in a sentence; another says what was left out."""
        p = self.paired
        low, high = (100.0 * limit for limit in self.interval)
        said = f"significant at {self.alpha:g}" if self.significant else "not significant"
        return (
            f"Fixed {p.fixed}, broke {p.broken} of {p.n}: {p.before.count} succeeded before, {p.after.count} after; "
            f"difference {100.0 * p.difference:+.0f} points (95 % interval {low:+.0f} to {high:+.0f}), "
            f"one-sided p = {format_p(self.p_value)}: {said}.{p.remark}"
        )

    def to_dict(self) -> dict[str, Any]:
        judged = {"p_value": self.p_value, "e_value": self.e_value, "alpha": self.alpha}
        limits = {"difference_low": self.interval.low, "difference_high": self.interval.high}
        return {**self.paired.to_dict(), **limits, **judged, "significant": self.significant, "text": self.text}


def judge_improvement(before: Sequence[Rollout], after: Sequence[Rollout], *, alpha: float = 0.05) -> Improvement:
    """Compare on VERIFY scenarios.

    Raises:
        EvidenceError: the rollouts are not pairs.
    """
    paired = pair(before, after)
    return Improvement(
        paired=paired,
        p_value=mcnemar_p(paired.fixed, paired.broken),
        e_value=e_value(paired.fixed, paired.broken),
        interval=paired_interval(paired.fixed, paired.broken, paired.n),
        alpha=alpha,
    )


@dataclass(frozen=True)
class NonInferiority:
    """Whether anything got worse by more than a margin: the upper one-sided 95 % limit of the loss is below it."""

    paired: Paired
    margin: float
    upper_limit: float  # of (broken - fixed) / n

    @property
    def holds(self) -> bool:
        return self.upper_limit < self.margin

    @property
    def is_trivial(self) -> bool:
        """Whether the policy before succeeded so rarely that no loss could have exceeded the margin."""
        return self.paired.before.value <= self.margin

    @property
    def text(self) -> str:
        """What was measured, in a sentence; another says what was left out."""
        p = self.paired
        limit, margin = 100.0 * max(self.upper_limit, 0.0), 100.0 * self.margin
        said = f"within the margin of {margin:.0f}" if self.holds else f"outside the margin of {margin:.0f}"
        trivial = f" With {p.before.count} successes before, there was no more to lose." if self.is_trivial else ""
        return (
            f"Broke {p.broken}, fixed {p.fixed} of {p.n}: a loss of more than {limit:.1f} points is ruled out with "
            f"95 % confidence, {said}.{trivial}{p.remark}"
        )

    def to_dict(self) -> dict[str, Any]:
        judged = {"margin": self.margin, "upper_limit": self.upper_limit, "holds": self.holds, "text": self.text}
        judged["is_trivial"] = self.is_trivial
        return {**self.paired.to_dict(), **judged}


def judge_regression(
    before: Sequence[Rollout], after: Sequence[Rollout], *, margin: float = NON_INFERIORITY_MARGIN
) -> NonInferiority:
    """Compare on REGRESS scenarios.

    Raises:
        EvidenceError: the rollouts are not pairs.
    """
    paired = pair(before, after)
    limit = paired_interval(paired.broken, paired.fixed, paired.n, confidence=0.90).high
    return NonInferiority(paired, margin, limit)


def format_p(p_value: float) -> str:
    return f"{p_value:.3f}" if p_value >= 0.001 else f"{p_value:.0e}"
