"""Samples out of the bytes of a serial line, whatever they are written in."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Generic, Protocol, TypeVar

from hardware.device import Sample
from hardware.errors import PortError
from hardware.port import Port, open_port

_WAIT_S = 0.1
_READ_LIMIT = 4096

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class Parser(Protocol[T_co]):
    """Finds readings in a stream of bytes that may hold garbage, cuts and flipped bits."""

    @property
    def damaged(self) -> int:
        """Frames or lines that were not believed."""
        ...

    @property
    def frozen(self) -> int:
        """Readings that were withheld because the device repeated itself."""
        ...

    def feed(self, data: bytes) -> Sequence[T_co]:
        """Every reading that `data` completes, in order of arrival.

        Raises:
            PacketError: what arrives is whole, but of another device than the robot table says.
        """
        ...


class SerialSource(Generic[T]):
    """Readings from a serial port; of several that arrived together, the newest.

    Args:
        path: the serial device.
        baud: bits a second.
        parser: makes a parser for a line that was just opened.
    """

    def __init__(self, path: str, baud: int, parser: Callable[[], Parser[T]]) -> None:
        self._path = path
        self._baud = baud
        self._new_parser = parser
        self._parser = parser()
        self._damaged_before = self._frozen_before = 0  # the line was opened again
        self._port: Port | None = None

    @property
    def damaged(self) -> int:
        return self._damaged_before + self._parser.damaged

    @property
    def frozen(self) -> int:
        return self._frozen_before + self._parser.frozen

    def open(self) -> None:
        self._port = open_port(self._path, self._baud)
        self._damaged_before, self._frozen_before = self.damaged, self.frozen
        self._parser = self._new_parser()

    def read(self) -> Sample[T] | None:
        if self._port is None:
            raise PortError(f"{self._path} is not open")
        self._port.wait(self._port.now_s() + _WAIT_S)
        data = self._port.read(_READ_LIMIT)
        arrived_s = self._port.now_s()
        readings = self._parser.feed(data)
        return Sample(readings[-1], arrived_s) if readings else None

    def close(self) -> None:
        if self._port is not None:
            with suppress(PortError):  # it is gone already
                self._port.close()
            self._port = None
