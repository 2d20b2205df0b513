"""How likely is failure in a scenario, and is enough known to say so?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from envs.scenario import Scenario, ScenarioSpace
from policies.cases.rates import Interval
from policies.cases.rollout import FloatArray, Rollout
from policies.errors import EvidenceError

if TYPE_CHECKING:
    from sklearn.calibration import CalibratedClassifierCV

GATE_FAILURES = 30  # with fewer, a risk model is noise
GATE_AUROC = 0.6  # that the lower 95 % limit must exceed
_FOLDS = 5
_MIN_EACH = 10  # failures and successes, so that every fold of every split holds both
_TREES = 48
_MIN_LEAF = 5
_BOOTSTRAPS = 1000
_SHUFFLES = 5


@dataclass(frozen=True)
class Importance:
    """How much AUROC is lost when a factor is shuffled on held-out rollouts; mean and deviation over shuffles."""

    factor: str
    auroc_loss: float
    deviation: float


@dataclass(frozen=True)
class RiskStudy:
    """What DISCOVER rollouts say about scenario risk, all of it out of fold."""

    rollouts: int
    failures: int
    auroc: float | None
    auroc_interval: Interval | None
    brier: float | None
    importance: tuple[Importance, ...] = ()

    @property
    def trustworthy(self) -> bool:
        """Whether requests may be aimed by it: enough failures, and clearly better than a coin."""
        return not self.objection

    @property
    def objection(self) -> str:
        """Why it must not aim requests; empty when it may."""
        if self.failures < GATE_FAILURES:
            return f"{self.failures} failures in {self.rollouts} rollouts; a rule needs at least {GATE_FAILURES}"
        if self.auroc_interval is None:
            return f"{self.rollouts - self.failures} successes in {self.rollouts} rollouts; too few to compare with"
        if self.auroc_interval.low <= GATE_AUROC:
            low = self.auroc_interval.low
            return (
                f"scenario risk is guessed with AUROC {self.auroc:.2f} (lower 95 % limit {low:.2f}); "
                f"a rule needs a lower limit above {GATE_AUROC}"
            )
        return ""

    def to_dict(self) -> dict[str, Any]:
        interval = self.auroc_interval and {"low": self.auroc_interval.low, "high": self.auroc_interval.high}
        judged = {"trustworthy": self.trustworthy, "objection": self.objection}
        return {**asdict(self), "auroc_interval": interval, **judged}


class ScenarioRisk:
    """p(failure | factors): a forest, calibrated by Platt's method on inner folds."""

    def __init__(self, space: ScenarioSpace, model: CalibratedClassifierCV) -> None:
        self._space = space
        self._model = model

    @staticmethod
    def fit(space: ScenarioSpace, rollouts: Sequence[Rollout], rng: np.random.Generator) -> ScenarioRisk:
        """Learn from rollouts.

        Raises:
            EvidenceError: there are too few failures or successes to fit and calibrate.
        """
        outcomes = np.array([not rollout.success for rollout in rollouts], dtype=bool)
        if _rarer(outcomes) < _MIN_EACH:
            raise EvidenceError(
                f"{int(outcomes.sum())} failures and {int((~outcomes).sum())} successes; a risk model needs at least "
                f"{_MIN_EACH} of each: run more DISCOVER scenarios"
            )
        return ScenarioRisk(space, _fitted(_vectors(space, rollouts), outcomes, rng))

    def probability(self, scenarios: Sequence[Scenario]) -> FloatArray:  # (scenarios,)
        vectors = np.array([self._space.vector(scenario) for scenario in scenarios])
        return _probability(self._model, vectors)


def study_risk(space: ScenarioSpace, rollouts: Sequence[Rollout], rng: np.random.Generator) -> RiskStudy:
    """Judge a risk model on rollouts it has not seen: AUROC, Brier score, permutation importance.

    Importance is by permutation on held-out rollouts; a forest's own importances would name factors that do nothing.
    """
    from sklearn.metrics import brier_score_loss, roc_auc_score
    from sklearn.model_selection import StratifiedKFold

    vectors = _vectors(space, rollouts)
    outcomes = np.array([not rollout.success for rollout in rollouts], dtype=bool)
    if _rarer(outcomes) < _MIN_EACH:
        return RiskStudy(len(rollouts), int(outcomes.sum()), None, None, None)
    scores = np.zeros(outcomes.size)
    shuffled = np.zeros((len(space.factors), _SHUFFLES, outcomes.size))
    folds = StratifiedKFold(_FOLDS, shuffle=True, random_state=int(rng.integers(2**31)))
    for seen, unseen in folds.split(vectors, outcomes):
        model = _fitted(vectors[seen], outcomes[seen], rng)
        scores[unseen] = _probability(model, vectors[unseen])
        shuffled[:, :, unseen] = _shuffled_probability(model, vectors[unseen], rng)
    auroc = float(roc_auc_score(outcomes, scores))
    losses = auroc - np.array([[roc_auc_score(outcomes, run) for run in factor] for factor in shuffled])
    importance = [
        Importance(factor.name, float(loss.mean()), float(loss.std()))
        for factor, loss in zip(space.factors, losses, strict=True)
    ]
    return RiskStudy(
        rollouts=len(rollouts),
        failures=int(outcomes.sum()),
        auroc=auroc,
        auroc_interval=_bootstrap_auroc(outcomes, scores, rng),
        brier=float(brier_score_loss(outcomes, scores)),
        importance=tuple(sorted(importance, key=lambda factor: -factor.auroc_loss)),
    )


def _vectors(space: ScenarioSpace, rollouts: Sequence[Rollout]) -> FloatArray:  # (rollouts, factors)
    return np.array([space.vector(rollout.scenario) for rollout in rollouts]).reshape(-1, len(space.factors))


def _rarer(outcomes: np.ndarray[Any, np.dtype[np.bool_]]) -> int:
    return int(min(outcomes.sum(), (~outcomes).sum()))


def _fitted(vectors: FloatArray, outcomes: Any, rng: np.random.Generator) -> CalibratedClassifierCV:
    from sklearn.calibration import CalibratedClassifierCV
    from sklearn.ensemble import RandomForestClassifier

    forest = RandomForestClassifier(  # half of the factors at each split: most of them matter little
        _TREES, min_samples_leaf=_MIN_LEAF, max_features=0.5, random_state=int(rng.integers(2**31))
    )
    return CalibratedClassifierCV(forest, method="sigmoid", cv=3, ensemble=False).fit(vectors, outcomes)


def _probability(model: CalibratedClassifierCV, vectors: FloatArray) -> FloatArray:
    return np.asarray(model.predict_proba(vectors)[:, 1], dtype=np.float64)


def _shuffled_probability(model: CalibratedClassifierCV, vectors: FloatArray, rng: np.random.Generator) -> FloatArray:
    """Predictions with one factor shuffled; (factors, shuffles, rollouts)."""
    rollouts, factors = vectors.shape
    copies = np.tile(vectors, (factors, _SHUFFLES, 1, 1))
    for factor in range(factors):
        copies[factor, :, :, factor] = rng.permuted(copies[factor, :, :, factor], axis=1)
    return _probability(model, copies.reshape(-1, factors)).reshape(factors, _SHUFFLES, rollouts)


def _bootstrap_auroc(outcomes: Any, scores: FloatArray, rng: np.random.Generator) -> Interval:
    """Percentile bootstrap over rollouts, failures and successes resampled apart."""
    bad, good = scores[outcomes], scores[~outcomes]
    wins = (bad[:, None] > good[None, :]) + 0.5 * (bad[:, None] == good[None, :])
    bad_draws = rng.multinomial(bad.size, np.full(bad.size, 1 / bad.size), size=_BOOTSTRAPS) / bad.size
    good_draws = rng.multinomial(good.size, np.full(good.size, 1 / good.size), size=_BOOTSTRAPS) / good.size
    aurocs = np.einsum("bi,ij,bj->b", bad_draws, wins, good_draws, optimize=True)
    low, high = np.quantile(aurocs, [0.025, 0.975])
    return Interval(float(low), float(high))
