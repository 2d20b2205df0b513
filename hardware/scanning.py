"""Who answers on a port: at one baud rate, or at whichever a servo may have been left at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from hardware import control_table as table
from hardware.bus import DynamixelBus
from hardware.errors import BusError, PortError, ServoError
from hardware.port import Port, open_port
from hardware.replies import PingReply

FACTORY_BAUD = 57_600
FACTORY_ID = 1
COMMON_BAUDS = (1_000_000, FACTORY_BAUD, 115_200, 2_000_000, 3_000_000, 4_000_000)
REPLY_MARGIN_S = 0.05


class Opener(Protocol):
    """Opens a port at a baud rate; `hardware.port.open_port` for real ones."""

    def __call__(self, port: str | Port, baud: int) -> Port: ...


@dataclass(frozen=True)
class FoundAt:
    """A servo that answered, and at how many bits a second."""

    baud: int
    reply: PingReply

    @property
    def is_fresh(self) -> bool:
        """Whether it is as it came from the factory, as far as id and baud rate tell."""
        return (self.baud, self.reply.servo_id) == (FACTORY_BAUD, FACTORY_ID)

    def __str__(self) -> str:
        return f"{self.reply.model_name} with id {self.reply.servo_id} at {self.baud} baud"


@dataclass(frozen=True)
class BaudScan:
    """Who answers at which baud rate, and why some rates could not be tried."""

    found: tuple[FoundAt, ...]
    untried: Mapping[int, str]


def scan_port(
    path: str | Port, baud: int = 1_000_000, reply_margin_s: float = REPLY_MARGIN_S, opener: Opener = open_port
) -> tuple[PingReply, ...]:
    """Everybody who answers on one port at one baud rate, in order of id; an id that two servos share comes twice.

    Raises:
        PortError: the port cannot be opened.
    """
    bus = DynamixelBus(opener(path, baud), str(path), reply_margin_s)
    try:
        return bus.scan()
    finally:
        bus.close()


def scan_bauds(
    path: str,
    bauds: Sequence[int] = COMMON_BAUDS,
    reply_margin_s: float = REPLY_MARGIN_S,
    opener: Opener = open_port,
) -> BaudScan:
    """Everybody who answers on one port, at any of several baud rates.

    Raises:
        PortError: the port cannot be opened at any of them.
    """
    found: list[FoundAt] = []
    untried: dict[int, str] = {}
    for baud in bauds:
        try:
            bus = DynamixelBus(opener(path, baud), path, reply_margin_s)
        except PortError as error:  # adapters do not know every rate
            untried[baud] = str(error)
            continue
        try:
            found += [FoundAt(baud, reply) for reply in bus.scan() if _is_set_to(bus, reply, baud)]
        finally:
            bus.close()
    if len(untried) == len(bauds):
        raise PortError(next(iter(untried.values())))
    return BaudScan(tuple(found), untried)


def _is_set_to(bus: DynamixelBus, reply: PingReply, baud: int) -> bool:
    """A pseudo-terminal passes bytes at any rate, but a servo behind it knows its own."""
    try:
        code = bus.read(reply.servo_id, table.BAUD_CODE)
    except PortError:
        raise
    except (BusError, ServoError):  # two servos with one id answer over each other: they are here all the same
        return True
    return table.BAUD_RATES[code : code + 1] == (baud,)
