"""How hard a hand holds something."""

from __future__ import annotations

from envs.contact_rows import ForceSums, kinds_by_body
from envs.simulation import Simulation

_HELD, _THUMB, _FINGERS = 1, 2, 3


class HandGrip:
    """Normal forces between one hand and one geom.

    Args:
        simulation: where both are.
        side: "left" or "right".
        geom: the name of what is held.
    """

    def __init__(self, simulation: Simulation, side: str, geom: str) -> None:
        def kind(body: str) -> int:
            return _THUMB if body.startswith(f"{side}_thumb") else _FINGERS * body.startswith(f"{side}_")

        kinds = kinds_by_body(simulation, kind)
        kinds[simulation.model.geom(geom).id] = _HELD
        self._forces = ForceSums(simulation, kinds, {(_HELD, _THUMB): 0, (_HELD, _FINGERS): 1})

    def force_n(self) -> tuple[float, float]:
        """Of the thumb, and of all else of the hand, as of the last physics step."""
        thumb_n, fingers_n = self._forces.read_n()
        return thumb_n, fingers_n
