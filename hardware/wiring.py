"""Which servo hangs where: the robot table's buses, on the ports given for them."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress

from assets.robot import RobotSpec, ServoSpec
from hardware.bus import DynamixelBus
from hardware.errors import PortError, ServoError
from hardware.port import Port, open_port


def servos_in_joint_order(spec: RobotSpec) -> tuple[ServoSpec, ...]:
    """The servo of each joint.

    Raises:
        ServoError: a joint has no servo or several, or is not commanded in rad.
    """
    servos = []
    for joint in spec.joints:
        own = [servo for servo in spec.servos if servo.joint == joint.name]
        if len(own) != 1 or joint.unit != "rad":
            raise ServoError(
                f"joint {joint.name} of robot {spec.name} has {len(own)} servos and the unit {joint.unit}; a robot "
                f"with servos needs exactly one a joint, in rad"
            )
        servos.append(own[0])
    return tuple(servos)


def open_buses(
    spec: RobotSpec, ports: Mapping[str, str | Port], baud: int, reply_margin_s: float
) -> dict[str, DynamixelBus]:
    """Every bus of the robot table, in the table's order.

    Raises:
        ServoError: a bus has no port, or a port no bus.
        PortError: a port cannot be opened; those already open are closed.
    """
    if set(spec.bus_names) != set(ports):
        raise ServoError(
            f"robot {spec.name} has the buses {sorted(spec.bus_names)}, ports were given for {sorted(ports)}"
        )
    buses: dict[str, DynamixelBus] = {}
    try:
        for name in spec.bus_names:
            buses[name] = DynamixelBus(open_port(ports[name], baud), name, reply_margin_s)
    except PortError:
        close_all(buses)
        raise
    return buses


def close_all(buses: Mapping[str, DynamixelBus]) -> None:
    """Release every port, also behind one that is gone."""
    for bus in buses.values():
        with suppress(PortError):  # it is gone already, and the others must still be closed
            bus.close()
