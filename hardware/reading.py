"""Waiting for answers, on several buses at once and from one thread."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from hardware.port import Port, wait_for_any

_WORTH_RESTING_S = 5e-4  # below that, sleeping and waking cost more than they save


class BlockReader(Protocol):
    """Decodes what comes back to one request; `SyncReader` and `FastReader` are such."""

    request: bytes
    reply_bytes: int
    reply_delays: int
    is_complete: bool

    @property
    def missing_bytes(self) -> int: ...

    @property
    def received_bytes(self) -> int: ...

    def begin(self) -> None: ...

    def feed(self, data: bytes) -> None: ...

    def finish(self) -> None: ...


class Waiting(Protocol):
    """A bus that was asked something; `DynamixelBus` is one."""

    @property
    def port(self) -> Port: ...

    @property
    def is_waiting(self) -> bool: ...

    @property
    def deadline_s(self) -> float: ...

    def advance(self, is_over: bool = False) -> float: ...


def finish_reads(buses: Sequence[Waiting]) -> None:
    """Wait for the answers on all buses that were asked, each no longer than until its own deadline.

    Raises:
        PortError: a cable is gone.
    """
    waiting = [bus for bus in buses if bus.is_waiting]
    while waiting:
        idle_until_s = min([bus.advance() for bus in waiting])
        waiting = [bus for bus in waiting if bus.is_waiting]
        if not waiting:
            return
        port = waiting[0].port
        # While the wire is known to be busy, waking up for every few bytes would be work for nothing.
        if idle_until_s - port.now_s() > _WORTH_RESTING_S:
            port.rest(idle_until_s)
            continue
        first = min(waiting, key=lambda bus: bus.deadline_s)
        if not wait_for_any([bus.port for bus in waiting], first.deadline_s):
            first.advance(is_over=True)
            waiting = [bus for bus in waiting if bus.is_waiting]
