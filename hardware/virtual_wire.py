"""A port to virtual servos on a clock that only its users turn: a whole robot, to the microsecond, without waiting."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from math import inf

from hardware.errors import PortError
from hardware.virtual import VirtualBus
from hardware.virtual_answers import Chunk


class SimulatedClock:
    """Time that stands until somebody turns it. Calling it gives the time, as `time.monotonic` does."""

    def __init__(self, now_s: float = 0.0) -> None:
        self._now_s = now_s
        self._watchers: list[Callable[[float], None]] = []

    def __call__(self) -> float:
        return self._now_s

    @property
    def now_s(self) -> float:
        return self._now_s

    def watch(self, watcher: Callable[[float], None]) -> None:
        """Have `watcher` called with the time whenever it has changed; once, however often it is given."""
        if watcher not in self._watchers:
            self._watchers.append(watcher)

    def advance(self, seconds: float) -> None:
        """Let that much time pass."""
        self.advance_to(self._now_s + seconds)

    def advance_to(self, stamp_s: float) -> None:
        """Let time pass until then. It never runs backwards."""
        if stamp_s > self._now_s:
            self._now_s = stamp_s
            for watcher in self._watchers:
                watcher(stamp_s)


class VirtualPort:
    """A port whose bytes arrive when a real wire would have carried them, by a simulated clock.

    Several ports may share a clock: waiting at one lets time pass for all. `unplug` pulls the cable: everything raises
    `PortError` until `plug`. Servos live on meanwhile, and what was on its way is lost.

    Args:
        bus: the servos at the other end.
        clock: turned by `wait` and `rest`.
        baud: bits a second.
        name: what errors call this port.
    """

    def __init__(self, bus: VirtualBus, clock: SimulatedClock, baud: int = 1_000_000, name: str = "virtual") -> None:
        self._bus = bus
        self._clock = clock
        self._byte_time_s = 10 / baud
        self._name = name
        self._on_its_way: deque[Chunk] = deque()
        self._received = bytearray()
        self._trouble: str | None = None
        clock.watch(bus.advance)

    @property
    def name(self) -> str:
        return self._name

    @property
    def byte_time_s(self) -> float:
        return self._byte_time_s

    def now_s(self) -> float:
        return self._clock.now_s

    def write(self, data: bytes) -> None:
        """Put `data` on the wire. Takes no time: the wire's time counts from now."""
        self._require_working()
        self._on_its_way.extend(self._bus.answer(data, self._clock.now_s, self._byte_time_s))

    def read(self, limit: int) -> bytes:
        """What has arrived by now, at most `limit` bytes; never waits."""
        self._require_working()
        self._take_in()
        data = bytes(self._received[:limit])
        del self._received[:limit]
        return data

    def wait(self, deadline_s: float) -> bool:
        """Turn the clock to the next arrival, or to `deadline_s` if that comes first; whether there is something."""
        self._require_working()
        self._clock.advance_to(min(self.next_arrival_s(), deadline_s))
        self._take_in()
        return bool(self._received)

    def rest(self, until_s: float) -> None:
        """Turn the clock, whatever arrives meanwhile."""
        self._require_working()
        self._clock.advance_to(until_s)

    def next_arrival_s(self) -> float:
        """When the next bytes can be read: now or earlier where some can be, infinite where none are on their way."""
        if self._received:
            return self._clock.now_s
        return self._on_its_way[0].stamp_s if self._on_its_way else inf

    def close(self) -> None:
        self._part("closed; open a new one")

    def unplug(self) -> None:
        """Pull the cable."""
        self._part("gone. Is it unplugged? Replug it and connect again")

    def plug(self, name: str | None = None) -> None:
        """Plug it in again, or open it again, maybe under another name."""
        self._trouble = None
        self._name = name or self._name

    def _part(self, trouble: str) -> None:
        self._trouble = trouble
        self._on_its_way.clear()
        self._received.clear()

    def _take_in(self) -> None:
        now_s = self._clock.now_s
        while self._on_its_way and self._on_its_way[0].stamp_s <= now_s:
            self._received += self._on_its_way.popleft().data

    def _require_working(self) -> None:
        if self._trouble is not None:
            raise PortError(f"port {self._name} is {self._trouble}")
