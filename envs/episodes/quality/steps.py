"""Which part of an episode belongs to which instruction step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from envs.episodes.quality.pauses import Span
from envs.episodes.records import Instruction


@dataclass(frozen=True)
class Step:
    """One instruction step and its ticks."""

    name: str
    is_wait: bool
    ticks: Span


def steps_of(instruction: NDArray[np.int64], instructions: Sequence[Instruction]) -> tuple[Step, ...]:
    """The steps that were worked on, in the order of the task: each from when it, or a later one, was first reached.

    A predicate that no longer holds for a moment makes the step before the current one again; that is no second try at
    it, so such moments belong to the later step.

    Args:
        instruction: index of the step being worked on, (ticks,).
    """
    furthest = np.maximum.accumulate(instruction) if len(instruction) else instruction
    steps = []
    for index, step in enumerate(instructions):
        first, last = np.searchsorted(furthest, [index, index + 1])
        if last > first:
            steps.append(Step(step.name, step.is_wait, Span(int(first), int(last))))
    return tuple(steps)


def worked_out_of_order(instruction: NDArray[np.int64]) -> tuple[int, int] | None:
    """A step that was begun for the first time after a later one, and that later one; None where all is in order."""
    furthest = -1
    seen: set[int] = set()
    for index in instruction.tolist():
        if index < furthest and index not in seen:
            return index, furthest
        seen.add(index)
        furthest = max(furthest, index)
    return None
