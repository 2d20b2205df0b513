"""How much a mode is worth, how a budget is divided, and which scenes show it."""

from __future__ import annotations

import heapq
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np

from envs.scenario import Pool, Scenario, ScenarioSpace
from policies.cases.modes import Mode
from policies.cases.rates import Rate, wilson
from policies.cases.requests import Kind
from policies.errors import EvidenceError

SHARES: Mapping[Kind, float] = {"recovery": 0.50, "targeted": 0.35, "uniform": 0.15}  # of the steps

_SHELL_SHARE = 0.20  # of the targeted demonstrations lie just outside of the rule
_SHELL_WIDTH = 0.10  # of a factor's range
_MAX_DRAWS = 20_000
_LEARNING_SCALE, _LEARNING_POWER = 10.0, 0.5  # demonstrations; of the power law of learning


@dataclass(frozen=True)
class Budget:
    """How many control steps of demonstration may be asked for, and what one of each sort takes."""

    steps: int
    demonstration_steps: float
    recovery_steps: float

    def __post_init__(self) -> None:
        if min(self.steps, self.demonstration_steps, self.recovery_steps) <= 0:
            raise ValueError(f"{self}; every number of steps must be positive")

    def count(self, kind: Kind, share: float) -> int:
        """Demonstrations of a kind that fit into a share of the budget."""
        each = self.recovery_steps if kind == "recovery" else self.demonstration_steps
        return round(share * self.steps / each)


def expected_gain(mode: Mode, demonstrations: int, expert_failures: Rate | None = None) -> float:
    """Success rate over the deployment distribution that so many demonstrations in a mode should add.

    `q (f - e)+ (1 - (1 + n / 10)^-0.5)`, with the mode's mass q, the Wilson lower 90 % limit f of its failure rate on
    held-out rollouts, and the expert's own failure rate e: a power law of learning with unit severity.
    """
    inside = mode.held_out.inside
    lower = wilson(inside.count, inside.n, 0.90).low
    expert = expert_failures.value if expert_failures and expert_failures.n else 0.0
    learned = 1.0 - float((1.0 + demonstrations / _LEARNING_SCALE) ** -_LEARNING_POWER)
    return mode.mass * max(lower - expert, 0.0) * learned


def water_fill(
    modes: Sequence[Mode], total: int, capacities: Sequence[int], expert_failures: Mapping[str, Rate]
) -> list[int]:
    """Divide demonstrations one at a time, each to the mode that gains most by it, none beyond its capacity.

    `expert_failures` is by mode name, as in `expected_gain`; a mode without one is taken to have none.
    """
    counts = [0] * len(modes)

    def gain(place: int, demonstrations: int) -> float:
        return expected_gain(modes[place], demonstrations, expert_failures.get(modes[place].name))

    def next_gain(place: int) -> float:
        return gain(place, counts[place]) - gain(place, counts[place] + 1)

    waiting = [(next_gain(place), place) for place in range(len(modes)) if capacities[place] > 0]
    heapq.heapify(waiting)
    for _ in range(total):
        if not waiting:
            break
        _, place = heapq.heappop(waiting)
        counts[place] += 1
        if counts[place] < capacities[place]:
            heapq.heappush(waiting, (next_gain(place), place))
    return counts


def targeted_scenarios(
    space: ScenarioSpace, mode: Mode, count: int, rng: np.random.Generator, shell_share: float = _SHELL_SHARE
) -> list[Scenario]:
    """Scenarios of the TRAIN pool in a mode's rule, a fifth of them in a shell a tenth of the range around it.

    A rule of categories alone has no shell; then all lie inside.

    Raises:
        EvidenceError: the rule covers next to nothing of the TRAIN pool.
    """
    wide = mode.rule.widened(space, _SHELL_WIDTH)
    wanted_shell = round(shell_share * count) if wide != mode.rule else 0
    inside: list[Scenario] = []
    shell: list[Scenario] = []
    for scenario in islice(space.draw(Pool.TRAIN, rng), _MAX_DRAWS):
        if len(shell) >= wanted_shell and len(inside) + len(shell[:wanted_shell]) >= count:
            break
        if mode.rule.matches(scenario):
            inside.append(scenario)
        elif wide.matches(scenario):
            shell.append(scenario)
    kept_shell = shell[:wanted_shell]
    if len(inside) + len(kept_shell) < count:
        raise EvidenceError(
            f"rule {mode.rule_text!r} covers only {len(inside)} of {_MAX_DRAWS} scenarios of the TRAIN pool, and "
            f"{count} are wanted; it is too narrow to aim at"
        )
    return inside[: count - len(kept_shell)] + kept_shell
