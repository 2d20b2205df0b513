"""Was it fixed? The same scenarios before and after, and what may be said of the difference.

Every number here is about one pair of networks; `policies.cases.recipe` compares recipes over several seeds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from policies.cases.rates import Interval, Rate
from policies.cases.rollout import Rollout
from policies.errors import EvidenceError

NON_INFERIORITY_MARGIN = 0.10


@dataclass(frozen=True)
class Paired:
    """Outcomes of two policies on the same scenarios."""

    before: Rate
    after: Rate
    fixed: int  # failed before, succeeds after
    broken: int  # succeeded before, fails after

    @property
    def n(self) -> int:
        return self.before.n

    @property
    def difference(self) -> float:
        """Success rate after minus before."""
        return (self.fixed - self.broken) / self.n

    def to_dict(self) -> dict[str, Any]:
        counts = {"n": self.n, "fixed": self.fixed, "broken": self.broken, "difference": self.difference}
        return {"before": self.before.to_dict(), "after": self.after.to_dict(), **counts}


def pair(before: Sequence[Rollout], after: Sequence[Rollout]) -> Paired:
    """Match rollouts by scenario.

    Raises:
        EvidenceError: the scenarios differ, one appears twice, or a pair ran with different seeds.
    """
    first, second = _by_key(before), _by_key(after)
    if first.keys() != second.keys() or not first:
        alone = sorted(first.keys() ^ second.keys())
        raise EvidenceError(
            f"{len(first)} scenarios before and {len(second)} after, {len(alone)} of them without a partner "
            f"{alone[:3]}; run both policies on the same scenarios"
        )
    unequal = [key for key in first if first[key].seed != second[key].seed]
    if unequal:
        raise EvidenceError(f"{len(unequal)} pairs ran with different seeds {unequal[:3]}; a pair must share its seed")
    outcomes = np.array([(first[key].success, second[key].success) for key in first], dtype=bool)
    was, now = outcomes[:, 0], outcomes[:, 1]
    return Paired(Rate.of(was), Rate.of(now), int((~was & now).sum()), int((was & ~now).sum()))


def _by_key(rollouts: Sequence[Rollout]) -> dict[str, Rollout]:
    found = {rollout.key: rollout for rollout in rollouts}
    if len(found) < len(rollouts):
        raise EvidenceError(f"{len(rollouts)} rollouts of {len(found)} scenarios; give one rollout a scenario")
    return found


def mcnemar_p(fixed: int, broken: int) -> float:
    """Exact one-sided McNemar test: P(Bin(fixed + broken, 1/2) >= fixed)."""
    from scipy.stats import binomtest

    if fixed + broken == 0:
        return 1.0
    return float(binomtest(fixed, fixed + broken, 0.5, alternative="greater").pvalue)


def e_value(fixed: int, broken: int) -> float:
    """Evidence for "more fixed than broken" that may be looked at after every pair (Ville 1939).

    The probability that a changed pair is a fix is mixed uniformly over (1/2, 1]:
    `E = 2^(b+c+1) B(c+1, b+1) P(Beta(c+1, b+1) > 1/2)` for c fixed and b broken.
    """
    from scipy.special import betaln
    from scipy.stats import beta

    log_e = (fixed + broken + 1) * np.log(2.0) + betaln(fixed + 1, broken + 1)
    return float(np.exp(log_e + beta.logsf(0.5, fixed + 1, broken + 1)))


def paired_interval(gained: int, lost: int, n: int, confidence: float = 0.95) -> Interval:
    """Tango's score interval of the paired difference (gained - lost) / n (Tango 1998).

    Raises:
        ValueError: the counts do not fit into n pairs.
    """
    from scipy.optimize import brentq
    from scipy.stats import norm

    if n < 1 or min(gained, lost) < 0 or gained + lost > n:
        raise ValueError(f"{gained} gained and {lost} lost of {n} pairs; give counts that fit")
    critical = float(norm.ppf(0.5 + confidence / 2.0))
    estimate = (gained - lost) / n

    def edge(outer: float, sign: float) -> float:
        def gap(delta: float) -> float:
            return sign * _tango_score(gained, lost, n, delta) - critical

        inner = estimate - sign * 1e-12
        if gap(outer) <= 0.0 or abs(inner) >= 1.0:
            return float(np.sign(outer))
        return float(brentq(gap, outer, inner, xtol=1e-10))

    tiny = 1e-12
    return Interval(edge(-1.0 + tiny, 1.0), edge(1.0 - tiny, -1.0))


def _tango_score(gained: int, lost: int, n: int, delta: float) -> float:
    """Standardised distance of the estimate from `delta`, with the discordant rates at their constrained optimum."""
    b = -gained - lost + (2 * n - gained + lost) * delta
    c = -lost * delta * (1.0 - delta)
    lost_rate = (np.sqrt(max(b * b - 8.0 * n * c, 0.0)) - b) / (4.0 * n)
    variance = n * (2.0 * lost_rate + delta * (1.0 - delta))
    distance = gained - lost - n * delta
    if variance <= 0.0:
        return 0.0 if distance == 0.0 else float(np.copysign(np.inf, distance))
    return float(distance / np.sqrt(variance))


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
        """One sentence of what was measured."""
        p = self.paired
        low, high = (100.0 * limit for limit in self.interval)
        said = f"significant at {self.alpha:g}" if self.significant else "not significant"
        return (
            f"Fixed {p.fixed}, broke {p.broken} of {p.n}: {p.before.count} succeeded before, {p.after.count} after; "
            f"difference {100.0 * p.difference:+.0f} points (95 % interval {low:+.0f} to {high:+.0f}), "
            f"p = {format_p(self.p_value)}: {said}."
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
    def text(self) -> str:
        p = self.paired
        limit = f"the loss is below {100.0 * self.upper_limit:.1f} points with 95 % confidence"
        said = "nothing got worse" if self.holds else "a regression cannot be ruled out"
        return (
            f"Broke {p.broken}, fixed {p.fixed} of {p.n}; {limit}; margin {100.0 * self.margin:.0f} points: "
            f"{said} by more than the margin."
        )

    def to_dict(self) -> dict[str, Any]:
        judged = {"margin": self.margin, "upper_limit": self.upper_limit, "holds": self.holds, "text": self.text}
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
