"""`retake robot`: look at the servos of a real robot. It changes nothing on them."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from rich.table import Table

from assets.robot import RobotSpec
from assets.table import load_robot
from experiments.command import UsageError, run_verbs
from experiments.port_options import port_pairs
from experiments.workers import console
from hardware.robot_check import RobotReport, check_robot, scan_port

NOT_READY = 1

_ABOUT = "Look at the servos of a real robot, or of a twin. Nothing on them is changed and no torque is switched on."


@dataclass(frozen=True)
class Check:
    """Compare the servos on the cables with the robot's table: ids, models, modes, limits, errors, positions.

    Exit code 0 says that a connection can succeed, 1 that a person has to do something first.

    Example: retake robot check --ports body=/dev/ttyUSB0 left=/dev/ttyUSB1 right=/dev/ttyUSB2
    """

    ports: tuple[str, ...] = ()
    """Which connection is plugged in where: connection=path pairs. Left out, the connections of the table are told."""
    robot: str = "tudi"
    """Name of a robot under assets/, or a folder with a robot.toml."""
    baud: int = 1_000_000
    """Bits a second on the wire."""
    json: bool = False
    """Print one JSON object instead of tables."""


@dataclass(frozen=True)
class Scan:
    """List every servo that answers on one port, whatever the table says.

    Example: retake robot scan --port /dev/ttyUSB0
    """

    port: str
    """Path of the serial port, best one below /dev/serial/by-id, whose names survive replugging."""
    baud: int = 1_000_000
    """Bits a second; a servo from the factory may be set to 57600."""
    json: bool = False
    """Print one JSON object instead of a table."""


def check(config: Check) -> int:
    robot = load_robot(config.robot)
    if not config.ports:
        raise UsageError(f"no ports were given. {_which_ports(robot)}")
    ports = port_pairs(config.ports)
    with console.status(f"asking the servos on {', '.join(ports)}"):
        report = check_robot(robot, ports, config.baud)
    if config.json:
        sys.stdout.write(json.dumps({**asdict(report), "is_ready": report.is_ready}, indent=2) + "\n")
    else:
        _print_report(report, robot)
    return 0 if report.is_ready else NOT_READY


def scan(config: Scan) -> int:
    with console.status(f"scanning {config.port} at {config.baud} baud"):
        found = scan_port(config.port, config.baud)
    if config.json:
        servos = [{"id": r.servo_id, "model": r.model_name, "firmware": r.firmware} for r in found]
        sys.stdout.write(json.dumps({"port": config.port, "baud": config.baud, "servos": servos}, indent=2) + "\n")
        return 0
    if found:
        table = Table("id", "model", "firmware")
        for reply in found:
            table.add_row(str(reply.servo_id), reply.model_name, str(reply.firmware))
        console.print(table)
    advice = "" if found else "; check power and cable, or try another --baud (57600 is the factory's)"
    console.print(f"  {len(found)} servos answer on {config.port} at {config.baud} baud{advice}", soft_wrap=True)
    return 0


def _connections(robot: RobotSpec) -> dict[str, int]:
    """Servos by connection, in the table's order."""
    names = [servo.bus for servo in robot.servos]
    return {name: names.count(name) for name in dict.fromkeys(names)}


def _which_ports(robot: RobotSpec) -> str:
    connections = _connections(robot)
    if not connections:
        return f"Robot {robot.name} has no servos in its table, so there is nothing to check"
    told = ", ".join(f"{name} ({count} servos)" for name, count in connections.items())
    example = " ".join(f"{name}=/dev/ttyUSB{place}" for place, name in enumerate(connections))
    return (
        f"Robot {robot.name} has the connections {told}. Say, for example: retake robot check "
        f"--ports {example} (ls /dev/serial/by-id shows what is plugged in)"
    )


def _print_report(report: RobotReport, robot: RobotSpec) -> None:
    if report.servos:
        table = Table("connection", "id", "joint", "model", "firmware", "mode", "position (rad)")
        for servo in report.servos:
            position = "" if servo.position_rad is None else f"{servo.position_rad:+.3f}"
            joint = servo.joint or "[red]unknown"
            table.add_row(servo.bus, str(servo.servo_id), joint, servo.model, str(servo.firmware), servo.mode, position)
        console.print(table)
    for finding in report.findings:
        who = "[red]you:[/]" if finding.needs_person else "[dim]connecting mends it:[/]"
        console.print(f"  {who} ", end="")
        console.print(str(finding), soft_wrap=True, markup=False, highlight=False)
    verdict = "[green]ready to connect[/]" if report.is_ready else "[red]not ready[/]"
    known = sum(servo.joint is not None for servo in report.servos)
    console.print(f"  {known} of {len(robot.servos)} servos of {report.robot} answer: {verdict}", highlight=False)


def main(arguments: Sequence[str] | None = None) -> int:
    return run_verbs("retake robot", _ABOUT, {"check": (Check, check), "scan": (Scan, scan)}, arguments)


if __name__ == "__main__":
    sys.exit(main())
