"""Success along each factor, before and after: where a policy is weak, and where it got better."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from envs.scenario import Factor, Scenario, ScenarioSpace
from policies.cases.rates import Rate
from policies.cases.rollout import Rollout

_BINS = 4  # of a numeric factor's range


@dataclass(frozen=True)
class FactorBin:
    """Success before and after in one part of a factor's range."""

    label: str
    center: float  # of the part in the factor's unit; the place among its choices for a category
    before: Rate
    after: Rate


@dataclass(frozen=True)
class FactorSuccess:
    """Success along one factor."""

    factor: str
    unit: str
    bins: tuple[FactorBin, ...]

    def to_dict(self) -> dict[str, Any]:
        rows = [
            {"label": b.label, "before": b.before.to_dict(), "after": b.after.to_dict(), "center": b.center}
            for b in self.bins
        ]
        return {"factor": self.factor, "unit": self.unit, "bins": rows}


def success_by_factor(
    space: ScenarioSpace, before: Sequence[Rollout], after: Sequence[Rollout], bins: int = _BINS
) -> tuple[FactorSuccess, ...]:
    """Success in equal parts of each factor's range, and at each of its choices."""
    return tuple(
        FactorSuccess(factor.name, factor.unit, _parts(factor, before, after, bins)) for factor in space.factors
    )


def _parts(factor: Factor, before: Iterable[Rollout], after: Iterable[Rollout], bins: int) -> tuple[FactorBin, ...]:
    if factor.is_categorical:
        labels, centers = list(factor.choices), list(range(len(factor.choices)))
    else:
        edges = np.linspace(factor.lower, factor.upper, bins + 1)
        labels = [f"{low:.3g} to {high:.3g}" for low, high in pairwise(edges)]
        centers = list((edges[:-1] + edges[1:]) / 2.0)
    outcomes: tuple[list[list[bool]], ...] = ([[] for _ in labels], [[] for _ in labels])
    for held, rollouts in zip(outcomes, (before, after), strict=True):
        for rollout in rollouts:
            held[_place(factor, rollout.scenario, len(labels))].append(rollout.success)
    rows = zip(labels, centers, *outcomes, strict=True)
    return tuple(FactorBin(label, float(center), Rate.of(was), Rate.of(now)) for label, center, was, now in rows)


def _place(factor: Factor, scenario: Scenario, bins: int) -> int:
    if factor.is_categorical:
        return factor.choices.index(str(scenario.values[factor.name]))
    share = (scenario.number(factor.name) - factor.lower) / (factor.upper - factor.lower)
    return min(int(share * bins), bins - 1)
