"""Which robot, and where it is plugged in, on the command line: a name, and connection=path pairs."""

from __future__ import annotations

from collections.abc import Sequence

from experiments.command import UsageError

DEFAULT_ROBOT = "tudi"


def port_pairs(given: Sequence[str]) -> dict[str, str]:
    """What each connection is plugged into.

    Raises:
        UsageError: a word is no connection=path pair, or a connection is given twice.
    """
    ports: dict[str, str] = {}
    for pair in given:
        name, equals, path = pair.partition("=")
        if not (name and equals and path):
            raise UsageError(f"port {pair!r} is no connection=path pair, as in right=/dev/ttyUSB0")
        if name in ports:
            raise UsageError(f"connection {name!r} was given twice: {ports[name]} and {path}")
        ports[name] = path
    return ports
