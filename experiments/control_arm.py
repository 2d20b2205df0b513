"""The control arm of a round: as many demonstration steps as the requests brought, spread uniformly."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil

from envs.scenario import Pool
from experiments.figures import RoundFigures
from experiments.round import Round
from policies.cases.allocation import Budget
from policies.cases.planning import Planner
from policies.cases.request_queue import RequestQueue
from policies.cases.rollout import Rollout
from policies.errors import EvidenceError

CONTROL = "uniform"

_MAX_BATCHES = 5


@dataclass(frozen=True)
class ControlArm:
    """What uniform coverage came to, and how many steps each arm learned from besides the first demonstrations."""

    rollouts: list[Rollout]
    aimed_steps: int
    control_steps: int


def run_control_arm(place: Round, figures: RoundFigures) -> ControlArm:
    """Uniform coverage of as many steps as the requests brought, trained alike, tried on the same scenarios.

    Raises:
        EvidenceError: the requests brought nothing, or uniform demonstrations did not come to as many steps.
    """
    with place.stage("Control arm", "the same number of demonstration steps, spread uniformly"):
        aimed_steps = sum(_lengths(place, place.queue("requests")).values())
        if not aimed_steps:
            raise EvidenceError("no requested demonstration was kept, so there is nothing to compare")
        chosen = equal_steps(_collect_uniform(place, figures, aimed_steps), aimed_steps)
        place.retrain(CONTROL, place.build(), frozenset(chosen))
        rollouts = place.try_policy(CONTROL, Pool.VERIFY, place.sizes.verify, 8)
        return ControlArm(rollouts, aimed_steps, sum(chosen.values()))


def equal_steps(lengths: Mapping[str, int], wanted: int) -> dict[str, int]:
    """The first whole episodes that together have at least so many steps; those beyond are left out.

    Raises:
        EvidenceError: all of them have fewer.
    """
    chosen: dict[str, int] = {}
    for episode, length in lengths.items():
        if sum(chosen.values()) >= wanted:
            break
        chosen[episode] = length
    if sum(chosen.values()) < wanted:
        raise EvidenceError(
            f"uniform demonstrations came to {sum(chosen.values())} steps, and the requests brought {wanted}; "
            "arms of unequal steps are not compared"
        )
    return chosen


def _collect_uniform(place: Round, figures: RoundFigures, wanted: int) -> dict[str, int]:
    """Steps by episode: ask in batches until enough were kept, or the expert has failed too often."""
    kept = sum(row.kept for row in figures.collected)
    usual = sum(row.steps for row in figures.collected) / max(kept, 1)
    queue, rng = place.queue("requests-uniform"), place.rng(12)
    lengths: dict[str, int] = {}
    for batch in range(_MAX_BATCHES):
        missing = max(wanted - sum(lengths.values()), ceil(usual))  # at least one demonstration
        planner = Planner(place.task, Budget(missing, usual, usual), figures.control_hz, f"{CONTROL}-{batch}")
        queue.add(planner.uniform_coverage("The control arm.", rng).requests)
        place.answer(queue)
        lengths = _lengths(place, queue)
        if sum(lengths.values()) >= wanted:
            break
    return lengths


def _lengths(place: Round, queue: RequestQueue) -> dict[str, int]:
    """Steps of the accepted answers, as training counts them."""
    accepted = [episode for request in queue.all() for episode in request.episodes]
    length = {episode.identity: episode.length for episode in place.build().episodes}
    return {episode: length[episode] for episode in accepted if episode in length}
