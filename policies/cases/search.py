"""The search for the rule that best separates failures: every pair of conditions, counted by one matrix product.

Quality is weighted relative accuracy (Lavrac, Flach and Zupan 1999): `(n_R / N) (f_R - f)`. With tens of factors and
hundreds of rollouts the exhaustive search takes a millisecond, so no beam is needed, and the whole search can be
repeated on permuted outcomes to learn what chance alone would find.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from envs.scenario import Scenario, ScenarioSpace
from policies.cases.rule import Clause, Rule

BoolArray = NDArray[np.bool_]

MIN_COVER = 5  # rollouts that a rule must cover
_DECILES = np.linspace(0.1, 0.9, 9)
_PRUNE_SHARE = 0.10  # a clause stays only if the lift drops by more than this share without it


@dataclass(frozen=True, eq=False)
class ConditionTable:
    """Which condition holds in which rollout."""

    clauses: tuple[Clause, ...]
    held: BoolArray  # (clauses, rollouts)

    @staticmethod
    def over(space: ScenarioSpace, scenarios: Sequence[Scenario]) -> ConditionTable:
        """Every clause worth trying: `factor < q` and `factor >= q` at the deciles, and each category."""
        clauses: list[Clause] = []
        for factor in space.factors:
            if factor.is_categorical:
                clauses += [Clause(factor.name, "is", choice) for choice in factor.choices]
                continue
            values = [scenario.number(factor.name) for scenario in scenarios]
            for threshold in np.unique(np.quantile(values, _DECILES)) if values else ():
                clauses += [Clause(factor.name, "<", float(threshold)), Clause(factor.name, ">=", float(threshold))]
        held = [[clause.matches(scenario) for scenario in scenarios] for clause in clauses]
        return ConditionTable(tuple(clauses), np.array(held, dtype=bool).reshape(len(clauses), len(scenarios)))

    def rows(self, kept: NDArray[np.bool_] | NDArray[np.intp]) -> ConditionTable:
        """The same conditions over some of the rollouts."""
        return ConditionTable(self.clauses, self.held[:, kept])

    @cached_property
    def _held(self) -> NDArray[np.float32]:  # (clauses, rollouts)
        return self.held.astype(np.float32)

    @cached_property
    def _pair_cover(self) -> NDArray[np.float32]:  # (clauses, clauses)
        return self._held @ self._held.T

    def pair_lifts(self, failed: BoolArray) -> NDArray[np.float32]:  # (clauses, clauses)
        """Lift of every conjunction of two clauses; the diagonal holds the single clauses."""
        n_failed = (self._held * failed.astype(np.float32)) @ self._held.T
        lifts = (n_failed - self._pair_cover * np.float32(failed.mean())) / np.float32(failed.size)
        return np.where(self._pair_cover < MIN_COVER, np.float32(-np.inf), lifts)

    def single_lifts(self, failed: BoolArray) -> NDArray[np.float32]:  # (clauses,)
        """Lift of every clause alone."""
        lifts = (self._held @ failed.astype(np.float32) - self._held.sum(axis=1) * failed.mean()) / failed.size
        return np.where(self._held.sum(axis=1) < MIN_COVER, np.float32(-np.inf), lifts)


def best_rule(table: ConditionTable, failed: BoolArray) -> Rule | None:
    """The rule of at most two clauses with the highest lift, strongest clause first, pruned; None if nothing lifts.

    Args:
        table: conditions over the rollouts.
        failed: (rollouts,).
    """
    if not table.clauses or not failed.any():
        return None
    lifts = table.pair_lifts(failed)
    pair = np.unravel_index(int(np.argmax(lifts)), lifts.shape)
    best = lifts[pair]
    if not best > 0.0:
        return None
    strongest, other = sorted((int(index) for index in pair), key=lambda index: -lifts[index, index])
    one_is_enough = lifts[strongest, strongest] >= (1.0 - _PRUNE_SHARE) * best
    kept = [strongest] if one_is_enough or strongest == other else [strongest, other]
    return Rule(tuple(table.clauses[index] for index in kept))


def chance_of_rule(
    table: ConditionTable, failed: BoolArray, rule: Rule, rng: np.random.Generator, permutations: int
) -> float:
    """How often the search finds a lift as high as this rule's in outcomes that no factor decides (a p-value).

    Permuting the outcomes and searching again counts the whole search, so many conditions cost nothing in honesty
    (Westfall and Young 1993).
    """
    places = [table.clauses.index(clause) for clause in rule.clauses]
    lift = table.pair_lifts(failed)[places[0], places[-1]]
    found = [table.pair_lifts(rng.permutation(failed)).max() for _ in range(permutations)]
    return float((1 + np.count_nonzero(np.array(found) >= lift)) / (permutations + 1))


def chance_of_second_clause(
    table: ConditionTable, failed: BoolArray, rule: Rule, rng: np.random.Generator, permutations: int
) -> float:
    """The p-value of a rule's second clause, given its first: the same test among what the first clause covers."""
    first, second = (table.clauses.index(clause) for clause in rule.clauses)
    within = table.rows(table.held[first])
    outcome = failed[table.held[first]]
    lift = within.single_lifts(outcome)[second]
    found = [within.single_lifts(rng.permutation(outcome)).max() for _ in range(permutations)]
    return float((1 + np.count_nonzero(np.array(found) >= lift)) / (permutations + 1))
