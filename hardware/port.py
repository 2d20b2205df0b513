"""Ports: bytes out, bytes in, one exception for everything that can go wrong with the cable."""

from __future__ import annotations

import select
import time
from collections.abc import Callable, Sequence
from math import inf
from typing import Protocol, runtime_checkable

from hardware.errors import PortError
from hardware.serial_port import SerialPort


class Port(Protocol):
    """A byte pipe with its own clock. Everything raises `PortError` when the far end is gone."""

    @property
    def name(self) -> str:
        """What a person calls this port: its path."""
        ...

    @property
    def byte_time_s(self) -> float:
        """How long one byte takes on the wire."""
        ...

    def now_s(self) -> float:
        """The clock that deadlines and stamps are on."""
        ...

    def write(self, data: bytes) -> None:
        """Send all of `data`."""
        ...

    def read(self, limit: int) -> bytes:
        """What has arrived, at most `limit` bytes; b"" where nothing has. Never waits."""
        ...

    def wait(self, deadline_s: float) -> bool:
        """Wait until a byte can be read, but no longer than until `deadline_s`; whether one can."""
        ...

    def rest(self, until_s: float) -> None:
        """Let time pass, however much arrives meanwhile."""
        ...

    def close(self) -> None:
        """Release the port. May be called more than once."""
        ...


@runtime_checkable
class SimulatedPort(Protocol):
    """A port in this process, whose bytes arrive by a simulated clock that all such ports share."""

    def next_arrival_s(self) -> float:
        """When the next bytes can be read; in the past where some can be now, infinite where none are on their way."""
        ...


def wait_for_any(ports: Sequence[Port], deadline_s: float) -> bool:
    """Wait until one of the ports has bytes, but no longer than until `deadline_s`; whether one has.

    One `poll` serves all cables.

    Raises:
        PortError: a cable is gone.
    """
    if len(ports) == 1:
        return ports[0].wait(deadline_s)
    serial = [port for port in ports if isinstance(port, SerialPort)]
    if len(serial) < len(ports):
        soonest = min(ports, key=lambda port: port.next_arrival_s() if isinstance(port, SimulatedPort) else inf)
        return soonest.wait(deadline_s)
    poll = select.poll()
    for port in serial:
        poll.register(port.fileno(), select.POLLIN)
    return bool(poll.poll(max(0.0, deadline_s - time.monotonic()) * 1000))


class InProcessPort:
    """A port whose far end is a function: what is written is fed to it, what it returns can be read at once.

    Args:
        feed: takes the bytes written and the time in seconds, returns the answer.
        clock: where the time comes from; a simulated one makes every run alike.
    """

    def __init__(
        self,
        feed: Callable[[bytes, float], bytes],
        clock: Callable[[], float] = time.monotonic,
        name: str = "in-process",
    ) -> None:
        self._feed = feed
        self._clock = clock
        self._name = name
        self._received = b""
        self._is_open = True

    @property
    def name(self) -> str:
        return self._name

    @property
    def byte_time_s(self) -> float:
        return 0.0

    def now_s(self) -> float:
        return self._clock()

    def write(self, data: bytes) -> None:
        self._require_open()
        self._received += self._feed(data, self._clock())

    def read(self, limit: int) -> bytes:
        self._require_open()
        data, self._received = self._received[:limit], self._received[limit:]
        return data

    def wait(self, deadline_s: float) -> bool:
        """Whether there is something; never waits, for nothing can arrive without another write."""
        self._require_open()
        return bool(self._received)

    def rest(self, until_s: float) -> None:
        """Nothing: here time is the clock's affair."""

    def next_arrival_s(self) -> float:
        return -inf if self._received else inf

    def close(self) -> None:
        self._is_open = False

    def _require_open(self) -> None:
        if not self._is_open:
            raise PortError(f"port {self._name} is closed; open a new one")


def open_port(port: str | Port, baud: int) -> Port:
    """A path becomes an open serial port; an open port stays as it is."""
    return SerialPort(port, baud) if isinstance(port, str) else port
