"""What the benchmark of bodies says: how much is lost across the gap, and how each mix does on the twin."""

from __future__ import annotations

from itertools import islice

import numpy as np
import pytest
from planted import rollout

from envs.tasks.pick_fruit import PICK_FRUIT
from experiments.bench.mix import Blend, Mix, summary
from policies.cases.rollout import Rollout

SCENARIOS = list(islice(PICK_FRUIT.space.draw(None, np.random.default_rng(0)), 20))


def tried(successes: int, first: int = 0) -> list[Rollout]:
    """So many successes, from the first-th scenario on; all else failed."""
    won = range(first, first + successes)
    return [rollout(scenario, place in won) for place, scenario in enumerate(SCENARIOS)]


def test_the_gap_is_counted_pair_by_pair() -> None:
    rows = {row.name: row for row in summary(tried(12), {"sim-only": tried(8, first=6), "both-1": tried(15)})}
    lost = rows["lost across the reality gap"]
    assert lost.value == pytest.approx(100 * (12 - 8) / 20)
    assert "lost 6, gained 2 of 20" in lost.note
    assert rows["success in simulation, trained in simulation only"].value == 12 / 20
    assert rows["success on the twin, both-1"].value == 15 / 20


def test_every_weight_of_the_real_body_is_a_mix_of_its_own() -> None:
    blends = Mix(real_weights=(1.0, 3.0)).blends
    assert [blend.name for blend in blends] == ["sim-only", "fast-twin-only", "both-1", "both-3"]
    assert blends[-1] == Blend(("sim", "fast-twin"), 3.0)
