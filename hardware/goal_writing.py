"""Goals on the wire, one packet a bus, as far as the cables reach."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from hardware import control_table as table
from hardware.bus import DynamixelBus
from hardware.errors import PortError
from hardware.joint_units import JointUnits
from hardware.sync_write import SyncWriter


class GoalWriters:
    """Sends goal positions to all servos on `buses`. The mapping may be emptied later.

    Args:
        joints_on: for each bus, the index of the joint by servo id.
        units: of the servos.
        buses: by name.
    """

    def __init__(
        self, joints_on: Mapping[str, Mapping[int, int]], units: JointUnits, buses: Mapping[str, DynamixelBus]
    ) -> None:
        self._index = {name: np.array(list(ids.values()), dtype=np.intp) for name, ids in joints_on.items()}
        self._writers = {name: SyncWriter(table.GOAL_POSITION, tuple(ids)) for name, ids in joints_on.items()}
        self._units = units
        self._buses = buses

    def send(self, goals_rad: NDArray[np.float64]) -> None:
        """One goal a joint, (joints,), unconfirmed.

        Raises:
            PortError: a cable is gone; the other buses have heard.
        """
        ticks = self._units.goal_ticks(goals_rad)
        gone: PortError | None = None
        for name, bus in self._buses.items():
            try:
                bus.send(self._writers[name].encode(ticks[self._index[name]]))
            except PortError as error:
                gone = error
        if gone is not None:
            raise gone
