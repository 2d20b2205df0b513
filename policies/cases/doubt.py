"""When, inside an episode, does the policy's doubt leave the band in which its successes stay?

The band is a functional conformal one (Diquigiovanni, Fontana and Vantini 2021): from one part of the calibration
successes the mean and the scale at each decision, from the other part the height. For successes exchangeable with
those it was calibrated on, the chance of any alarm in an episode is at most alpha. A retrained policy needs a new band.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from policies.cases.rollout import Decisions, FloatArray, Rollout, Signal
from policies.errors import EvidenceError

_MIN_SHAPE = 3  # successes that give mean and scale; fewer would make a scale of chance
_SCALE_FLOOR = 1e-9  # a signal that never varies must not divide by zero


def running_mean(signal: FloatArray, window: int | None = None) -> FloatArray:
    """Mean over the decisions so far, or over the newest `window` of them; (decisions,)."""
    sums = np.concatenate([[0.0], np.cumsum(signal)])
    stop = np.arange(1, signal.size + 1)
    start = np.zeros_like(stop) if window is None else np.maximum(stop - window, 0)
    return np.asarray((sums[stop] - sums[start]) / (stop - start))


def conformal_quantile(scores: FloatArray, alpha: float) -> float:
    """The ceil((n + 1)(1 - alpha))-th smallest score.

    Raises:
        EvidenceError: there are fewer than ceil(1 / alpha) - 1 scores, so that no finite height would hold.
    """
    rank = math.ceil((scores.size + 1) * (1.0 - alpha) - 1e-9)
    if rank > scores.size:
        needed = smallest_calibration(alpha)
        raise EvidenceError(f"{scores.size} calibration successes for alpha = {alpha:g}; at least {needed} are needed")
    return float(np.sort(scores)[rank - 1])


def smallest_calibration(alpha: float) -> int:
    """Fewest successes from which the height of a band at `alpha` can be read: ceil(1 / alpha) - 1."""
    return math.ceil(1.0 / alpha - 1e-9) - 1


@dataclass(frozen=True, eq=False)
class DoubtBand:
    """Alarm when the running mean of a signal exceeds `mean + height * scale` at its decision.

    Decisions later than the longest calibration success use its last mean and scale.
    """

    signal: Signal
    alpha: float
    window: int | None
    mean: FloatArray  # (decisions,)
    scale: FloatArray  # (decisions,)
    height: float
    n_shape: int  # successes that gave mean and scale
    n_height: int  # successes that gave the height
    begins_midway: bool = False  # it is for rollouts that go on from what the expert has done

    @staticmethod
    def calibrate(
        calibration: Sequence[Rollout],
        rng: np.random.Generator,
        *,
        alpha: float = 0.1,
        signal: Signal = "doubt",
        window: int | None = None,
    ) -> DoubtBand:
        """A band from the successes among CALIBRATE rollouts of one policy.

        Raises:
            EvidenceError: there are too few successes for this alpha, or some rollouts begin at home and others not.
        """
        begins_midway = {rollout.first_step > 0 for rollout in calibration}
        if len(begins_midway) > 1:
            raise EvidenceError("some calibration rollouts begin at home and others midway; a band is for one of both")
        series = [running_mean(r.decisions.signal(signal), window) for r in calibration if r.success]
        needed = smallest_calibration(alpha) + _MIN_SHAPE
        if len(series) < needed:
            raise EvidenceError(
                f"{len(series)} successes in {len(calibration)} calibration rollouts; a band with at most {alpha:.0%} "
                f"false alarms needs {needed} ({smallest_calibration(alpha)} for its height, {_MIN_SHAPE} for its "
                "shape): run more CALIBRATE scenarios or accept a larger alpha"
            )
        n_height = max(smallest_calibration(alpha), math.ceil(len(series) / 2))
        order = rng.permutation(len(series))
        shape = [series[index] for index in order[n_height:]]
        mean, scale = _mean_and_scale(shape)
        excess = np.array([_excess(series[index], mean, scale).max() for index in order[:n_height]])
        height = conformal_quantile(excess, alpha)
        sizes = len(shape), int(excess.size)
        return DoubtBand(signal, alpha, window, mean, scale, height, *sizes, begins_midway=begins_midway == {True})

    def threshold(self, decisions: int) -> FloatArray:  # (decisions,)
        """The upper edge at the first so many decisions."""
        index = np.minimum(np.arange(decisions), self.mean.size - 1)
        return np.asarray(self.mean[index] + self.height * self.scale[index])

    def alarm(self, decisions: Decisions) -> int | None:
        """The control step of the first alarm, if there is one."""
        over = self.excess(decisions) > self.height
        return int(decisions.step[np.argmax(over)]) if over.any() else None

    def excess(self, decisions: Decisions) -> FloatArray:  # (decisions,)
        """How many scales the running mean lies above the calibrated mean; alarms where it exceeds `height`."""
        return _excess(running_mean(decisions.signal(self.signal), self.window), self.mean, self.scale)

    def to_dict(self) -> dict[str, Any]:
        fields = dict(vars(self))
        return {**fields, "mean": self.mean.tolist(), "scale": self.scale.tolist()}

    @staticmethod
    def from_dict(fields: dict[str, Any]) -> DoubtBand:
        """The inverse of `to_dict`."""
        return DoubtBand(**{**fields, "mean": np.array(fields["mean"]), "scale": np.array(fields["scale"])})


class DoubtMonitor:
    """The band while an episode runs: one call a decision."""

    def __init__(self, band: DoubtBand) -> None:
        self._band = band
        self._signal: list[float] = []

    def reset(self) -> None:
        self._signal.clear()

    def observe(self, value: float) -> bool:
        """Take the signal of the newest decision; whether the doubt now lies outside the band."""
        self._signal.append(value)
        level = running_mean(np.array(self._signal), self._band.window)[-1]
        index = min(len(self._signal), self._band.mean.size) - 1
        return bool(level - self._band.mean[index] > self._band.height * self._band.scale[index])


def _mean_and_scale(series: Iterable[FloatArray]) -> tuple[FloatArray, FloatArray]:
    """Mean and largest departure at each decision; an episode that has ended keeps its last value."""
    held = list(series)
    longest = max(values.size for values in held)
    table = np.array([np.pad(values, (0, longest - values.size), mode="edge") for values in held])
    mean = table.mean(axis=0)
    return mean, np.maximum(np.abs(table - mean).max(axis=0), _SCALE_FLOOR)


def _excess(series: FloatArray, mean: FloatArray, scale: FloatArray) -> FloatArray:
    index = np.minimum(np.arange(series.size), mean.size - 1)
    return np.asarray((series - mean[index]) / scale[index])
