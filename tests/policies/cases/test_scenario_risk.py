"""Scenario risk is judged on what the model has not seen, and the gate stays shut on noise."""

from __future__ import annotations

from itertools import islice

import numpy as np
import planted
import pytest
from scipy.stats import mannwhitneyu

from envs.scenario import Pool
from policies.cases.rates import Interval
from policies.cases.risk import RiskStudy, ScenarioRisk, _bootstrap_auroc, study_risk
from policies.errors import EvidenceError


def test_a_real_weakness_opens_the_gate_and_its_factors_matter_most() -> None:
    study = study_risk(planted.SPACE, planted.rollouts(200, 1, inside=0.9, outside=0.08), np.random.default_rng(0))
    assert study.trustworthy, study.objection
    assert study.auroc_interval is not None
    assert study.auroc_interval.low < study.auroc < study.auroc_interval.high
    assert {factor.factor for factor in study.importance[:2]} == {"radius", "friction"}
    nothing = next(factor for factor in study.importance if factor.factor == "nothing")
    assert nothing.auroc_loss < 0.05


def test_failures_by_chance_do_not_open_the_gate() -> None:
    data = planted.rollouts(80, 1, inside=0.5, outside=0.5)
    study = study_risk(planted.SPACE, data, np.random.default_rng(1))
    assert study.failures >= 30
    assert not study.trustworthy
    assert "AUROC" in study.objection


def test_few_failures_do_not_open_the_gate_however_clear() -> None:
    study = RiskStudy(100, 29, 0.99, Interval(0.97, 1.0), 0.05)
    assert study.objection == "29 failures in 100 rollouts; a rule needs at least 30"
    assert RiskStudy(100, 30, 0.99, Interval(0.97, 1.0), 0.05).trustworthy


def test_a_study_of_almost_no_failures_says_so_without_a_model() -> None:
    data = planted.rollouts(40, 2, inside=0.05, outside=0.05)
    study = study_risk(planted.SPACE, data, np.random.default_rng(2))
    assert study.auroc is None
    assert not study.trustworthy
    with pytest.raises(EvidenceError, match="at least 10 of each"):
        ScenarioRisk.fit(planted.SPACE, data, np.random.default_rng(2))


def test_predicted_risk_is_calibrated_on_fresh_scenarios() -> None:
    model = ScenarioRisk.fit(planted.SPACE, planted.rollouts(160, 3), np.random.default_rng(3))
    fresh = list(islice(planted.SPACE.draw(Pool.TRAIN, np.random.default_rng(4)), 200))
    risk = model.probability(fresh)
    truth = np.array([planted.hard(scenario) for scenario in fresh])
    assert risk[truth].mean() == pytest.approx(0.8, abs=0.25)
    assert risk[~truth].mean() == pytest.approx(0.12, abs=0.12)


def test_the_bootstrap_agrees_with_resampling_by_hand() -> None:
    rng = np.random.default_rng(5)
    outcomes = rng.random(80) < 0.4
    scores = rng.normal(outcomes * 0.8, 1.0)
    quick = _bootstrap_auroc(outcomes, scores, rng)
    slow = []
    for _ in range(300):
        bad, good = (rng.choice(scores[outcomes == side], (outcomes == side).sum()) for side in (True, False))
        slow.append(mannwhitneyu(bad, good).statistic / (bad.size * good.size))
    np.testing.assert_allclose(quick, np.quantile(slow, [0.025, 0.975]), atol=0.04)
