"""Moments of an episode worth looking at: pauses, jerks, trembling, held commands, the hardest grip."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from envs.body import FloatArray
from envs.episodes.quality.contact import TOUCHING_N
from envs.episodes.quality.pauses import SHORTEST_S, Span, idle_s, pauses, spans
from envs.episodes.quality.recording import Recording
from envs.episodes.quality.resampling import RATE_HZ, EvenMotion
from envs.episodes.quality.tracking import is_held
from envs.episodes.verdict import Moment

MOST = 5  # of a kind
_OUTSTANDING = 4.0  # times the median of what moves
_TREMBLING = 1.5  # times the median
_TOGETHER_S = 0.15  # bursts that follow each other closer than this are one
_PEAK_S = 0.3
_SHORTEST_LOOK_S = 0.2


def pause_moments(still: NDArray[np.bool_], hesitations: Iterable[Span], offset_s: float) -> list[Moment]:
    """Every pause, those in the midst of a motion once more, and idle time before the first motion and after the last.

    Args:
        still: (samples,).
        hesitations: the pauses in the midst of a motion.
        offset_s: how long after the first step the even grid begins, as below.
    """
    found = [_moment("pause", span, offset_s) for span in pauses(still, RATE_HZ)]
    found += [_moment("hesitation", span, offset_s) for span in hesitations]
    begin_s, end_s = idle_s(still, RATE_HZ)
    last_s = offset_s + len(still) / RATE_HZ
    if begin_s > SHORTEST_S:
        found.append(Moment("idle", offset_s, offset_s + begin_s, ""))
    if end_s > SHORTEST_S:
        found.append(Moment("idle", last_s - end_s, last_s, ""))
    return found


def jerk_moments(motion: EvenMotion, offset_s: float) -> list[Moment]:
    """Where a hand jerks: the strongest bursts of the third derivative, beyond four times its median."""
    if len(motion.path) < 4:
        return []
    size = np.linalg.norm(np.gradient(np.gradient(motion.velocity, axis=0), axis=0), axis=1) * RATE_HZ**2
    return _strongest("jerk", size, _OUTSTANDING * float(np.median(size)), offset_s)


def tremor_moments(trembling: FloatArray, offset_s: float) -> list[Moment]:
    """Where a hand trembles most. `trembling` is (samples,)."""
    return _strongest("tremor", trembling, _TREMBLING * float(np.median(trembling)), offset_s)[:1]


def held_moments(recording: Recording) -> list[Moment]:
    """Where commands did not come, the longest stretches first."""
    held = is_held(recording.sent_rad)
    found = sorted(_joined(spans(held), 0.5 * recording.robot.control_hz), key=lambda span: -span.samples)[:MOST]
    stamps = recording.stamp_s - recording.stamp_s[0]
    return [
        Moment("held", float(stamps[max(span.start - 1, 0)]), float(stamps[min(span.end, len(stamps) - 1)]), "")
        for span in found
    ]


def peak_moments(recording: Recording) -> list[Moment]:
    """Where the hardest grip of each hand is."""
    stamps, found = recording.stamp_s - recording.stamp_s[0], []
    for side in ("left", "right"):
        force = recording.touch_n[:, recording.pads_of(side)].sum(axis=1)
        if force.max(initial=0.0) > TOUCHING_N:
            peak_s = float(stamps[int(np.argmax(force))])
            found.append(
                Moment("grip", max(peak_s - _PEAK_S / 2, 0.0), min(peak_s + _PEAK_S / 2, float(stamps[-1])), "")
            )
    return found


def _strongest(kind: str, size: FloatArray, threshold: float, offset_s: float) -> list[Moment]:
    bursts = _joined(spans(size > threshold), _TOGETHER_S * RATE_HZ) if threshold > 0.0 else ()
    strongest = sorted(bursts, key=lambda span: -float(size[span.start : span.end].max()))[:MOST]
    return [_moment(kind, span, offset_s) for span in strongest]


def _joined(found: Iterable[Span], apart: float) -> tuple[Span, ...]:
    joined: list[Span] = []
    for span in found:
        if joined and span.start - joined[-1].end <= apart:
            joined[-1] = Span(joined[-1].start, span.end)
        else:
            joined.append(span)
    return tuple(joined)


def _moment(kind: str, span: Span, offset_s: float) -> Moment:
    """A burst may last a hundredth of a second; nobody could look at that."""
    middle, half = (span.start + span.end) / 2, max(span.samples / 2, _SHORTEST_LOOK_S * RATE_HZ / 2)
    return Moment(kind, max(offset_s + (middle - half) / RATE_HZ, 0.0), offset_s + (middle + half) / RATE_HZ, "")
