"""How a hand holds cloth: vertices between two closed pads go with it, until the pull is more than friction bears.

Friction contacts of a thin sheet between two rigid pads slip at any force at these step sizes, so the hold itself is a
constraint; but it bears no more than friction would, and it opens with the hand.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from envs.engine import mujoco
from envs.senses.touch import PAD_LENGTH_M
from envs.simulation import Simulation

FloatArray = NDArray[np.float64]

SLOTS = 4
REACH_M = 0.028  # from the finger tips to what they catch: a pad is 34 mm long
STACKED_M = 0.018  # layers that lie no further apart are caught together: a pad is 17 mm wide
CLOSED_N = 0.3
CLEAR_M = 0.035
FILTER_S = 0.04
GATHER_S = 0.08
LAYER_M = 0.004
HAND_BIT = 16  # what hands collide with cloth as
_FACES = 2.0  # cloth slips on both pads


class ClothHold:
    """One hand's hold on the vertices of a flex. Thumb and middle finger pinch.

    Args:
        simulation: the one that robot and cloth are in.
        side: "left" or "right".
        vertex_bodies: the bodies of the vertices, (vertices,).
        is_edge: which vertices lie at the cloth's edge, (vertices,): a finger gets under cloth only there.
    """

    def __init__(
        self, simulation: Simulation, side: str, vertex_bodies: NDArray[np.intp], is_edge: NDArray[np.bool_]
    ) -> None:
        model = simulation.model
        self._model = model
        self._vertex_bodies = vertex_bodies
        self._is_edge = is_edge
        self._slots = [model.equality(f"{side}_hold_{slot}").id for slot in range(SLOTS)]
        self._hand = model.body(f"{side}_hand").id
        self._tips = [model.body(f"{side}_{digit}_distal").id for digit in ("thumb", "middle")]
        self.pads: tuple[int, int] = tuple(model.geom(f"{side}_{digit}_pad").id for digit in ("thumb", "middle"))
        self._pad_friction = model.geom_friction[self.pads[0]]  # a view
        self._new_pad_friction = self._pad_friction.item(0)
        self._pad_contype = int(model.geom_contype[self.pads[0]])
        self._blend = min(simulation.timestep_s / FILTER_S, 1.0)
        self._gather = min(simulation.timestep_s / GATHER_S, 1.0)
        self._vertices: list[int] = []
        self.forget()

    def forget(self) -> None:
        """Begin with an open, empty hand."""
        self._model.eq_obj1id[self._slots] = self._vertex_bodies[0]
        self._vertices = []
        self._gathered_m: list[list[float]] = []  # where each held vertex comes to lie, in the hand's frame
        self._let_go: list[int] = []
        self.is_open = True  # it takes hold of what is within reach when it closes
        self.grip_n = 0.0
        self.pull_n = 0.0
        self.slips = 0
        self._set_touching()

    @property
    def vertices(self) -> tuple[int, ...]:
        """What is held now; empty if nothing is."""
        return tuple(self._vertices)

    def pinch_m(self, data: mujoco.MjData) -> FloatArray:  # (3,)
        """The middle between the two finger tips, in the world."""
        tips = [data.xpos[body] - PAD_LENGTH_M * data.xmat[body].reshape(3, 3)[:, 2] for body in self._tips]
        return np.asarray((tips[0] + tips[1]) / 2.0)

    def feel(self, simulation: Simulation, squeeze_n: float) -> None:
        """After a physics step, before any hand has changed what it holds: the forces in it.

        `squeeze_n` is the force between its two pads.
        """
        self.grip_n += self._blend * (squeeze_n - self.grip_n)
        if self._vertices:
            force = simulation.connect_forces_n(self._slots[0], len(self._vertices)).sum(axis=0)
            self.pull_n += self._blend * (math.sqrt(force.dot(force)) - self.pull_n)

    def act(self, data: mujoco.MjData, vertices_m: FloatArray, friction: float) -> None:
        """Take hold, go on holding, slip, or let go, by what was felt.

        `vertices_m` is (vertices, 3). `friction` is that of pads as the model compiles them.
        """
        if self._vertices:
            # A hold stands for friction contacts: pads that slip more on all else slip more on cloth.
            friction *= self._pad_friction.item(0) / self._new_pad_friction
            is_slipping = self.pull_n > _FACES * friction * self.grip_n
            if self.grip_n < 0.5 * CLOSED_N or is_slipping:
                self.slips += int(is_slipping and self.grip_n > CLOSED_N)
                self._release(data)
            if self._vertices:
                anchors_m = self._model.eq_data[self._slots[0] : self._slots[0] + len(self._vertices), 3:6]  # a view
                anchors_m += self._gather * (np.array(self._gathered_m) - anchors_m)
        elif self.is_open and self.grip_n > CLOSED_N:
            self.is_open = False
            self._catch(data, vertices_m)
        elif self.grip_n < 0.1 * CLOSED_N:
            self.is_open = True
        if self._let_go:
            far_m = np.linalg.norm(vertices_m[self._let_go] - self.pinch_m(data), axis=1).min()
            if far_m > CLEAR_M:
                self._let_go = []
                self._set_touching()

    def memory(self) -> dict[str, Any]:
        return {
            "vertices": list(self._vertices),
            "gathered_m": [list(place_m) for place_m in self._gathered_m],
            "let_go": list(self._let_go),
            "is_open": self.is_open,
            "grip_n": self.grip_n,
            "pull_n": self.pull_n,
            "slips": self.slips,
        }

    def restore(self, memory: dict[str, Any]) -> None:
        self._vertices = list(memory["vertices"])
        self._gathered_m = [list(place_m) for place_m in memory["gathered_m"]]
        self._let_go = list(memory["let_go"])
        self.is_open = memory["is_open"]
        self.grip_n = memory["grip_n"]
        self.pull_n = memory["pull_n"]
        self.slips = memory["slips"]
        for slot, index in zip(self._slots, self._vertices, strict=False):
            self._model.eq_obj1id[slot] = self._vertex_bodies[index]
        self._set_touching()

    def _active(self) -> list[int]:
        return self._slots[: len(self._vertices)]

    def _catch(self, data: mujoco.MjData, vertices_m: FloatArray) -> None:
        """Hold what is within reach, and gather it between the finger tips, the top layer next to the thumb."""
        pinch_m = self.pinch_m(data)
        distance_m = np.where(self._is_edge, np.linalg.norm(vertices_m - pinch_m, axis=1), np.inf)
        beside_m = np.linalg.norm((vertices_m - vertices_m[distance_m.argmin()])[:, :2], axis=1)
        nearest = np.argsort(distance_m, kind="stable")[:SLOTS]
        caught = [int(index) for index in nearest if distance_m[index] < REACH_M and beside_m[index] < STACKED_M]
        self._vertices = sorted(caught, key=lambda index: -float(vertices_m[index, 2]))
        self.pull_n = 0.0
        hand_m, turned = data.xpos[self._hand], data.xmat[self._hand].reshape(3, 3)
        thumb_m, finger_m = (data.xpos[body] for body in self._tips)
        across = (finger_m - thumb_m) / np.linalg.norm(finger_m - thumb_m)
        self._gathered_m = []
        for layer, (slot, index) in enumerate(zip(self._active(), self._vertices, strict=True)):
            place_m = pinch_m + LAYER_M * (layer - (len(self._vertices) - 1) / 2.0) * across
            self._gathered_m.append((turned.T @ (place_m - hand_m)).tolist())
            self._model.eq_obj1id[slot] = self._vertex_bodies[index]
            self._model.eq_data[slot, :3] = 0.0
            self._model.eq_data[slot, 3:6] = turned.T @ (vertices_m[index] - hand_m)
            data.eq_active[slot] = 1
        self._set_touching()

    def _release(self, data: mujoco.MjData) -> None:
        data.eq_active[self._active()] = 0
        self._vertices, self._let_go, self._gathered_m = [], self._vertices, []
        self.pull_n = 0.0
        self._set_touching()

    def _set_touching(self) -> None:
        """Pads that have cloth between them do not collide with it: that contact is the hold."""
        is_touching = not self._vertices and not self._let_go
        self._model.geom_contype[list(self.pads)] = self._pad_contype | (HAND_BIT if is_touching else 0)
