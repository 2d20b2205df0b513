"""Serial ports: bytes out, bytes in, one exception for everything that can go wrong with the cable."""

from __future__ import annotations

import select
import termios
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, Protocol

from hardware.errors import PortError

_FAILURES = (
    OSError,
    ValueError,
    TypeError,
    termios.error,
)  # SerialException is an OSError; a closed port gives TypeError
_WRITE_TIMEOUT_S = 0.5


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

    def read(self, limit: int, deadline_s: float) -> bytes:
        """Wait for at least one byte until `deadline_s`; return what is there, at most `limit`, or b""."""
        ...

    def flush_input(self) -> None:
        """Drop everything received so far."""
        ...

    def close(self) -> None:
        """Release the port. May be called more than once."""
        ...


class SerialPort:
    """A serial device, opened exclusively and with the adapter's latency timer at its shortest.

    Args:
        path: the device, best below `/dev/serial/by-id`, whose names survive replugging.
        baud: bits a second; a byte takes ten bit times.

    Raises:
        PortError: the device is absent, in use, or not ours to open.
    """

    def __init__(self, path: str, baud: int = 1_000_000) -> None:
        import serial

        self._path = path
        self._byte_time_s = 10 / baud
        try:
            self._serial: Any = serial.Serial(
                path, baudrate=baud, timeout=0, write_timeout=_WRITE_TIMEOUT_S, exclusive=True
            )
        except _FAILURES as error:
            raise PortError(f"cannot open serial port {path}: {error}. {_opening_advice(error)}") from error
        with suppress(ValueError, OSError, NotImplementedError):  # pseudo-terminals have no latency timer to shorten
            self._serial.set_low_latency_mode(True)
        self._poll = select.poll()
        self._poll.register(self._serial.fileno(), select.POLLIN)

    @property
    def name(self) -> str:
        return self._path

    @property
    def byte_time_s(self) -> float:
        return self._byte_time_s

    def now_s(self) -> float:
        return time.monotonic()

    def write(self, data: bytes) -> None:
        with self._guarded("write to"):
            self._serial.write(data)

    def read(self, limit: int, deadline_s: float) -> bytes:
        with self._guarded("read from"):
            self._serial.fileno()  # raises on a closed port, whose number may belong to another file by now
            wait_ms = max(0.0, deadline_s - time.monotonic()) * 1000
            for _, event in self._poll.poll(wait_ms):
                if event & select.POLLIN:
                    return bytes(self._serial.read(limit))
                raise OSError("the device hung up")
            return b""

    def flush_input(self) -> None:
        with self._guarded("flush"):
            self._serial.reset_input_buffer()

    def close(self) -> None:
        with self._guarded("close"):
            self._serial.close()

    @contextmanager
    def _guarded(self, doing: str) -> Iterator[None]:
        try:
            yield
        except _FAILURES as error:
            raise PortError(
                f"cannot {doing} serial port {self._path}: {error}. Is it unplugged? Replug it and connect again."
            ) from error


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
        self._received = bytearray()
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

    def read(self, limit: int, deadline_s: float) -> bytes:
        """What is there; never waits, for nothing can arrive without another write."""
        self._require_open()
        data = bytes(self._received[:limit])
        del self._received[:limit]
        return data

    def flush_input(self) -> None:
        self._require_open()
        self._received.clear()

    def close(self) -> None:
        self._is_open = False

    def _require_open(self) -> None:
        if not self._is_open:
            raise PortError(f"port {self._name} is closed; open a new one")


def open_port(port: str | Port, baud: int) -> Port:
    """A path becomes an open serial port; an open port stays as it is."""
    return SerialPort(port, baud) if isinstance(port, str) else port


def _opening_advice(error: BaseException) -> str:
    text = str(error)
    if "Errno 2]" in text:
        return "Check the path and the cable; `ls /dev/serial/by-id` shows what is plugged in."
    if "Errno 13]" in text:
        return "Add yourself to the group that owns the device (often dialout) and log in again."
    if "Errno 11]" in text or "exclusively" in text:
        return "Another program has it open; close that one first."
    return "Check the path and that it is a serial device."
