"""Every figure of one round of the loop, and nothing that was not measured."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from envs.episodes.records import InstructionMark
from experiments.factor_success import FactorSuccess
from experiments.quality_figures import QualityFigure
from policies.cases.detection import Detection
from policies.cases.modes import Mode
from policies.cases.planning import Plan
from policies.cases.rates import Rate
from policies.cases.requests import Request
from policies.cases.risk import RiskStudy
from policies.cases.rollout import Rollout, failures
from policies.cases.verify import Improvement, NonInferiority

SERIAL_END = "a simulated twin"  # what answers on the serial ports of a round


@dataclass(frozen=True)
class Collected:
    """Demonstrations of one purpose on one body: how many were tried, how many kept."""

    body: str
    purpose: str
    tried: int
    kept: int
    steps: int  # of those kept


@dataclass(frozen=True)
class DatasetSize:
    """The built dataset."""

    name: str
    episodes: int
    steps: int
    seconds: float
    cameras: tuple[str, ...]


@dataclass(frozen=True)
class TrainingCurve:
    """Loss of one training. The held-out loss is measured at fewer steps."""

    name: str
    step: tuple[int, ...]
    loss: tuple[float, ...]
    held_out_step: tuple[int, ...] = ()
    held_out_loss: tuple[float, ...] = ()


@dataclass(frozen=True)
class Trial:
    """Rollouts of one policy on one pool: how often it succeeded, and what went wrong how often."""

    success: Rate
    signatures: Mapping[str, int]

    @staticmethod
    def of(rollouts: Sequence[Rollout]) -> Trial:
        signatures = Counter(rollout.signature for rollout in failures(rollouts))
        return Trial(Rate.of(rollout.success for rollout in rollouts), dict(signatures.most_common()))

    def to_dict(self) -> dict[str, Any]:
        return {"success": self.success.to_dict(), "signatures": dict(self.signatures)}


@dataclass(frozen=True)
class Track:
    """One signal of an episode. `limit` is drawn beside it (the edge of the doubt band)."""

    name: str
    unit: str
    stamp_s: NDArray[np.float64]  # (samples,)
    value: NDArray[np.float64]  # (samples,)
    limit: NDArray[np.float64] | None = None  # (samples,)

    def to_dict(self) -> dict[str, Any]:
        limit = None if self.limit is None else _listed(self.limit)
        drawn = {"stamp_s": _listed(self.stamp_s), "value": _listed(self.value), "limit": limit}
        return {"name": self.name, "unit": self.unit, **drawn}


@dataclass(frozen=True)
class EpisodeSignals:
    """One episode to look at."""

    title: str
    tracks: tuple[Track, ...]
    marks: tuple[InstructionMark, ...]
    alarm_s: float | None = None

    def to_dict(self) -> dict[str, Any]:
        marks = [asdict(mark) for mark in self.marks]
        tracks = [track.to_dict() for track in self.tracks]
        return {"title": self.title, "tracks": tracks, "marks": marks, "alarm_s": self.alarm_s}


@dataclass(frozen=True)
class RequestFigure:
    """A request and a picture of its first scene."""

    request: Request
    picture: Path | None = None  # a PNG


@dataclass(frozen=True)
class RoundFigures:
    """One round on one task, with one network before and one after."""

    task: str
    title: str
    seed: int
    control_hz: float
    collected: tuple[Collected, ...]
    datasets: tuple[DatasetSize, ...]
    curves: tuple[TrainingCurve, ...]
    discover: Trial
    study: RiskStudy
    modes: tuple[Mode, ...]
    plan: Plan
    requests: tuple[RequestFigure, ...]
    recollected: tuple[Collected, ...]
    verify: Improvement
    regress: NonInferiority
    by_factor: tuple[FactorSuccess, ...]
    stage_seconds: Mapping[str, float]
    versions: Mapping[str, str]
    detection: Detection | None = None
    detection_note: str = ""  # why there is no detection, where there is none
    deployment: Trial | None = None
    deployment_note: str = ""  # why there is none, where it was wanted
    signals: EpisodeSignals | None = None
    quality: tuple[QualityFigure, ...] = ()  # verdicts on the demonstrations
    extra: Mapping[str, Any] = field(default_factory=dict)  # further figures, as JSON values

    def to_dict(self) -> dict[str, Any]:
        """All of it as JSON values."""
        return {
            "schema": 1,
            "task": self.task,
            "seed": self.seed,
            "control_hz": self.control_hz,
            "collected": [asdict(row) for row in self.collected],
            "datasets": [asdict(size) for size in self.datasets],
            "curves": [asdict(curve) for curve in self.curves],
            "discover": self.discover.to_dict(),
            "detection": self.detection and self.detection.to_dict(),
            "detection_note": self.detection_note,
            "risk": self.study.to_dict(),
            "modes": [mode.to_dict() for mode in self.modes],
            "plan": {"reason": self.plan.reason, "not_data": list(self.plan.not_data)},
            "requests": [_request(figure.request) for figure in self.requests],
            "recollected": [asdict(row) for row in self.recollected],
            "verify": self.verify.to_dict(),
            "regress": self.regress.to_dict(),
            "deployment": self.deployment and {**self.deployment.to_dict(), "serial_end": SERIAL_END},
            "deployment_note": self.deployment_note,
            "by_factor": [factor.to_dict() for factor in self.by_factor],
            "quality": [asdict(figure) for figure in self.quality],
            "episode": self.signals and self.signals.to_dict(),
            "stage_seconds": dict(self.stage_seconds),
            "versions": dict(self.versions),
            "extra": dict(self.extra),
        }


def _listed(values: NDArray[np.float64]) -> list[float | None]:
    """JSON has no NaN: where nothing was known stands null."""
    return [round(float(value), 4) if np.isfinite(value) else None for value in values]


def _request(request: Request) -> dict[str, Any]:
    kept = ("id", "kind", "mode", "why", "priority", "expected_gain", "counts", "state")
    fields = request.to_dict()
    counts = {"demonstrations": len(request.demonstrations), "answered": len(request.episodes)}
    return {**{name: fields[name] for name in kept}, **counts}
