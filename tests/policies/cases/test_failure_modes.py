"""A planted weakness is named, and chance is not."""

from __future__ import annotations

from itertools import islice

import numpy as np
import planted
import pysubgroup
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.stats.multitest import multipletests

from envs.scenario import Pool
from policies.cases.modes import ANY_FAILURE, find_modes, holm
from policies.cases.rates import Rate
from policies.cases.rule import Clause, Counts, Rule
from policies.cases.search import ConditionTable, best_rule, chance_of_rule, chance_of_second_clause


def _jaccard(rule: Rule, scenarios: list) -> float:
    found = np.array([rule.matches(scenario) for scenario in scenarios])
    truth = np.array([planted.hard(scenario) for scenario in scenarios])
    return float((found & truth).sum() / (found | truth).sum())


@pytest.mark.parametrize("seed", range(4))
def test_a_planted_weakness_is_named_in_the_factors_own_words(seed: int) -> None:
    modes = find_modes(planted.SPACE, planted.rollouts(160, seed), np.random.default_rng(seed), permutations=99)
    best = modes[0]
    fresh = list(islice(planted.SPACE.draw(Pool.TRAIN, np.random.default_rng(seed + 50)), 400))
    assert best.confirmed
    assert best.signature == "grasp"
    assert set(best.rule.factors) == {"radius", "friction"}
    assert _jaccard(best.rule, fresh) >= 0.5
    assert "radius ≥" in best.name
    assert best.counts.inside.value > best.counts.outside.value
    assert best.mass == pytest.approx(0.24, abs=0.12)


def test_data_without_a_weakness_confirm_no_rule_in_most_seeds() -> None:
    found = [
        find_modes(
            planted.SPACE,
            planted.rollouts(80, seed, inside=0.35, outside=0.35),
            np.random.default_rng(seed),
            permutations=59,
        )
        for seed in range(30)
    ]
    assert all(found)  # rules were looked for
    assert sum(any(mode.confirmed for mode in modes) for modes in found) <= 4  # P(Bin(30, 0.05) > 4) = 1.6 %


def test_a_factor_that_does_nothing_is_hardly_ever_named() -> None:
    named = []
    for seed in range(40):
        modes = find_modes(planted.SPACE, planted.rollouts(100, seed), np.random.default_rng(seed), permutations=39)
        named.append(any("nothing" in mode.rule.factors for mode in modes if mode.confirmed))
    assert sum(named) / len(named) < 0.05


def test_counts_on_unseen_rollouts_flatter_a_rule_less_than_its_own_counts() -> None:
    errors = []
    for seed in range(16):
        data = planted.rollouts(100, seed, inside=0.5, outside=0.2)
        best = find_modes(planted.SPACE, data, np.random.default_rng(seed), permutations=1)[0]
        fresh = planted.rollouts(200, seed + 1000, inside=0.5, outside=0.2)
        truth = np.mean([not each.success for each in fresh if best.rule.matches(each.scenario)])
        errors.append((best.counts.inside.value - truth, best.held_out.inside.value - truth))
    flattered, honest = np.mean(errors, axis=0)
    assert flattered > 0.04
    assert honest < flattered


def test_failures_of_another_step_are_not_mixed_into_a_mode() -> None:
    rng = np.random.default_rng(3)
    data = []
    for scenario in islice(planted.SPACE.draw(Pool.DISCOVER, rng), 200):
        bad_place, bad_grasp = scenario.number("light") < 3.0, planted.hard(scenario)
        fails = rng.random() < (0.85 if bad_place or bad_grasp else 0.03)
        data.append(planted.rollout(scenario, not fails, signature="grasp" if bad_grasp else "place"))
    confirmed = {m.signature: m for m in find_modes(planted.SPACE, data, rng, permutations=99) if m.confirmed}
    assert "light" in confirmed["place"].rule.factors
    assert set(confirmed["grasp"].rule.factors) == {"radius", "friction"}
    assert ANY_FAILURE not in confirmed


def test_too_few_failures_give_no_rule_at_all() -> None:
    assert find_modes(planted.SPACE, planted.rollouts(60, 0, inside=0.1, outside=0.1), np.random.default_rng(0)) == []


@pytest.mark.filterwarnings("ignore:invalid value encountered in divide:RuntimeWarning")  # of the oracle
def test_the_search_finds_what_pysubgroup_finds_exhaustively() -> None:
    import pandas as pd

    data = planted.rollouts(90, 5)
    table = ConditionTable.over(planted.SPACE, [each.scenario for each in data])
    failed = np.array([not each.success for each in data])
    frame = pd.DataFrame([dict(each.scenario.values) for each in data]).assign(failed=failed)
    selectors = []
    for clause in table.clauses[:40]:  # `first < friction` is enough: 5 factors, both directions, 9 deciles
        edges = (-np.inf, clause.value) if clause.relation == "<" else (clause.value, np.inf)
        selectors.append(pysubgroup.IntervalSelector(clause.factor, *edges))
    part = ConditionTable(table.clauses[:40], table.held[:40])
    task = pysubgroup.SubgroupDiscoveryTask(
        frame,
        pysubgroup.BinaryTarget("failed", True),
        selectors,
        result_set_size=1,
        depth=2,
        qf=pysubgroup.WRAccQF(),
        constraints=[pysubgroup.MinSupportConstraint(5)],
    )
    (quality, _, _), *_ = pysubgroup.SimpleDFS().execute(task).results
    assert part.pair_lifts(failed).max() == pytest.approx(quality, abs=1e-6)


def test_lift_is_the_same_counted_pair_by_pair() -> None:
    data = planted.rollouts(60, 8)
    table = ConditionTable.over(planted.SPACE, [each.scenario for each in data])
    failed = np.array([not each.success for each in data])
    lifts = table.pair_lifts(failed)
    for first, second in [(0, 0), (3, 40), (12, 77), (100, 5)]:
        inside = table.held[first] & table.held[second]
        counts = Counts(Rate.of(failed[inside]), Rate.of(failed[~inside]))
        if inside.sum() >= 5:
            assert lifts[first, second] == pytest.approx(counts.lift, abs=1e-6)
        else:
            assert lifts[first, second] == -np.inf


def test_a_spurious_second_clause_is_seen_as_chance() -> None:
    data = planted.rollouts(150, 2, region=lambda scenario: scenario.number("radius") >= 6.0)
    table = ConditionTable.over(planted.SPACE, [each.scenario for each in data])
    failed = np.array([not each.success for each in data])
    radius = next(c for c in table.clauses if c.factor == "radius" and c.relation == ">=" and float(c.value) > 5.5)
    extra = next(c for c in table.clauses if c.factor == "nothing" and c.relation == "<" and float(c.value) > 8.0)
    rng = np.random.default_rng(0)
    assert chance_of_rule(table, failed, best_rule(table, failed), rng, 99) == pytest.approx(0.01)
    assert chance_of_second_clause(table, failed, Rule((radius, extra)), rng, 99) > 0.05


def test_nothing_is_found_where_nothing_failed() -> None:
    data = planted.rollouts(30, 1, inside=0.0, outside=0.0)
    table = ConditionTable.over(planted.SPACE, [each.scenario for each in data])
    assert best_rule(table, np.zeros(30, dtype=bool)) is None


@settings(max_examples=10, deadline=None)  # the oracle collects garbage at each call
@given(st.lists(st.floats(0.0, 1.0), min_size=1, max_size=12))
def test_p_values_are_adjusted_as_statsmodels_adjusts_them(p_values: list[float]) -> None:
    np.testing.assert_allclose(holm(p_values), multipletests(p_values, method="holm")[1])


def test_a_rule_survives_json_and_keeps_its_text() -> None:
    rule = Rule((Clause("radius", ">=", 6.04), Clause("leaves", "is", "left")))
    assert Rule.from_dict(rule.to_dict()) == rule
    assert rule.text(planted.SPACE) == "radius ≥ 6.04 mm and leaves is left"
    assert Rule(()).text(planted.SPACE) == "everywhere"
