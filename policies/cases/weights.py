"""How often new and old demonstrations are seen in retraining."""

from __future__ import annotations

from collections.abc import Mapping

_MAX_MASS = 0.5  # of all training samples are new
_MAX_BOOST = 4.0  # times its natural share


def retraining_weights(old_steps: Mapping[str, int], new_steps: Mapping[str, int]) -> dict[str, float]:
    """The sampling weight of a step, by episode; over all steps the weights average 1.

    New data takes `min(0.5, 4 n_new / N)` of the samples (half, as in intervention-weighted regression, Mandlekar et
    al. 2020, but never more than four times its natural share). Each step of the new data weighs the same, so kinds
    of demonstration share by their steps; so does each step of the old.

    Args:
        old_steps: trainable steps of each episode that the policy was trained on before.
        new_steps: trainable steps of each episode of this round. Steps left out of training are not counted.

    Raises:
        ValueError: an episode is both old and new, or there are no steps at all.
    """
    both = sorted(old_steps.keys() & new_steps.keys())
    n_old, n_new = sum(old_steps.values()), sum(new_steps.values())
    if both or n_old + n_new == 0:
        raise ValueError(f"{n_old} old and {n_new} new steps, episodes {both[:3]} in both; give two distinct sets")
    if not (n_old and n_new):
        return dict.fromkeys([*old_steps, *new_steps], 1.0)
    total = n_old + n_new
    mass = min(_MAX_MASS, _MAX_BOOST * n_new / total)
    weights = dict.fromkeys(old_steps, (1.0 - mass) * total / n_old)
    return weights | dict.fromkeys(new_steps, mass * total / n_new)
