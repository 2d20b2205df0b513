"""How hard a hand holds something."""

from __future__ import annotations

from envs.force_sums import ForceSums
from envs.simulation import Simulation

HOLDING_N = 0.6  # a thing is held where the thumb and the fingers press on it with more than this


class HandGrip:
    """Normal forces between one hand and one thing, which the scene's sensors feel.

    Args:
        simulation: where both are.
        side: "left" or "right".
        thing: as the sensors "SIDE_thumb_on_THING" and "SIDE_on_THING" call it; the second feels the whole limb.
    """

    def __init__(self, simulation: Simulation, side: str, thing: str) -> None:
        self._forces = ForceSums(simulation, (f"{side}_thumb_on_{thing}", f"{side}_on_{thing}"))

    def force_n(self) -> tuple[float, float]:
        """Of the thumb, and of all else of the limb, as of the last physics step."""
        thumb_n, limb_n = self._forces.read_n()
        return thumb_n, limb_n - thumb_n
