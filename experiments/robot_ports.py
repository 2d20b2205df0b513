"""Which bus of a robot is plugged in where: as it was said, or as the servos themselves say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from assets.robot import RobotSpec
from envs.connections import CONTROL, EXOSKELETON, connection_names
from experiments.command import UsageError
from experiments.port_options import DEFAULT_ROBOT, port_pairs
from experiments.workers import console
from hardware.errors import PortError
from hardware.port_finder import FoundPort, buses_by_answers, find_ports
from hardware.replies import PingReply
from hardware.robot_report import Finding
from hardware.scanning import scan_port


def servo_ports(robot: RobotSpec, given: Sequence[str], baud: int) -> dict[str, str]:
    """The port of each servo bus. Left out, every port is asked who is there.

    What else a station has, such as cameras, may stand in the same words, and is left out. Names that nobody knows are
    kept, so that whoever looks at them can say so.

    Raises:
        UsageError: nothing was given, and it cannot be found out.
    """
    if not robot.bus_names:
        raise UsageError(f"robot {robot.name} has no servos in its table, so there is nothing to look at")
    if given:
        others = {*connection_names(robot), CONTROL, EXOSKELETON} - set(robot.bus_names)
        return {name: path for name, path in port_pairs(given).items() if name not in others}
    found = find_ports()
    if not found:
        raise UsageError(f"no ports were given, and no USB serial adapter is plugged in. {_which_ports(robot)}")
    ports = buses_by_answers(robot, ask_everywhere(found, baud))
    if set(ports) != set(robot.bus_names):
        listed = ", ".join(port.path for port in found)
        known = " ".join(f"{name}={path}" for name, path in ports.items()) or "none"
        raise UsageError(f"no ports were given; plugged in are {listed}; recognised: {known}. {_which_ports(robot)}")
    said = " ".join(f"{name}={ports[name]}" for name in robot.bus_names)
    console.print(f"  by who answers: --ports {said}", soft_wrap=True, highlight=False)
    return ports


def ask_everywhere(found: Sequence[FoundPort], baud: int) -> dict[str, tuple[PingReply, ...]]:
    """Who answers on each port; a port that cannot be opened is said, and left out."""
    answers = {}
    for port in found:
        try:
            answers[port.path] = scan_port(port.path, baud)
        except PortError as error:
            console.print(f"  left out: {error}", soft_wrap=True, markup=False, highlight=False)
    return answers


def command_line(finding: Finding, ports: Mapping[str, str], robot: str, calibration: Path | None = None) -> str | None:
    """What to type to mend a finding; None where nothing that is typed helps."""
    if finding.command is None:
        return None
    own: Mapping[str, str] = ports
    if finding.bus is not None and finding.bus in ports and finding.command != "calibrate":
        own = {name: path for name, path in ports.items() if name in (finding.bus, CONTROL)}
    pairs = " ".join(f"{name}={path}" for name, path in own.items())
    option = "" if robot == DEFAULT_ROBOT else f" --robot {robot}"
    if calibration is not None and finding.command.startswith("setup-servo"):
        option += f" --calibration {calibration}"
    return f"retake robot {finding.command} --ports {pairs}{option}"


def _which_ports(robot: RobotSpec) -> str:
    buses = [servo.bus for servo in robot.servos]
    told = ", ".join(f"{name} ({buses.count(name)} servos)" for name in robot.bus_names)
    example = " ".join(f"{name}=/dev/ttyUSB{place}" for place, name in enumerate(robot.bus_names))
    return (
        f"Robot {robot.name} has the connections {told}. Say, for example: retake robot check "
        f"--ports {example} (ls /dev/serial/by-id shows what is plugged in)"
    )
