"""Two policies on the same scenarios: counts, exact tests and intervals of the paired difference."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from policies.cases.rates import Interval, Rate
from policies.cases.rollout import Rollout
from policies.errors import EvidenceError


@dataclass(frozen=True)
class Paired:
    """Outcomes of two policies on the same scenarios.

    Where the body stopped the first policy's rollout, nothing is fixed by the second's: such pairs are not among them,
    and `left_out` counts them. A rollout that was stopped after counts as failed, for a policy can cause a stop; so no
    stop ever speaks for the second policy. `stopped_after` counts those that are among the pairs.
    """

    before: Rate
    after: Rate
    fixed: int  # failed before, succeeds after
    broken: int  # succeeded before, fails after
    left_out: int = 0
    stopped_after: int = 0

    @property
    def n(self) -> int:
        return self.before.n

    @property
    def difference(self) -> float:
        """Success rate after minus before."""
        return (self.fixed - self.broken) / self.n

    @property
    def remark(self) -> str:
        """Sentences on stops, each after a space; empty where there are none."""
        left_out = f" {_pairs(self.left_out)} left out, as the body stopped the first rollout." if self.left_out else ""
        counted = f" {_pairs(self.stopped_after)} counted as failed after, as the body stopped the second."
        return left_out + (counted if self.stopped_after else "")

    def to_dict(self) -> dict[str, Any]:
        counts = {"n": self.n, "fixed": self.fixed, "broken": self.broken, "difference": self.difference}
        stops = {"left_out": self.left_out, "stopped_after": self.stopped_after}
        rates = {"before": self.before.to_dict(), "after": self.after.to_dict()}
        return {**rates, **counts, **stops}


def pair(before: Sequence[Rollout], after: Sequence[Rollout]) -> Paired:
    """Match rollouts by scenario.

    Raises:
        EvidenceError: the scenarios differ, one appears twice, a pair ran with different seeds or from different
            steps on, or the body stopped every first rollout.
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
    apart = [key for key in first if first[key].first_step != second[key].first_step]
    if apart:
        raise EvidenceError(
            f"{len(apart)} pairs began at different steps {apart[:3]}; give both policies the same --begin"
        )
    whole = [key for key in first if not first[key].was_stopped]
    if not whole:
        raise EvidenceError(f"the body stopped the first rollout of every one of {len(first)} pairs; run them again")
    outcomes = np.array([(first[key].success, second[key].success) for key in whole], dtype=bool)
    was, now = outcomes[:, 0], outcomes[:, 1]
    return Paired(
        before=Rate.of(was),
        after=Rate.of(now),
        fixed=int((~was & now).sum()),
        broken=int((was & ~now).sum()),
        left_out=len(first) - len(whole),
        stopped_after=sum(second[key].was_stopped for key in whole),
    )


def _pairs(count: int) -> str:
    return "1 pair was" if count == 1 else f"{count} pairs were"


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
