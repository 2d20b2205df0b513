"""Whether the steps were done in the order in which they were taught."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations

from envs.episodes.quality.deeds import distance

SWAPPED = 1.2  # how many times better two steps must fit when they are exchanged
_STRANGE = 1.5  # usual spreads: a step that is nearer to its own references than this is that step


def exchanged_steps(
    deeds: Mapping[str, Mapping[str, float]], usual: Mapping[str, Mapping[str, tuple[float, float]]]
) -> tuple[float, tuple[str, str] | None]:
    """Which two steps fit their references best when they are exchanged, and how many times better.

    A person who marks the steps as they should be, and does them otherwise, is found by what the hands did.

    Args:
        deeds: what each step did, by step; see `deeds_of`.
        usual: median and spread of the same in the references.

    Returns:
        How many times better the worst two fit exchanged, and their names; 0 and None where no two can be compared.
    """
    known = [step for step in deeds if step and step in usual]
    best: tuple[float, tuple[str, str] | None] = (0.0, None)
    for one, other in combinations(known, 2):
        as_named = distance(deeds[one], usual[one]), distance(deeds[other], usual[other])
        if max(as_named) < _STRANGE:
            continue
        exchanged = distance(deeds[one], usual[other]) + distance(deeds[other], usual[one])
        times = sum(as_named) / max(exchanged, 1e-6)
        if times > best[0]:
            best = times, (one, other)
    return best
