"""Judges an episode as soon as it has ended, from what was seen while it ran."""

from __future__ import annotations

import logging

import numpy as np

from envs.episodes.quality.judging import judge
from envs.episodes.quality.recording import RecordingTally
from envs.episodes.quality.references import References
from envs.episodes.records import EpisodeHeader, Outcome, Tick
from envs.episodes.skew import SkewTally
from envs.episodes.verdict import QualityVerdict

_log = logging.getLogger(__name__)


class LiveJudge:
    """Watches one episode."""

    def __init__(self, header: EpisodeHeader, references: References) -> None:
        self._references = references
        self._tally = RecordingTally(header)
        self._skew = SkewTally(header.robot)

    def watch(self, tick: Tick) -> None:
        """Take one control step. Its arrays must not change afterwards."""
        self._tally.add(tick)
        self._skew.add(tick.state)

    def verdict(self, outcome: Outcome, lost_steps: int = 0) -> QualityVerdict | None:
        """The judgement; None, and a word in the log, where the numbers allow none: no recording is lost for it.

        `lost_steps` is how many the recorder could not keep.
        """
        failure = "" if outcome.success else outcome.reason
        try:
            return judge(
                self._tally.recording(),
                self._references,
                skew=self._skew.figures(),
                failure=failure,
                lost_steps=lost_steps,
            )
        except (ValueError, ArithmeticError, np.linalg.LinAlgError) as error:
            _log.error("the episode's quality is not judged: %s", error)
            return None
