"""How a metric is spread over references, and what alone explains it: the duration, how the scene was set up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.stats import rankdata

from envs.body import FloatArray
from envs.episodes.quality.metrics import Metric

_FEWEST_FOR_DURATION = 12  # references from which on it is learned how a metric goes with the duration
_FEWEST_FOR_FACTOR = 24  # and with a factor of the scenario, of which there are many to choose from
_EXPLAINS = 0.65  # rank correlation from which on a factor does: of 20 factors and 24 references 1 in 80 by chance
_MOST_FOR_TREND = 150  # references, evenly chosen: the slopes between any two of more take longer than a verdict may
_MAD_TO_DEVIATION = 1.4826  # of a normal distribution
_NINE_IN_TEN = 1.2816  # deviations of a normal distribution below which nine in ten are


@dataclass(frozen=True)
class Trend:
    """How a metric goes with something else; beyond what was seen it goes no further."""

    slope: float = 0.0
    middle: float = 0.0
    seen: tuple[float, float] = (0.0, 0.0)

    def along(self, places: FloatArray | float) -> FloatArray:
        """How much more than in the middle, at each place."""
        return np.asarray(self.slope * (np.clip(places, *self.seen) - self.middle))


@dataclass(frozen=True)
class Usual:
    """How one metric is spread over the references of one step.

    A longer step has more of nearly everything, and a small fruit lies in the fingers otherwise than a large one: that
    alone is no fault. So what is expected goes with the logarithm of the duration, and with the one factor of the
    scenario that explains most of what is left, where one explains much.
    """

    count: int
    median: float
    spread: float  # a robust standard deviation, never below the metric's floor
    seen: tuple[float, float]  # the least and the most that a reference had: nothing beyond is expected
    duration: Trend = Trend()  # along its logarithm
    factor: str = ""
    setting: Trend = Trend()  # along the factor

    def expected(self, duration_s: float, setting: Mapping[str, float]) -> float:
        """For a step that took so long, with the scene set up so. A factor that is not known changes nothing."""
        found = self.median + self.duration.along(np.log(max(duration_s, 1e-3)))
        if self.factor in setting:
            found = found + self.setting.along(setting[self.factor])
        return float(np.clip(found, *self.seen))


def usual_of(
    values: FloatArray, durations_s: FloatArray, settings: Sequence[Mapping[str, float]], metric: Metric
) -> Usual:
    """Median, and the spread by the median deviation or by the tail that is worse, whichever is more.

    Counts and shares are mostly one value and now and then another; their median deviation alone would be nothing.

    Args:
        values, durations_s: of one metric and its step, (references,).
        settings: the numeric factors of each reference's scenario.
        metric: what `values` are.
    """
    log_durations = np.log(np.maximum(durations_s, 1e-3))
    duration = _trend(values, log_durations) if len(values) >= _FEWEST_FOR_DURATION else Trend()
    left = values - duration.along(log_durations)
    factor, setting, left = _explained(left, settings)
    median = float(np.median(left))
    tail = float(np.quantile(left if metric.worse == "more" else -left, 0.9))
    tail -= median if metric.worse == "more" else -median
    spread = max(robust_deviation(left), tail / _NINE_IN_TEN, metric.floor)
    seen = float(values.min()), float(values.max())
    return Usual(len(values), median, spread, seen, duration, factor, setting)


def robust_deviation(values: FloatArray) -> float:
    """The standard deviation that a normal distribution with this median deviation has."""
    return _MAD_TO_DEVIATION * float(np.median(np.abs(values - np.median(values))))


def _explained(values: FloatArray, settings: Sequence[Mapping[str, float]]) -> tuple[str, Trend, FloatArray]:
    """The factor that explains most of the values, how they go with it, and what is left of them."""
    if len(values) < _FEWEST_FOR_FACTOR or not np.ptp(values):
        return "", Trend(), values
    known = set.intersection(*(set(setting) for setting in settings))
    names = [name for name in sorted(known) if len({setting[name] for setting in settings}) > 1]
    if not names:
        return "", Trend(), values
    places = np.array([[setting[name] for name in names] for setting in settings])  # (references, factors)
    # Spearman's correlation with every factor at once.
    ranks = rankdata(np.column_stack([values, places]), axis=0)
    strength = np.abs(np.atleast_2d(np.corrcoef(ranks, rowvar=False))[0, 1:])
    best = int(strength.argmax())
    if strength[best] < _EXPLAINS:
        return "", Trend(), values
    trend = _trend(values, places[:, best])
    return names[best], trend, values - trend.along(places[:, best])


def _trend(values: FloatArray, along: FloatArray) -> Trend:
    """By the median of the slopes between any two (Theil 1950, Sen 1968)."""
    if not np.ptp(along) or not np.ptp(values):
        return Trend()
    if len(values) > _MOST_FOR_TREND:
        some = np.linspace(0, len(values) - 1, _MOST_FOR_TREND).astype(int)
        return replace(_trend(values[some], along[some]), seen=(float(along.min()), float(along.max())))
    one, other = np.triu_indices(len(values), 1)
    apart = along[other] - along[one]
    slope = float(np.median((values[other] - values[one])[apart != 0.0] / apart[apart != 0.0]))
    return Trend(slope, float(np.median(along)), (float(along.min()), float(along.max())))
