"""What the verdicts on an archive's demonstrations come to, for a report."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import numpy as np

from envs.episodes.archive import Archive
from envs.episodes.catalogue import Catalogue, CatalogueEntry
from envs.episodes.verdict import VERDICTS
from experiments.quality import Judge, Learn, judge_recorded, learn

_TOLD = 3  # sentences
_BODY, _OF = "sim", ("nominal", "uniform")  # what references are taken from


@dataclass(frozen=True)
class QualityFigure:
    """Verdicts on the demonstrations of one purpose on one body. `score` is the median; None where none has one."""

    body: str
    purpose: str
    episodes: int
    verdicts: dict[str, int]
    score: float | None
    advice: tuple[str, ...]  # the sentences told most often, without those of failed tasks


def judge_demonstrations(archive: Path, task: str) -> tuple[QualityFigure, ...]:
    """Learn what is usual from every second good demonstration in simulation, judge all, and sum up.

    One that is a reference is judged by the others.

    Raises:
        ArchiveError: the archive or an episode cannot be read or written.
    """
    with Catalogue(Archive(archive)) as catalogue:
        catalogue.sync()
        good = catalogue.query(task=task, body=_BODY, purpose=_OF, success=True)
    if good:
        learn(Learn(archive, task=task, episodes=tuple(entry.id for entry in good[::2])))
    judge_recorded(Judge(archive, task=task, quiet=True))
    with Catalogue(Archive(archive)) as catalogue:
        judged = [entry for entry in catalogue.query(task=task) if entry.quality_verdict and entry.purpose != "rollout"]
    judged.sort(key=lambda entry: (entry.body, entry.purpose))
    groups = groupby(judged, key=lambda entry: (entry.body, entry.purpose))
    return tuple(_figure(body, purpose, list(entries)) for (body, purpose), entries in groups)


def _figure(body: str, purpose: str, entries: Sequence[CatalogueEntry]) -> QualityFigure:
    counts = Counter(entry.quality_verdict for entry in entries)
    scores = [entry.quality_score for entry in entries if entry.quality_score is not None]
    told = Counter(entry.quality_reason for entry in entries if entry.quality_verdict == "coach")
    return QualityFigure(
        body=body,
        purpose=purpose,
        episodes=len(entries),
        verdicts={verdict: counts[verdict] for verdict in VERDICTS},
        score=float(np.median(scores)) if scores else None,
        advice=tuple(sentence for sentence, _ in told.most_common(_TOLD)),
    )
