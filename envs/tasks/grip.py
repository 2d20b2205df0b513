"""How hard a hand holds something."""

from __future__ import annotations

from envs.simulation import Simulation


class HandGrip:
    """Normal forces between one hand and one geom.

    Args:
        simulation: where both are.
        side: "left" or "right".
        geom: the name of what is held.
    """

    def __init__(self, simulation: Simulation, side: str, geom: str) -> None:
        model = simulation.model
        self._geom = model.geom(geom).id
        owner = [model.body(body).name for body in model.geom_bodyid]
        self._thumb_geoms = {geom for geom, name in enumerate(owner) if name.startswith(f"{side}_thumb")}
        self._hand_geoms = {geom for geom, name in enumerate(owner) if name.startswith(f"{side}_")}

    def force_n(self, simulation: Simulation) -> tuple[float, float]:
        """Of the thumb, and of all else of the hand, as of the last physics step."""
        data, held = simulation.data, self._geom
        thumb = fingers = 0.0
        if not data.ncon:
            return thumb, fingers
        for index, (first, second) in enumerate(data.contact.geom.tolist()):
            if held not in (first, second):
                continue
            other = second if first == held else first
            if other in self._thumb_geoms:
                thumb += simulation.contact_normal_n(index)
            elif other in self._hand_geoms:
                fingers += simulation.contact_normal_n(index)
        return thumb, fingers
