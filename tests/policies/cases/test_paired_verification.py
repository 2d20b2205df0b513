"""Paired comparisons say what was measured, and no more."""

from __future__ import annotations

from itertools import islice

import numpy as np
import planted
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.proportion import proportion_confint

from envs.episodes.records import STOPPED
from envs.scenario import Pool
from policies.cases.paired import e_value, mcnemar_p, pair, paired_interval
from policies.cases.rates import Rate, wilson
from policies.cases.recipe import compare_recipes
from policies.cases.rollout import Rollout
from policies.cases.verify import judge_improvement, judge_regression
from policies.errors import EvidenceError

_SCENARIOS = list(islice(planted.SPACE.draw(None, np.random.default_rng(0)), 100))


def _runs(outcomes: list[bool]) -> list[Rollout]:
    return [planted.rollout(s, ok, pool=Pool.VERIFY) for s, ok in zip(_SCENARIOS, outcomes, strict=False)]


def _pairs(fixed: int, broken: int, n: int) -> tuple[list[Rollout], list[Rollout]]:
    before = [False] * fixed + [True] * (n - fixed)
    after = [True] * fixed + [False] * broken + [True] * (n - fixed - broken)
    return _runs(before), _runs(after)


@given(st.integers(0, 60), st.integers(0, 60))
def test_wilson_intervals_are_those_of_statsmodels(count: int, rest: int) -> None:
    n = count + rest
    if n:
        np.testing.assert_allclose(wilson(count, n), proportion_confint(count, n, method="wilson"), atol=1e-12)
    else:
        assert wilson(0, 0) == (0.0, 1.0)


def test_a_rate_reads_as_counts_with_an_interval() -> None:
    assert str(Rate(24, 30)) == "24 of 30 (80 %, 95 % interval 63-90 %)"
    assert Rate(0, 0).to_dict()["value"] is None
    with pytest.raises(ValueError, match="0 <= count <= n"):
        Rate(3, 2)


@given(st.integers(0, 40), st.integers(0, 40))
def test_mcnemar_agrees_with_statsmodels(fixed: int, broken: int) -> None:
    two_sided = mcnemar([[5, broken], [fixed, 5]], exact=True).pvalue
    one_sided = mcnemar_p(fixed, broken)
    if fixed > broken:
        assert min(2.0 * one_sided, 1.0) == pytest.approx(two_sided)
    else:
        assert one_sided >= 0.5


def test_the_interval_of_a_paired_difference_is_the_published_one() -> None:
    # Airways example of Newcombe 1998, table II a: 12 and 2 discordant of 50.
    low, high = paired_interval(12, 2, 50)
    assert (low, high) == pytest.approx((0.0611, 0.3447), abs=5e-4)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 20), st.integers(0, 20), st.integers(1, 40))
def test_each_edge_of_the_interval_is_where_the_score_test_turns(gained: int, lost: int, same: int) -> None:
    n = gained + lost + same
    for edge in paired_interval(gained, lost, n):
        assert -1.0 < edge < 1.0
        best = minimize_scalar(  # rate of losses that makes the counts likeliest, given the difference
            lambda rate, d=edge: -_log_likelihood(gained, lost, same, rate, d),
            bounds=(max(0.0, -edge), (1.0 - edge) / 2.0),
            method="bounded",
            options={"xatol": 1e-12},
        )
        variance = (2.0 * best.x + edge - edge**2) / n
        score = ((gained - lost) / n - edge) / np.sqrt(variance)
        assert abs(score) == pytest.approx(1.96, abs=0.02)


def _log_likelihood(gained: int, lost: int, same: int, rate: float, difference: float) -> float:
    shares = np.clip([rate + difference, rate, 1.0 - 2.0 * rate - difference], 1e-300, 1.0)
    return float(np.dot([gained, lost, same], np.log(shares)))


def test_an_interval_covers_the_truth_as_often_as_it_says() -> None:
    rng = np.random.default_rng(1)
    counts = rng.multinomial(60, [0.2, 0.08, 0.72], size=300)
    held = [low <= 0.12 <= high for low, high in (paired_interval(int(g), int(b), 60) for g, b, _ in counts)]
    assert 0.91 <= np.mean(held) <= 0.99


def test_the_e_value_is_an_average_of_likelihood_ratios() -> None:
    theta = (np.arange(200_000) + 0.5) / 400_000 + 0.5
    for fixed, broken in [(0, 0), (5, 1), (12, 3), (2, 9)]:
        ratios = theta**fixed * (1.0 - theta) ** broken / 0.5 ** (fixed + broken)
        assert e_value(fixed, broken) == pytest.approx(ratios.mean(), rel=1e-6)


def test_looking_after_every_pair_raises_no_false_alarm_rate_with_e_values() -> None:
    rng = np.random.default_rng(2)
    table = {(c, n - c): e_value(c, n - c) for n in range(41) for c in range(n + 1)}
    declared = 0
    for fixes in rng.random((400, 40)) < 0.5:
        counts = np.cumsum(fixes)
        declared += any(table[int(c), n - int(c)] >= 20.0 for n, c in enumerate(counts, start=1))
    assert declared / 400 <= 0.05


def test_networks_that_differ_by_chance_are_seldom_called_better() -> None:
    rng = np.random.default_rng(3)
    discordant = rng.binomial(60, 0.15, size=2000)
    fixes = rng.binomial(discordant, 0.5)
    p_values = {(c, n): mcnemar_p(c, n - c) for c, n in set(zip(fixes.tolist(), discordant.tolist(), strict=True))}
    called = [p_values[c, n] <= 0.05 for c, n in zip(fixes.tolist(), discordant.tolist(), strict=True)]
    assert np.mean(called) <= 0.05


def test_a_fix_and_a_chance_are_told_apart_in_words() -> None:
    clear = judge_improvement(*_pairs(15, 3, 60))
    assert clear.significant
    assert clear.text.startswith("Fixed 15, broke 3 of 60: 45 succeeded before, 57 after; difference +20 points")
    doubtful = judge_improvement(*_pairs(12, 6, 60))
    assert not doubtful.significant
    assert doubtful.text.endswith("p = 0.119: not significant.")


def test_the_same_policy_twice_is_neither_fixed_nor_broken() -> None:
    run, again = _pairs(0, 0, 40)
    same = judge_improvement(run, again)
    assert (same.paired.fixed, same.paired.broken, same.p_value, same.e_value) == (0, 0, 1.0, 1.0)


def test_a_placebo_outside_the_mode_is_not_called_a_fix() -> None:
    rng = np.random.default_rng(4)
    called = []
    for _ in range(60):  # both networks succeed as often, in and out of the mode, and flip 8 % of the keys each way
        before = rng.random(100) < 0.6
        after = np.where(rng.random(100) < 0.16, rng.random(100) < 0.6, before)
        called.append(judge_improvement(_runs(before.tolist()), _runs(after.tolist())).significant)
    assert sum(called) <= 7  # P(Bin(60, 0.05) > 7) = 1.2 %


@pytest.mark.parametrize(("fixed", "broken", "holds"), [(0, 0, True), (5, 6, True), (3, 9, False), (0, 12, False)])
def test_nothing_worse_means_within_the_margin_with_confidence(fixed: int, broken: int, holds: bool) -> None:
    judged = judge_regression(*_pairs(fixed, broken, 100))
    assert judged.holds is holds
    assert ("outside" in judged.text) is not holds


def test_a_regression_as_large_as_the_margin_is_seldom_overlooked() -> None:
    rng = np.random.default_rng(5)
    counts = rng.multinomial(100, [0.15, 0.05, 0.80], size=400)  # a loss of exactly ten points
    limits = [paired_interval(int(broken), int(fixed), 100, 0.90).high for broken, fixed, _ in counts]
    assert np.mean(np.array(limits) < 0.10) <= 0.08


def test_no_stop_speaks_for_the_second_policy() -> None:
    before, after = _pairs(4, 2, 20)
    before[0] = planted.rollout(_SCENARIOS[0], False, signature=STOPPED, pool=Pool.VERIFY)  # else fixed
    for index in (0, 5, 19):  # left out; broken all the same; else one that stays as it was
        after[index] = planted.rollout(_SCENARIOS[index], False, signature=STOPPED, pool=Pool.VERIFY)
    held_before = before[19].success
    judged, plain = judge_improvement(before, after), judge_improvement(*_pairs(3, 2 + held_before, 19))
    assert (judged.paired.n, judged.paired.fixed, judged.paired.broken) == (19, 3, 2 + held_before)
    assert (judged.p_value, judged.interval) == (plain.p_value, plain.interval)
    told = (
        "1 pair was left out, as the body stopped the first rollout. "
        "2 pairs were counted as failed after, as the body stopped the second."
    )
    assert judged.text == f"{plain.text} {told}"
    assert judge_regression(before, after).text.endswith(told)
    held = judged.to_dict()
    assert [held[name] for name in ("left_out", "stopped_after")] == [1, 2]


def test_pairs_that_were_all_stopped_prove_nothing() -> None:
    before, _ = _pairs(1, 1, 3)
    stopped = [planted.rollout(scene, False, signature=STOPPED, pool=Pool.VERIFY) for scene in _SCENARIOS[:3]]
    with pytest.raises(EvidenceError, match="every one of 3 pairs"):
        judge_regression(stopped, before)
    held = [planted.rollout(scene, True, pool=Pool.VERIFY) for scene in _SCENARIOS[:3]]
    assert judge_regression(held, stopped).paired.broken == 3


def test_what_is_no_pair_is_refused() -> None:
    before, after = _pairs(2, 1, 10)
    with pytest.raises(EvidenceError, match="2 of them without a partner"):
        pair(before[1:], after[:-1])
    with pytest.raises(EvidenceError, match="11 rollouts of 10 scenarios"):
        pair([*before, before[0]], after)
    with pytest.raises(EvidenceError, match="must share its seed"):
        pair(before, [*after[:-1], Rollout(**{**vars(after[-1]), "seed": 8})])
    with pytest.raises(EvidenceError, match="give both policies the same --begin"):
        pair(before, [*after[:-1], Rollout(**{**vars(after[-1]), "first_step": 30})])


def _arm(rate: float, rng: np.random.Generator, seeds: int) -> dict[int, dict[str, bool]]:
    return {seed: {f"key-{key}": bool(rng.random() < rate) for key in range(80)} for seed in range(seeds)}


def test_a_better_recipe_is_proven_over_seeds_and_never_over_few() -> None:
    rng = np.random.default_rng(6)
    better, control = _arm(0.9, rng, 6), _arm(0.6, rng, 6)
    assert compare_recipes(better, control, rng, bootstraps=400).proven
    few = {seed: better[seed] for seed in range(3)}, {seed: control[seed] for seed in range(3)}
    judged = compare_recipes(*few, rng, bootstraps=400)
    assert not judged.proven
    assert "none is made" in judged.text
    with pytest.raises(EvidenceError, match="different scenarios"):
        compare_recipes({0: {"a": True}}, {0: {"b": True}}, rng)


def test_the_spread_between_networks_widens_the_interval() -> None:
    rng = np.random.default_rng(7)
    control = _arm(0.6, rng, 6)
    steady = compare_recipes(_arm(0.7, rng, 6), control, rng, bootstraps=400)
    churned = {seed: _arm(0.5 + 0.4 * (seed % 2), rng, 6)[seed] for seed in range(6)}
    restless = compare_recipes(churned, control, rng, bootstraps=400)
    assert restless.interval.high - restless.interval.low > 1.5 * (steady.interval.high - steady.interval.low)


def test_a_policy_that_never_succeeded_is_said_to_have_nothing_to_lose() -> None:
    never, once = _runs([False] * 100), _runs([True] + [False] * 99)
    assert judge_regression(once, never).is_trivial
    assert "there was no more to lose" in judge_regression(once, never).text
    assert not judge_regression(*_pairs(0, 3, 100)).is_trivial
