"""Is the recipe better, not just one lucky network? Several loop seeds, each arm retrained and tried in each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from policies.cases.rates import Interval
from policies.errors import EvidenceError

SEEDS_FOR_A_CLAIM = 5  # with fewer, all of them agreeing by chance is more likely than 5 %

Outcomes = Mapping[str, bool]  # success by scenario key


@dataclass(frozen=True)
class RecipeComparison:
    """Success of one recipe minus that of the control arm at equal demonstration steps."""

    difference: float
    interval: Interval  # 95 %, cluster bootstrap over seeds and scenarios
    per_seed: dict[int, float]
    scenarios: int

    @property
    def proven(self) -> bool:
        return len(self.per_seed) >= SEEDS_FOR_A_CLAIM and self.interval.low > 0.0

    @property
    def text(self) -> str:
        low, high = (100.0 * limit for limit in self.interval)
        seeds = len(self.per_seed)
        measured = (
            f"Over {seeds} seeds and {self.scenarios} scenarios: {100.0 * self.difference:+.1f} points against the "
            f"control arm (95 % interval {low:+.1f} to {high:+.1f})"
        )
        if seeds < SEEDS_FOR_A_CLAIM:
            return f"{measured}. A claim about the recipe needs {SEEDS_FOR_A_CLAIM} seeds; none is made."
        return f"{measured}: {'better' if self.proven else 'not shown to be better'}."

    def to_dict(self) -> dict[str, Any]:
        per_seed = {str(seed): value for seed, value in self.per_seed.items()}
        limits = {"difference_low": self.interval.low, "difference_high": self.interval.high}
        judged = {"difference": self.difference, **limits, "proven": self.proven, "text": self.text}
        return {"scenarios": self.scenarios, "per_seed": per_seed, **judged}


def compare_recipes(
    recipe: Mapping[int, Outcomes],
    control: Mapping[int, Outcomes],
    rng: np.random.Generator,
    *,
    bootstraps: int = 2000,
) -> RecipeComparison:
    """Compare two arms, paired by seed and scenario.

    The bootstrap draws seeds, then scenarios within each, so that the spread between networks counts (Field and
    Welsh 2007).

    Raises:
        EvidenceError: the arms were not tried on the same seeds and scenarios.
    """
    if recipe.keys() != control.keys() or not recipe:
        raise EvidenceError(f"seeds {sorted(recipe)} against {sorted(control)}; run both arms on the same seeds")
    differences: dict[int, np.ndarray[Any, np.dtype[np.float64]]] = {}
    for seed in recipe:
        if recipe[seed].keys() != control[seed].keys() or not recipe[seed]:
            raise EvidenceError(f"the arms of seed {seed} were tried on different scenarios; pair them by key")
        pairs = [(float(recipe[seed][key]), float(control[seed][key])) for key in recipe[seed]]
        differences[seed] = np.array([ours - theirs for ours, theirs in pairs])
    clusters = list(differences.values())
    drawn = [
        np.mean([rng.choice(clusters[index], clusters[index].size).mean() for index in indices])
        for indices in rng.integers(len(clusters), size=(bootstraps, len(clusters)))
    ]
    low, high = np.quantile(drawn, [0.025, 0.975])
    return RecipeComparison(
        difference=float(np.mean([cluster.mean() for cluster in clusters])),
        interval=Interval(float(low), float(high)),
        per_seed={seed: float(values.mean()) for seed, values in differences.items()},
        scenarios=sum(values.size for values in clusters),
    )
