"""Failure modes: where, in the factors' own names, the policy fails at which instruction step, and how sure that is.

One signature (the instruction step that failed) at a time: find the rule with the highest lift, ask what chance would
have found, count on rollouts the rule was not learned from, set aside what it covers, search again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from envs.scenario import ScenarioSpace
from policies.cases.rollout import Rollout, failures
from policies.cases.rule import Counts, Rule, count_failures
from policies.cases.search import BoolArray, ConditionTable, best_rule, chance_of_rule, chance_of_second_clause

ANY_FAILURE = "any failure"

_MIN_FAILURES = 10  # of one signature, before a rule is looked for
_MAX_RULES = 3  # of one signature
_FOLDS = 5


@dataclass(frozen=True)
class Mode:
    """A signature and the rule that goes with it.

    `counts` are over the rollouts that the rule was found in, so they flatter it; `held_out` counts each rollout by a
    rule that was learned without it. `p_value` is Holm-adjusted over all rules that were tested, `mass` the share of
    the deployment distribution that the rule covers.
    """

    signature: str
    rule: Rule
    rule_text: str
    counts: Counts
    held_out: Counts
    p_value: float
    mass: float
    confirmed: bool

    @property
    def name(self) -> str:
        return f"{self.signature} | {self.rule_text}"

    def covers(self, rollout: Rollout) -> bool:
        """Whether a rollout failed in this way, in this region."""
        same = not rollout.success and self.signature in (ANY_FAILURE, rollout.signature)
        return same and self.rule.matches(rollout.scenario)

    def to_dict(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "signature": self.signature,
            "rule": self.rule.to_dict(),
            "rule_text": self.rule_text,
            "counts": self.counts.to_dict(),
            "held_out": self.held_out.to_dict(),
            "p_value": self.p_value,
            "mass": self.mass,
            "confirmed": self.confirmed,
        }


def find_modes(
    space: ScenarioSpace,
    rollouts: Sequence[Rollout],
    rng: np.random.Generator,
    *,
    alpha: float = 0.05,
    permutations: int = 499,
) -> list[Mode]:
    """All rules that were tested, the confirmed ones first.

    Where no rule for a single signature is confirmed, one for all failures together may be.
    """
    signatures = Counter(rollout.signature for rollout in failures(rollouts))
    wanted = [signature for signature, count in signatures.most_common() if count >= _MIN_FAILURES]
    if len(signatures) > 1 and signatures.total() >= _MIN_FAILURES:
        wanted.append(ANY_FAILURE)
    table = ConditionTable.over(space, [rollout.scenario for rollout in rollouts])
    found: list[Mode] = []
    for signature in wanted:
        failed = np.array([_failed_as(signature, rollout) for rollout in rollouts], dtype=bool)
        found += _rules_of(signature, space, rollouts, table, failed, rng, alpha, permutations)
    judged = _holm(found, alpha)
    if any(mode.confirmed and mode.signature != ANY_FAILURE for mode in judged):
        judged = [mode for mode in judged if mode.signature != ANY_FAILURE]
    return sorted(judged, key=lambda mode: (not mode.confirmed, mode.p_value, -mode.counts.lift))


def _failed_as(signature: str, rollout: Rollout) -> bool:
    return not rollout.success and signature in (ANY_FAILURE, rollout.signature)


def _rules_of(
    signature: str,
    space: ScenarioSpace,
    rollouts: Sequence[Rollout],
    table: ConditionTable,
    failed: BoolArray,
    rng: np.random.Generator,
    alpha: float,
    permutations: int,
) -> list[Mode]:
    """Sequential covering: rules of one signature, until one could be chance (that one is the last)."""
    modes: list[Mode] = []
    left = np.ones(len(rollouts), dtype=bool)
    while len(modes) < _MAX_RULES and failed[left].sum() >= _MIN_FAILURES:
        remaining, outcome = table.rows(left), failed[left]
        rule = best_rule(remaining, outcome)
        if rule is None:
            break
        if len(rule.clauses) == 2 and chance_of_second_clause(remaining, outcome, rule, rng, permutations) > alpha:
            rule = Rule(rule.clauses[:1])
        chance = chance_of_rule(remaining, outcome, rule, rng, permutations)
        inside = np.array([rule.matches(rollout.scenario) for rollout in rollouts], dtype=bool)
        modes.append(
            Mode(
                signature=signature,
                rule=rule,
                rule_text=rule.text(space),
                counts=count_failures(inside, failed),
                held_out=_held_out_counts(remaining, outcome, rng),
                p_value=chance,
                mass=rule.mass(space, rng),
                confirmed=False,
            )
        )
        if chance > alpha:
            break
        left &= ~inside
    return modes


def _held_out_counts(table: ConditionTable, failed: BoolArray, rng: np.random.Generator) -> Counts:
    """Failures inside and outside of rules that were each learned without the rollouts they are counted on."""
    fold = rng.permutation(failed.size) % _FOLDS
    inside = np.zeros(failed.size, dtype=bool)
    for held in range(_FOLDS):
        rule = best_rule(table.rows(fold != held), failed[fold != held])
        if rule is not None:
            rows = [table.clauses.index(clause) for clause in rule.clauses]
            inside[fold == held] = table.held[rows][:, fold == held].all(axis=0)
    return count_failures(inside, failed)


def _holm(modes: Sequence[Mode], alpha: float) -> list[Mode]:
    """Adjust the p-values for everything that was tested."""
    adjusted = holm([mode.p_value for mode in modes])
    return [replace(mode, p_value=p, confirmed=p <= alpha) for mode, p in zip(modes, adjusted, strict=True)]


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's step-down adjustment, which bounds the chance of any false rejection (Holm 1979)."""
    order = np.argsort(p_values)
    scaled = np.sort(p_values) * (len(p_values) - np.arange(len(p_values)))
    adjusted = np.empty(len(p_values))
    adjusted[order] = np.minimum(np.maximum.accumulate(scaled), 1.0)
    return [float(p) for p in adjusted]
