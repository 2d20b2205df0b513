"""What the bytes on a bus tell about its wiring: an adapter that hears itself, two servos with one id."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping

from hardware.bus import DynamixelBus
from hardware.supervisor import Notice

_OFTEN = 2  # second answers of one servo, which no delay explains


class WireWatch:
    """Reports each finding once.

    Args:
        joints_on: for each bus, the joint by servo id.
        buses: by name.
    """

    def __init__(self, joints_on: Mapping[str, Mapping[int, str]], buses: Mapping[str, DynamixelBus]) -> None:
        self._joints_on = joints_on
        self._buses = dict(buses)
        self._known = dict.fromkeys(buses, (0, 0))
        self._seconds: dict[str, Counter[int]] = {name: Counter() for name in buses}
        self._counted: dict[str, Counter[int]] = {name: Counter() for name in buses}
        self._before: Collection[str] = ()
        self._told: set[tuple[str, int | None]] = set()

    def examine(self, missing: Collection[str]) -> tuple[Notice, ...]:
        """What has newly been found; `missing` are the joints whose servos have just given no state."""
        notices: list[Notice] = []
        for name, bus in self._buses.items():
            seen = (bus.counters.echoes, bus.counters.second + bus.late.total())
            if seen == self._known[name]:
                continue
            self._known[name] = seen
            if seen[0] and self._is_new(name, None):
                message = f"the adapter of bus {name} echoes what it sends; that works, and takes time on the wire"
                notices.append(Notice("note", f"bus {name}", message))
            notices += self._doubles(name, bus, missing)
        self._before = missing
        return tuple(notices)

    def _doubles(self, name: str, bus: DynamixelBus, missing: Collection[str]) -> list[Notice]:
        counted = bus.counters.second_ids + bus.late
        newly, self._counted[name] = counted - self._counted[name], counted
        notices = []
        for servo_id in newly:
            joint = self._joints_on[name].get(servo_id)
            # Where an answer was missed, the next one but one may be the second: it was only late.
            if joint is None or joint in missing or joint in self._before:
                continue
            self._seconds[name][servo_id] += 1
            if self._seconds[name][servo_id] >= _OFTEN and self._is_new(name, servo_id):
                message = (
                    f"{joint}: a second servo answers to its id {servo_id} on bus {name}; unplug one of them and give "
                    f"it another id (`retake robot setup-servo`)"
                )
                notices.append(Notice("note", f"servo {joint}", message))
        return notices

    def _is_new(self, name: str, servo_id: int | None) -> bool:
        is_new = (name, servo_id) not in self._told
        self._told.add((name, servo_id))
        return is_new
