"""A serial device of the kernel, read and written without detours: pyserial opens it, the rest is two calls."""

from __future__ import annotations

import os
import select
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from hardware.errors import PortError

# SerialException is an OSError; a port that pyserial has closed gives TypeError, a pseudo-terminal may give ValueError.
_FAILURES = (OSError, ValueError, TypeError, termios.error)
_WRITE_TIMEOUT_S = 0.5
_CLOSED = -1


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
            self._serial: Any = serial.Serial(path, baudrate=baud, timeout=0, exclusive=True)
        except _FAILURES as error:
            raise PortError(f"cannot open serial port {path}: {error}. {_opening_advice(error)}") from error
        with suppress(ValueError, OSError, NotImplementedError):  # pseudo-terminals have no latency timer to shorten
            self._serial.set_low_latency_mode(True)
        self._file = int(self._serial.fileno())
        self._poll = select.poll()
        self._poll.register(self._file, select.POLLIN)

    @property
    def name(self) -> str:
        return self._path

    @property
    def byte_time_s(self) -> float:
        return self._byte_time_s

    def fileno(self) -> int:
        """What `poll` takes. Raises PortError on a closed port, whose number may belong to another file by now."""
        if self._file == _CLOSED:
            raise PortError(f"serial port {self._path} is closed; open it again")
        return self._file

    def now_s(self) -> float:
        return time.monotonic()

    def write(self, data: bytes) -> None:
        file = self.fileno()
        try:
            written = os.write(file, data)
        except BlockingIOError:
            written = 0
        except OSError as error:
            raise self._gone("write to", error) from error
        if written < len(data):
            with self._guarded("write to"):
                self._write_as_it_takes(data[written:])

    def read(self, limit: int) -> bytes:
        try:
            data = os.read(self.fileno(), limit)
        except BlockingIOError:
            return b""
        except OSError as error:
            raise self._gone("read from", error) from error
        if not data and any(event & ~select.POLLIN for _, event in self._poll.poll(0)):
            raise self._gone("read from", OSError("the device hung up"))
        return data

    def wait(self, deadline_s: float) -> bool:
        self.fileno()
        with self._guarded("wait for"):
            for _, event in self._poll.poll(max(0.0, deadline_s - time.monotonic()) * 1000):
                if event != select.POLLIN:
                    raise OSError("the device hung up")
                return True
            return False

    def rest(self, until_s: float) -> None:
        time.sleep(max(0.0, until_s - time.monotonic()))

    def close(self) -> None:
        self._file = _CLOSED
        with self._guarded("close"):
            self._serial.close()

    def _write_as_it_takes(self, data: bytes) -> None:
        room = select.poll()
        room.register(self._file, select.POLLOUT)
        while data:
            if not room.poll(_WRITE_TIMEOUT_S * 1000):
                raise OSError(f"it took no byte for {_WRITE_TIMEOUT_S} s")
            data = data[os.write(self._file, data) :]

    @contextmanager
    def _guarded(self, doing: str) -> Iterator[None]:
        try:
            yield
        except _FAILURES as error:
            raise self._gone(doing, error) from error

    def _gone(self, doing: str, error: BaseException) -> PortError:
        return PortError(
            f"cannot {doing} serial port {self._path}: {error}. Is it unplugged? Replug it and connect again."
        )


def _opening_advice(error: BaseException) -> str:
    text = str(error)
    if "Errno 2]" in text:
        return "Check the path and the cable; `ls /dev/serial/by-id` shows what is plugged in."
    if "Errno 13]" in text:
        return "Add yourself to the group that owns the device (often dialout) and log in again."
    if "Errno 11]" in text or "exclusively" in text:
        return "Another program has it open; close that one first."
    return "Check the path and that it is a serial device."
