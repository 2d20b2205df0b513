"""`retake robot check` and `scan`: who answers, and what differs from the table. Nothing is changed."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.table import Table

from assets.robot import RobotSpec
from assets.table import load_robot
from envs.connections import CONTROL
from experiments.calibrations import calibration_at
from experiments.command import UsageError
from experiments.port_options import DEFAULT_ROBOT, port_pairs
from experiments.robot_ports import command_line, servo_ports
from experiments.workers import console
from hardware.port_finder import buses_by_answers, find_ports, latency_timer_ms
from hardware.robot_check import check_robot
from hardware.robot_report import Finding, RobotReport
from hardware.scanning import COMMON_BAUDS, BaudScan, FoundAt, scan_bauds

NOT_READY = 1
_COLOURS = {"refuses": "[red]you:[/]", "advice": "[yellow]good to know:[/]"}


@dataclass(frozen=True)
class Check:
    """Compare the servos on the cables with the robot's table: models, ids, settings, health, positions.

    Exit code 0 says that a connection can succeed, 1 that a person has to do something first. Each difference comes
    with the command that mends it.

    Example: retake robot check --ports body=/dev/ttyUSB0 left=/dev/ttyUSB1 right=/dev/ttyUSB2
    """

    ports: tuple[str, ...] = ()
    """Which connection is plugged in where: connection=path pairs. Left out, every adapter is asked who is there."""
    robot: str = DEFAULT_ROBOT
    """Name of a robot under assets/, or a folder with a robot.toml."""
    calibration: Path | None = None
    """A calibration to compare with, or a folder of them. Left out, the newest in calibration/, but not at a twin."""
    baud: int = 1_000_000
    """Bits a second on the wire."""
    json: bool = False
    """Print one JSON object instead of tables."""


@dataclass(frozen=True)
class Scan:
    """List every servo that answers, whatever the table says.

    Examples:
      retake robot scan
      retake robot scan --port /dev/ttyUSB0 --all-bauds
    """

    port: tuple[str, ...] = ()
    """Paths of serial ports, best below /dev/serial/by-id, whose names survive replugging. Left out, all adapters."""
    baud: int = 1_000_000
    """Bits a second; a servo from the factory is set to 57600."""
    all_bauds: bool = False
    """Try 57600, 115200, 1, 2, 3 and 4 million baud, one after the other."""
    robot: str = DEFAULT_ROBOT
    """Whose buses may be on these ports: says which bus is plugged in where."""
    json: bool = False
    """Print one JSON object instead of a table."""


def check(config: Check) -> int:
    robot = load_robot(config.robot)
    ports = servo_ports(robot, config.ports, config.baud)
    calibration = calibration_at(config.ports, config.calibration, robot)
    with console.status(f"asking the servos on {', '.join(ports)}"):
        report = check_robot(robot, ports, config.baud, calibration=calibration)
    if config.json:
        fields = asdict(report) | {"is_ready": report.is_ready}
        for told, finding in zip(fields["findings"], report.findings, strict=True):
            told["command"] = _command_line(finding, ports, config)
        sys.stdout.write(json.dumps(fields, indent=2) + "\n")
    else:
        _print_report(report, robot, ports, config)
    return 0 if report.is_ready else NOT_READY


def scan(config: Scan) -> int:
    robot = load_robot(config.robot)
    paths = config.port or tuple(port.path for port in find_ports())
    if not paths:
        raise UsageError("no USB serial adapter is plugged in; give --port a path (ls /dev/serial/by-id shows them)")
    bauds = COMMON_BAUDS if config.all_bauds else (config.baud,)
    scans: dict[str, BaudScan] = {}
    for path in paths:
        with console.status(f"scanning {path} at {', '.join(map(str, bauds))} baud"):
            scans[path] = scan_bauds(path, bauds)
    ports = buses_by_answers(robot, {path: [each.reply for each in one.found] for path, one in scans.items()})
    if config.json:
        fields = {"ports": [_scan_fields(path, one) for path, one in scans.items()], "buses": ports}
        sys.stdout.write(json.dumps(fields, indent=2) + "\n")
        return 0
    for path, one in scans.items():
        _print_scan(path, one, bauds, config.all_bauds)
    if ports:
        said = " ".join(f"{name}={path}" for name, path in ports.items())
        console.print(f"  these are buses of {robot.name}: --ports {said}", soft_wrap=True, highlight=False)
    return 0


def _scan_fields(path: str, one: BaudScan) -> dict[str, object]:
    return {
        "path": path,
        "latency_timer_ms": latency_timer_ms(path),
        "servos": [_servo_fields(found) for found in one.found],
        "untried": {str(baud): why for baud, why in one.untried.items()},
    }


def _servo_fields(found: FoundAt) -> dict[str, object]:
    reply = found.reply
    return {"id": reply.servo_id, "model": reply.model_name, "firmware": reply.firmware, "baud": found.baud}


def _print_scan(path: str, one: BaudScan, bauds: tuple[int, ...], all_bauds: bool) -> None:
    if one.found:
        table = Table("id", "model", "firmware", "baud", "", title=path, title_justify="left")
        for found in one.found:
            reply = found.reply
            remark = "new: adopt it with retake robot setup-servo" if found.is_fresh else ""
            table.add_row(str(reply.servo_id), reply.model_name, str(reply.firmware), str(found.baud), remark)
        console.print(table)
    for baud, why in one.untried.items():
        console.print(f"  {baud} baud could not be tried: {why}", soft_wrap=True, markup=False)
    advice = "" if one.found or all_bauds else "; check power and cable, or add --all-bauds"
    told = " or ".join(map(str, bauds))
    console.print(f"  {len(one.found)} servos answer on {path} at {told} baud{advice}", soft_wrap=True)


def _print_mended(report: RobotReport) -> None:
    """What connecting mends, in one line a servo: nobody has to do anything about it."""
    mended: dict[str, list[str]] = {}
    for finding in report.findings:
        if finding.severity == "mended":
            mended.setdefault(finding.place, []).append(finding.problem.replace(", the table needs ", " -> "))
    for place, problems in mended.items():
        told = f"  connecting mends it: {place}: {'; '.join(problems)}"
        console.print(told, style="dim", soft_wrap=True, markup=False, highlight=False)


def _command_line(finding: Finding, ports: dict[str, str], config: Check) -> str | None:
    """The command judges by the same calibration as this check does, or it would write what this refuses."""
    known = {name: path for name, path in port_pairs(config.ports).items() if name == CONTROL} | ports
    return command_line(finding, known, config.robot, config.calibration)


def _print_report(report: RobotReport, robot: RobotSpec, ports: dict[str, str], config: Check) -> None:
    for port in report.ports:
        timer = "no latency timer" if port.latency_timer_ms is None else f"latency timer {port.latency_timer_ms} ms"
        console.print(f"  {port.bus}: {port.path}, {timer}", soft_wrap=True, highlight=False)
    if report.servos:
        columns = ("connection", "id", "joint", "model", "fw", "mode", "delay", "limits", "homing", "rad", "°C", "V")
        table = Table(*columns)
        for servo in report.servos:
            table.add_row(
                servo.bus,
                str(servo.servo_id),
                servo.joint or "[red]unknown",
                servo.model,
                str(servo.firmware),
                servo.mode,
                f"{servo.return_delay_us:.0f} us",
                "{}-{}".format(*servo.position_limits),
                str(servo.homing_offset),
                "" if servo.position_rad is None else f"{servo.position_rad:+.3f}",
                f"{servo.temperature_c}/{servo.temperature_limit_c}",
                f"{servo.voltage_v:.1f}",
            )
        console.print(table)
    _print_mended(report)
    for finding in report.findings:
        if finding.severity == "mended":
            continue
        console.print(f"  {_COLOURS[finding.severity]} ", end="")
        console.print(str(finding), soft_wrap=True, markup=False, highlight=False)
        if line := _command_line(finding, ports, config):
            console.print(f"      {line}", soft_wrap=True, markup=False, highlight=False)
    verdict = "[green]ready to connect[/]" if report.is_ready else "[red]not ready[/]"
    known = sum(servo.joint is not None for servo in report.servos)
    used = "no calibration" if report.calibration is None else f"calibration {report.calibration}"
    console.print(
        f"  {known} of {len(robot.servos)} servos of {report.robot} answer, {used}: {verdict}", highlight=False
    )
