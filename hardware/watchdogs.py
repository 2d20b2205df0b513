"""The watchdogs of the servos: each stops by itself once it has heard nothing for a while, whatever became of us."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress

import numpy as np
from numpy.typing import NDArray

from assets.robot import ServoSpec
from hardware import control_table as table
from hardware.bus import DynamixelBus
from hardware.errors import BusError, HardwareError, ServoError
from hardware.vitals import VitalSigns

BoolArray = NDArray[np.bool_]

_OFF = 0
_ATTEMPTS = 3


class Watchdogs:
    """Sets the watchdogs of all servos on `buses`, all at once, and reads them back. The mapping may be emptied later.

    A watchdog that has been armed and is off shows that its servo has restarted.

    Args:
        servos: in the order of the joints.
        buses: by name.
        signs: reads the watchdogs.
        watchdog_s: how long a servo goes on without hearing from us; multiples of 20 ms.

    Raises:
        ServoError: no servo can be set to `watchdog_s`.
    """

    def __init__(
        self, servos: Sequence[ServoSpec], buses: Mapping[str, DynamixelBus], signs: VitalSigns, watchdog_s: float
    ) -> None:
        self._ticks = round(watchdog_s / table.WATCHDOG_UNIT_S)
        if not 1 <= self._ticks <= table.LONGEST_WATCHDOG:
            raise ServoError(f"a bus watchdog of {watchdog_s} s is not allowed: use 0.02 to 2.54 s")
        self._servos = tuple(servos)
        self._buses = buses
        self._signs = signs
        self._is_armed = False

    def arm(self) -> None:
        """Have every servo stop by itself from now on.

        Raises:
            BusError: a servo does not answer.
            ServoError: a servo does not keep it.
        """
        self._set(self._ticks)
        self._is_armed = True

    def be_patient(self) -> None:
        """Wake those that have tripped, and let none trip while one servo after the other is spoken to.

        They wait for 2.54 s then, and are not off: servos may have torque, and would hold for ever if we ended now.
        Raises as `arm` does.
        """
        self._is_armed = False
        self._set(_OFF, table.LONGEST_WATCHDOG)

    def renew(self) -> None:
        """Wake those that have tripped, and arm all that can be reached, unconfirmed. Never raises.

        For a stop, or where something has failed: torque may be on, and the failure is the one to tell.
        """
        for name, bus in self._buses.items():
            with suppress(HardwareError):
                self._write(name, bus, _OFF)
                self._write(name, bus, self._ticks)
        self._is_armed = True

    def tripped(self) -> BoolArray:
        """Which servos have stopped by themselves, (joints,)."""
        is_tripped: BoolArray = self._signs.watchdogs() == table.WATCHDOG_TRIPPED
        return is_tripped

    def restarted(self) -> tuple[ServoSpec, ...]:
        """The servos that have restarted since all were armed."""
        if not self._is_armed:
            return ()
        is_off = self._signs.watchdogs() == _OFF
        return tuple(self._servos[index] for index in np.flatnonzero(is_off).tolist())

    def _set(self, *steps: int) -> None:
        """Write one value after the other, and see that the last is kept."""
        ticks = steps[-1]
        for _ in range(_ATTEMPTS):
            for name, bus in self._buses.items():
                for step in steps:
                    self._write(name, bus, step)
            kept = self._signs.watchdogs()
            if (kept == ticks).all():
                return
        index = int(np.flatnonzero(kept != ticks)[0])
        joint, found = self._servos[index].joint, int(kept[index])
        if found < 0:
            raise BusError(f"joint {joint}: its servo does not tell its bus watchdog; check power and cable")
        raise ServoError(
            f"joint {joint}: the bus watchdog reads {found} after writing {ticks}; check the cable, and that the "
            f"firmware is 38 or newer"
        )

    def _write(self, name: str, bus: DynamixelBus, ticks: int) -> None:
        ids = [servo.servo_id for servo in self._servos if servo.bus == name]
        bus.sync_write(table.BUS_WATCHDOG, dict.fromkeys(ids, ticks))
