"""Where hand and fingers stand still although the step is not one of waiting."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from envs.body import FloatArray

STILL_SHARE = 0.1  # of the episode's usual top speed: a person's hand that hovers drifts by so much
SHORTEST_S = 0.25
_TWITCH_S = 0.1
_BESIDE_S = 0.3  # before and after a pause, to see which way the hand comes and goes
_SAME_WAY = 0.7  # cosine between the two
_TOP_QUANTILE = 0.95


@dataclass(frozen=True)
class Span:
    """From one sample to another, the end not included."""

    start: int
    end: int

    @property
    def samples(self) -> int:
        return self.end - self.start


def top_speed(speed: FloatArray) -> float:
    """What nearly all of an episode stays below; a single jerk does not change it. `speed` is (samples,)."""
    return float(np.quantile(speed, _TOP_QUANTILE)) if len(speed) else 0.0


def is_still(speed: FloatArray, top: float, floor: float) -> NDArray[np.bool_]:  # (samples,)
    """Where a speed is below 10 % of `top`, or below `floor`, which is noise."""
    return np.asarray(speed <= max(STILL_SHARE * top, floor))


def without_twitches(still: NDArray[np.bool_], rate_hz: float) -> NDArray[np.bool_]:  # (samples,)
    """Stillness that a twitch of less than a tenth of a second does not end. `still` is (samples,)."""
    calm = still.copy()
    for span in spans(~still):
        if span.samples < _TWITCH_S * rate_hz:
            calm[span.start : span.end] = True
    return calm


def pauses(still: NDArray[np.bool_], rate_hz: float) -> tuple[Span, ...]:
    """The stretches of stillness that last, a quarter of a second at least.

    One at the very beginning or end is none, but idle time: see `idle_s`.

    Args:
        still: (samples,).
        rate_hz: samples a second.
    """
    return tuple(
        span
        for span in spans(still)
        if span.samples >= SHORTEST_S * rate_hz - 1e-9 and span.start > 0 and span.end < len(still)
    )


def is_hesitation(path: FloatArray, pause: Span, rate_hz: float, top: float) -> bool:
    """Whether the hand goes on after a pause the way that it came: it stopped in the midst of a motion.

    One that stops where it arrives, to take hold or to turn, goes on another way.

    Args:
        path: (samples, axes).
        pause: within it.
        rate_hz: samples a second.
        top: usual top speed; what moves less beside the pause than a hand that is still may is no motion.
    """
    beside = round(_BESIDE_S * rate_hz)
    came = path[pause.start] - path[max(pause.start - beside, 0)]
    went = path[min(pause.end + beside, len(path) - 1)] - path[pause.end - 1]
    ways = float(np.linalg.norm(came)), float(np.linalg.norm(went))
    is_motion = min(ways) > STILL_SHARE * top * _BESIDE_S
    return is_motion and float(came @ went) >= _SAME_WAY * ways[0] * ways[1]


def idle_s(still: NDArray[np.bool_], rate_hz: float) -> tuple[float, float]:
    """Seconds before anything moves, and after nothing moves any more. `still` is (samples,)."""
    moving = np.flatnonzero(~still)
    if not len(moving):
        return len(still) / rate_hz, 0.0
    return float(moving[0] / rate_hz), float((len(still) - 1 - moving[-1]) / rate_hz)


def spans(flags: NDArray[np.bool_]) -> tuple[Span, ...]:
    """The stretches in which `flags`, (samples,), are true."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], flags, [False]]).astype(np.int8)))
    return tuple(Span(int(start), int(end)) for start, end in zip(edges[::2], edges[1::2], strict=True))
