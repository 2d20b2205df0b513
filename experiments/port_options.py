"""Which robot, and where it is plugged in, on the command line: a name, and connection=path pairs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from assets.table import load_robot
from envs.connections import PILOT_DEVICES, require_connections
from experiments.command import UsageError

DEFAULT_ROBOT = "tudi"


def station_ports(body: str, robot: str, given: Sequence[str]) -> dict[str, str]:
    """What each connection is plugged into, once it is known that the station is whole.

    Where none is the robot's own, a twin is used, or a body that has no cables; a person's devices may be there anyway.

    Raises:
        UsageError: a robot's ports are given for a body without cables, or `port_pairs` refuses them.
        AssetError, BodyError: there is no such robot, or a connection of its table is missing.
    """
    spec = load_robot(robot)
    ports = port_pairs(given)
    if (cables := cables_of(ports)) and body != "serial":
        raise UsageError(
            f"--ports {', '.join(cables)} are given and --body is {body}, which has no cables; say --body serial too"
        )
    if cables:
        require_connections(spec, ports)
    return ports


def cables_of(ports: Mapping[str, str]) -> dict[str, str]:
    """The robot's own connections, without the devices that a person leads by."""
    return {name: path for name, path in ports.items() if name not in PILOT_DEVICES}


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
