"""What changes slowly in a servo, and must be known all the same: torque, errors, watchdog, voltage, temperature.

One group of registers is asked for in a cycle, of all servos of a bus in one question, so that every value is renewed
several times a second at little cost. They are asked in reverse order: a servo that silences those behind it when
their state is asked for cannot hide the same ones here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hardware import control_table as table
from hardware.bus import DynamixelBus
from hardware.reading import finish_reads
from hardware.register import Register
from hardware.sync_read import SyncReader, block_of, is_all

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

_HEALTH = (table.TORQUE_ENABLE, table.HARDWARE_ERROR_STATUS)
_WATCHDOG = (table.BUS_WATCHDOG,)
_SUPPLY = (table.PRESENT_VOLTAGE, table.PRESENT_TEMPERATURE)
_GROUPS: tuple[tuple[Register, ...], ...] = (_HEALTH, _WATCHDOG, _SUPPLY)
_UNKNOWN = -1
_ATTEMPTS = 3


@dataclass(frozen=True)
class Vitals:
    """The newest of each, (joints,); NaN or -1 where a servo has not been asked since connecting."""

    torque_on: IntArray
    hardware_error: IntArray  # bits, as in Hardware Error Status
    watchdog: IntArray  # in its own units; 255 has tripped
    voltage_v: FloatArray
    temperature_c: FloatArray

    @staticmethod
    def unknown(count: int) -> Vitals:
        nothing = np.full(count, _UNKNOWN, dtype=np.int64)
        return Vitals(nothing, nothing, nothing, np.full(count, np.nan), np.full(count, np.nan))


class VitalSigns:
    """Asks for one group of vital signs at a time.

    Args:
        joints_on: for each bus, the index of the joint by servo id.
        buses: by name.
        count: how many joints there are.
    """

    def __init__(
        self, joints_on: Mapping[str, Mapping[int, int]], buses: Mapping[str, DynamixelBus], count: int
    ) -> None:
        self._buses = dict(buses)
        self._index = {name: np.array(list(ids.values())[::-1], dtype=np.intp) for name, ids in joints_on.items()}
        self._readers = [
            {
                name: SyncReader(tuple(ids)[::-1], group[0].address, block_of(group), self._buses[name].counters)
                for name, ids in joints_on.items()
            }
            for group in _GROUPS
        ]
        self._silent_since_s = np.full((len(_GROUPS), count), np.inf)  # the first question in a row without an answer
        self._is_any_silent = False
        self._turn = 0
        self._is_urgent = False
        self._is_asked = False  # ahead of `watch`
        self.newest = Vitals.unknown(count)
        self.silent_buses: tuple[str, ...] = ()  # those on which nobody answered to the last question

    def look_at_health(self) -> None:
        """Ask for torque and errors at the next `watch`, whosever turn it is."""
        self._is_urgent = True

    def ask_ahead(self) -> None:
        """Ask for the group that the next `watch` would ask for, while there is time: it does not ask again then.

        Raises:
            PortError: a cable is gone.
        """
        self._ask_next()
        self._is_asked = True

    def forget(self) -> None:
        """Nothing is known any more, and nobody has been silent."""
        self._silent_since_s[:] = np.inf
        self.newest = Vitals.unknown(len(self.newest.torque_on))

    def watch(self, is_all_well: bool = False) -> Vitals:
        """Ask for one group, and return the newest of all.

        Args:
            is_all_well: nothing has happened since `ask_ahead`, if that was called, so that its answers will do.

        Raises:
            PortError: a cable is gone.
        """
        is_known, self._is_asked = self._is_asked and is_all_well and not self._is_urgent, False
        if not is_known:
            self._ask_next()
        return self.newest

    def silent_s(self) -> FloatArray | None:
        """For how long each has left one group unanswered, (joints,), the longest of all groups; None if none has."""
        if not self._is_any_silent:
            return None
        since_s: FloatArray = np.maximum(self._now_s() - self._silent_since_s.min(axis=0), 0.0)
        return since_s

    def excuse(self, joints: Sequence[int]) -> None:
        """These, by index, give no state either: that is told elsewhere, and their silence here counts from now on."""
        self._silent_since_s[:, joints] = np.inf

    def watchdogs(self) -> IntArray:
        """What every servo's watchdog holds now, (joints,); -1 where one does not answer."""
        unknown = np.full(len(self.newest.watchdog), _UNKNOWN, dtype=np.int64)
        self.newest = replace(self.newest, watchdog=unknown)
        for _ in range(_ATTEMPTS):
            self._ask_for(_GROUPS.index(_WATCHDOG))
            if (self.newest.watchdog != _UNKNOWN).all():
                break
        return self.newest.watchdog

    def _ask_next(self) -> None:
        turn = 0 if self._is_urgent else self._turn
        if not self._is_urgent:  # or alarms in every cycle would leave the others without a turn
            self._turn = (turn + 1) % len(_GROUPS)
        self._is_urgent = False
        self._ask_for(turn)
        self._note_silence(turn)

    def _note_silence(self, turn: int) -> None:
        readers, since_s = self._readers[turn], self._silent_since_s[turn]
        if not self._is_any_silent and all(is_all(reader.answered) for reader in readers.values()):
            return
        before_s, now_s = since_s.copy(), self._now_s()
        for name, reader in readers.items():
            index = self._index[name]
            since_s[index] = np.where(reader.answered, np.inf, np.minimum(before_s[index], now_s))
        self._is_any_silent = bool(np.isfinite(self._silent_since_s).any())

    def _now_s(self) -> float:
        return next(iter(self._buses.values())).now_s()

    def _ask_for(self, turn: int) -> None:
        """Ask all buses for one group at once, and keep what comes."""
        group, readers = _GROUPS[turn], self._readers[turn]
        for name, reader in readers.items():
            self._buses[name].ask(reader)
        finish_reads(tuple(self._buses.values()))
        found = {register: self._field(register).copy() for register in group}
        for name, reader in readers.items():
            index = self._index[name][reader.answered]
            for register, values in found.items():
                values[index] = reader.values[register.name][reader.answered] * _UNITS.get(register, 1)
        self.silent_buses = tuple(name for name, reader in readers.items() if not reader.answered.any())
        fields: dict[str, Any] = {_FIELDS[register]: values for register, values in found.items()}
        self.newest = replace(self.newest, **fields)

    def _field(self, register: Register) -> NDArray[np.generic]:
        field: NDArray[np.generic] = getattr(self.newest, _FIELDS[register])
        return field


_FIELDS = {
    table.TORQUE_ENABLE: "torque_on",
    table.HARDWARE_ERROR_STATUS: "hardware_error",
    table.BUS_WATCHDOG: "watchdog",
    table.PRESENT_VOLTAGE: "voltage_v",
    table.PRESENT_TEMPERATURE: "temperature_c",
}
_UNITS = {table.PRESENT_VOLTAGE: table.VOLTAGE_UNIT_V}
