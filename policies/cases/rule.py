"""A rule names a region of scenarios in the words of its factors: `radius >= 31 mm and friction < 0.45`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from typing import Any, Literal

import numpy as np

from envs.scenario import Scenario, ScenarioSpace, Value
from policies.cases.rates import Rate

Relation = Literal["<", ">=", "is"]


@dataclass(frozen=True)
class Clause:
    """One condition on one factor."""

    factor: str
    relation: Relation
    value: Value

    def matches(self, scenario: Scenario) -> bool:
        value = scenario.values[self.factor]
        if self.relation == "is":
            return value == self.value
        below = float(value) < float(self.value)
        return below if self.relation == "<" else not below

    def text(self, space: ScenarioSpace) -> str:
        if self.relation == "is":
            return f"{self.factor} is {self.value}"
        symbol = "<" if self.relation == "<" else "≥"
        unit = space.by_name[self.factor].unit
        return f"{self.factor} {symbol} {float(self.value):.3g}" + (f" {unit}" if unit else "")

    def widened(self, space: ScenarioSpace, share: float) -> Clause:
        """The same clause with its threshold moved outwards by a share of the factor's range."""
        if self.relation == "is":
            return self
        factor = space.by_name[self.factor]
        margin = share * (factor.upper - factor.lower)
        moved = float(self.value) + (margin if self.relation == "<" else -margin)
        return Clause(self.factor, self.relation, moved)


@dataclass(frozen=True)
class Rule:
    """All of its clauses hold. A rule without clauses holds everywhere."""

    clauses: tuple[Clause, ...]

    def matches(self, scenario: Scenario) -> bool:
        return all(clause.matches(scenario) for clause in self.clauses)

    @property
    def factors(self) -> tuple[str, ...]:
        return tuple(clause.factor for clause in self.clauses)

    def text(self, space: ScenarioSpace) -> str:
        return " and ".join(clause.text(space) for clause in self.clauses) or "everywhere"

    def widened(self, space: ScenarioSpace, share: float) -> Rule:
        return Rule(tuple(clause.widened(space, share) for clause in self.clauses))

    def mass(self, space: ScenarioSpace, rng: np.random.Generator, draws: int = 512) -> float:
        """Share of the deployment distribution that the rule covers (quasi Monte Carlo)."""
        drawn = islice(space.draw(None, rng), draws)
        return sum(self.matches(scenario) for scenario in drawn) / draws

    def to_dict(self) -> list[dict[str, Any]]:
        return [{"factor": c.factor, "relation": c.relation, "value": c.value} for c in self.clauses]

    @staticmethod
    def from_dict(fields: Iterable[Mapping[str, Any]]) -> Rule:
        return Rule(tuple(Clause(c["factor"], c["relation"], c["value"]) for c in fields))


@dataclass(frozen=True)
class Counts:
    """How often it failed inside a region and outside of it."""

    inside: Rate
    outside: Rate

    @cached_property
    def lift(self) -> float:
        """Weighted relative accuracy: (n_in / N) (failure rate inside - failure rate overall)."""
        n = self.inside.n + self.outside.n
        if not self.inside.n:
            return 0.0
        overall = (self.inside.count + self.outside.count) / n
        return (self.inside.n / n) * (self.inside.value - overall)

    def p_value(self) -> float:
        """One-sided exact p that the failure rate inside is higher (Fisher 1935; valid at any count)."""
        from scipy.stats import fisher_exact

        table = np.array([[c.count, c.n - c.count] for c in (self.inside, self.outside)])
        return float(fisher_exact(table, alternative="greater").pvalue)

    def to_dict(self) -> dict[str, Any]:
        return {"inside": self.inside.to_dict(), "outside": self.outside.to_dict()}

    @staticmethod
    def from_dict(fields: Mapping[str, Any]) -> Counts:
        return Counts(*(Rate(fields[side]["count"], fields[side]["n"]) for side in ("inside", "outside")))


def count_failures(region: Iterable[bool], failed: Iterable[bool]) -> Counts:
    """Failures inside and outside of a region, both given as one value a rollout."""
    inside = np.asarray(list(region), dtype=bool)
    bad = np.asarray(list(failed), dtype=bool)
    return Counts(Rate.of(bad[inside]), Rate.of(bad[~inside]))
