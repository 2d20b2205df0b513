"""How well a doubt band tells failures from successes, on rollouts it was not calibrated on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from policies.cases.doubt import DoubtBand, running_mean
from policies.cases.rates import Rate
from policies.cases.rollout import Rollout, failures, successes, unstopped

_MIN_EACH = 5  # successes and failures still running, below which an AUROC says nothing
FRACTIONS = (0.25, 0.5, 1.0)


@dataclass(frozen=True)
class Detection:
    """False alarms among successes, detections among failures, and how early.

    `lead_s` holds, for each detected failure, the time from the alarm to the failure. `auroc_at` maps a share of the
    longest episode to the AUROC of the running mean among episodes still running then, using nothing later (None
    where too few are). `auroc_of_length` is what the length of the episode alone would give.
    """

    alpha: float
    false_alarms: Rate
    detections: Rate
    lead_s: tuple[float, ...]
    auroc_at: dict[str, float | None]
    auroc_of_length: float | None

    @property
    def median_lead_s(self) -> float | None:
        return float(np.median(self.lead_s)) if self.lead_s else None

    @property
    def balanced_accuracy(self) -> float | None:
        if not (self.detections.n and self.false_alarms.n):
            return None
        return (self.detections.value + 1.0 - self.false_alarms.value) / 2.0

    def to_dict(self) -> dict[str, Any]:
        rates = {"false_alarms": self.false_alarms.to_dict(), "detections": self.detections.to_dict()}
        derived = {"median_lead_s": self.median_lead_s, "balanced_accuracy": self.balanced_accuracy}
        return {**asdict(self), **rates, **derived}


def assess_detection(band: DoubtBand, rollouts: Sequence[Rollout], control_hz: float) -> Detection:
    """Try a band on fresh rollouts of the policy it was calibrated for; those that a stop ended are left out."""
    rollouts = unstopped(rollouts)
    failed = failures(rollouts)
    alarms = [band.alarm(rollout.decisions) for rollout in failed]
    leads = [
        (rollout.steps - step) / control_hz for rollout, step in zip(failed, alarms, strict=True) if step is not None
    ]
    longest = max((len(rollout.decisions) for rollout in rollouts), default=0)
    return Detection(
        alpha=band.alpha,
        false_alarms=Rate.of(band.alarm(rollout.decisions) is not None for rollout in successes(rollouts)),
        detections=Rate.of(step is not None for step in alarms),
        lead_s=tuple(leads),
        auroc_at={f"{share:g}": _auroc_at(band, rollouts, max(round(share * longest), 1)) for share in FRACTIONS},
        auroc_of_length=_auroc([r.steps - r.first_step for r in rollouts], [not r.success for r in rollouts]),
    )


def _auroc_at(band: DoubtBand, rollouts: Sequence[Rollout], decisions: int) -> float | None:
    running = [rollout for rollout in rollouts if len(rollout.decisions) >= decisions]
    levels = [running_mean(r.decisions.signal(band.signal), band.window)[decisions - 1] for r in running]
    return _auroc(levels, [not r.success for r in running])


def _auroc(scores: Sequence[float], failed: Sequence[bool]) -> float | None:
    from sklearn.metrics import roc_auc_score

    if min(sum(failed), len(failed) - sum(failed)) < _MIN_EACH:
        return None
    return float(roc_auc_score(failed, scores))
