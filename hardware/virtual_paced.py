"""Virtual buses on real pseudo-terminals, at the pace of a real wire, in a thread or in a process of their own."""

from __future__ import annotations

import ctypes
import multiprocessing
import select
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from math import inf
from multiprocessing.connection import Connection
from types import TracebackType
from typing import Self

from hardware.errors import BusError
from hardware.pseudo_terminal import PseudoTerminal
from hardware.virtual import VirtualBus
from hardware.virtual_answers import Chunk

MakeBuses = Callable[[], Mapping[str, VirtualBus]]

_TICK_S = 0.005  # how often servos notice the time while nobody speaks to them
_TIMER_SLACK_NS = 1_000
_PR_SET_TIMERSLACK = 29
_LISTEN_S = 0.001  # how often a driver that speaks out of turn is heard
_START_S = 60.0


class PacedBus:
    """One virtual bus behind one pseudo-terminal, whose answers arrive when a wire of `baud` would have carried them.

    Nothing runs by itself: `serve_paced` serves one or several.
    """

    def __init__(self, bus: VirtualBus, baud: int = 1_000_000) -> None:
        self.bus = bus
        self._byte_time_s = 10 / baud
        self._terminal = PseudoTerminal()
        self._due: deque[Chunk] = deque()

    @property
    def path(self) -> str:
        """What a driver opens."""
        return self._terminal.path

    @property
    def due_s(self) -> float:
        """When the next bytes are to be delivered, by `time.monotonic`."""
        return self._due[0].stamp_s if self._due else inf

    def fileno(self) -> int:
        return self._terminal.fileno()

    def listen(self) -> None:
        """Take in what the driver has written."""
        data = self._terminal.receive()
        if data:
            self._due.extend(self.bus.answer(data, time.monotonic(), self._byte_time_s))

    def deliver(self) -> None:
        """Give the driver what is on the wire by now."""
        now_s, data = time.monotonic(), b""
        while self._due and self._due[0].stamp_s <= now_s:
            data += self._due.popleft().data
        if data:
            self._terminal.send(data)

    def close(self) -> None:
        """Pull the cable."""
        self._terminal.close()


def serve_paced(buses: Sequence[PacedBus], is_over: Callable[[], bool]) -> None:
    """Serve until `is_over`, which is asked every few milliseconds."""
    _sleep_precisely()
    by_fileno = {bus.fileno(): bus for bus in buses}
    poll = select.epoll()
    for fileno in by_fileno:
        poll.register(fileno, select.EPOLLIN)
    tick_s = -inf
    try:
        while True:
            now_s = time.monotonic()
            if now_s - tick_s >= _TICK_S:
                if is_over():
                    return
                tick_s = now_s
                for bus in buses:
                    bus.bus.advance(now_s)
            wait_s = min(bus.due_s for bus in buses) - now_s
            if wait_s <= 0:
                for bus in buses:
                    bus.deliver()
                continue
            if wait_s < inf:
                time.sleep(min(wait_s, _LISTEN_S))  # poll counts in whole milliseconds
            for fileno, _ in poll.poll(_TICK_S if wait_s == inf else 0):
                by_fileno[fileno].listen()
    finally:
        poll.close()


class PacedThread:
    """Serves buses from a thread of this process. A context manager; `paths` by the name of the bus."""

    def __init__(self, buses: Mapping[str, VirtualBus], baud: int = 1_000_000) -> None:
        self._buses = {name: PacedBus(bus, baud) for name, bus in buses.items()}
        self.paths = {name: bus.path for name, bus in self._buses.items()}
        self._over = threading.Event()
        served = (tuple(self._buses.values()), self._over.is_set)
        self._thread = threading.Thread(target=serve_paced, args=served, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()
        for bus in self._buses.values():
            bus.close()


class PacedProcess:
    """Serves buses from a process of its own, so that the driver is alone in this one. A context manager.

    Args:
        make_buses: makes the buses there; a function of a module, or a `partial` of one.
        baud: bits a second.

    Raises:
        BusError: on entering, if the process does not start.
    """

    def __init__(self, make_buses: MakeBuses, baud: int = 1_000_000) -> None:
        context = multiprocessing.get_context("spawn")
        self._ours, theirs = context.Pipe()
        self._process = context.Process(target=_serve_in_process, args=(make_buses, baud, theirs), daemon=True)
        self._theirs = theirs
        self.paths: dict[str, str] = {}

    @property
    def is_alive(self) -> bool:
        """Whether the process serves."""
        return self._process.is_alive()

    def __enter__(self) -> Self:
        self._process.start()
        self._theirs.close()
        try:
            if not self._ours.poll(_START_S):
                raise BusError(f"the process of the virtual buses has not started within {_START_S} s")
            self.paths = self._ours.recv()
        except (EOFError, BusError) as error:
            self._process.kill()
            raise BusError(
                "the process of the virtual buses has ended before it served; its error stands above. What makes the "
                "buses must be a function of a module."
            ) from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ours.close()  # the process ends when nobody holds the other end
        self._process.join(_START_S)


def _serve_in_process(make_buses: MakeBuses, baud: int, parent: Connection) -> None:
    buses = {name: PacedBus(bus, baud) for name, bus in make_buses().items()}
    with suppress(BrokenPipeError):
        parent.send({name: bus.path for name, bus in buses.items()})
        serve_paced(tuple(buses.values()), parent.poll)


def _sleep_precisely() -> None:
    """Have this thread's sleeps end when they should; Linux adds 50 microseconds so that it may wake up less often."""
    ctypes.CDLL(None).prctl(_PR_SET_TIMERSLACK, _TIMER_SLACK_NS, 0, 0, 0)
