"""What a step does, in a few numbers: by them one step can be told from another, whatever it is labelled."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

from envs.body import FloatArray
from envs.episodes.quality.limbs import Limb
from envs.episodes.quality.pauses import Span
from envs.episodes.quality.recording import Recording

FLOORS = {"m": 0.02, "rad": 0.05, "n": 0.5}
_ENDS = 3  # ticks that make up a beginning or an end


def deeds_of(recording: Recording, limbs: Iterable[Limb], ticks: Span) -> dict[str, float]:
    """How far each hand goes along each axis, where it ends, how far its fingers go, how hard it holds at either end.

    Names end in the unit: m, rad or n.
    """
    found: dict[str, float] = {}
    for limb in limbs:
        begin, end = (_mean(limb.path, ticks, at_end=at_end) for at_end in (False, True))
        for axis, (from_, to) in enumerate(zip(begin, end, strict=True)):
            found[f"{limb.side}_goes_{axis}_{limb.unit}"] = float(to - from_)
            found[f"{limb.side}_ends_{axis}_{limb.unit}"] = float(to)
        if limb.fingers_rad.shape[1]:
            fingers = limb.fingers_rad.mean(axis=1, keepdims=True)
            closed = _mean(fingers, ticks, at_end=True) - _mean(fingers, ticks, at_end=False)
            found[f"{limb.side}_closes_rad"] = float(closed[0])
        pads = recording.pads_of(limb.side)
        if len(pads):
            force = recording.touch_n[:, pads].sum(axis=1, keepdims=True)
            found[f"{limb.side}_begins_n"] = float(_mean(force, ticks, at_end=False)[0])
            found[f"{limb.side}_holds_n"] = float(_mean(force, ticks, at_end=True)[0])
    return found


def distance(deeds: Mapping[str, float], usual: Mapping[str, tuple[float, float]]) -> float:
    """Root mean square of how many usual spreads each number is from its median; both by name."""
    shared = [name for name in usual if name in deeds]
    if not shared:
        return float("inf")
    apart = [(deeds[name] - usual[name][0]) / usual[name][1] for name in shared]
    return float(np.sqrt(np.mean(np.square(np.clip(apart, -20.0, 20.0)))))


def _mean(rows: FloatArray, ticks: Span, *, at_end: bool) -> FloatArray:  # (axes,)
    count = min(_ENDS, ticks.samples)
    part = rows[ticks.end - count : ticks.end] if at_end else rows[ticks.start : ticks.start + count]
    return np.asarray(part.mean(axis=0))
