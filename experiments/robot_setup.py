"""`retake robot setup-servo` and `reboot`: the two verbs that change servos, each only after a yes."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

from assets.table import load_robot
from experiments.calibrations import as_measured, calibration_at
from experiments.command import UsageError
from experiments.port_options import DEFAULT_ROBOT
from experiments.robot_ports import servo_ports
from experiments.workers import console
from hardware.adopting import adopt, plan_adoption
from hardware.bus import DynamixelBus
from hardware.port import open_port
from hardware.rebooting import reboot_servo
from hardware.scanning import REPLY_MARGIN_S

NOT_DONE = 1


@dataclass(frozen=True)
class SetupServo:
    """Make one servo the servo of a joint: id, baud rate, return delay, mode, limits, each read back.

    A servo from the factory has id 1 and 57600 baud. Plug in nothing else, or say --from-id. Broken off, it goes on
    where it was when it is run again.

    Example: retake robot setup-servo --joint left_elbow --ports left=/dev/ttyUSB1
    """

    joint: str
    """The joint that the servo shall move."""
    ports: tuple[str, ...] = ()
    """Where the servo is plugged in, by the name of the joint's bus: bus=path."""
    robot: str = DEFAULT_ROBOT
    """Name of a robot under assets/, or a folder with a robot.toml."""
    from_id: int | None = None
    """The id that the servo has now, where several answer."""
    calibration: Path | None = None
    """A calibration whose limits are written, or a folder of them. Left out, the newest in calibration/, but not at a
    twin."""
    baud: int = 1_000_000
    """Bits a second of the robot's buses."""
    yes: bool = False
    """Write without asking first."""


@dataclass(frozen=True)
class Reboot:
    """Restart servos that have shut themselves down. Torque goes off first, and the joints stay limp.

    Example: retake robot reboot --ids 23 --ports left=/dev/ttyUSB1
    """

    ids: tuple[int, ...]
    """Which servos."""
    ports: tuple[str, ...] = ()
    """Which connection is plugged in where: connection=path pairs."""
    robot: str = DEFAULT_ROBOT
    """Name of a robot under assets/, or a folder with a robot.toml."""
    baud: int = 1_000_000
    """Bits a second on the wire."""
    yes: bool = False
    """Reboot without asking first."""


def setup_servo(config: SetupServo) -> int:
    robot = load_robot(config.robot)
    buses = {servo.joint: servo.bus for servo in robot.servos}
    if config.joint not in buses:
        raise UsageError(f"robot {robot.name} has no servo for joint {config.joint!r}; it has {', '.join(buses)}")
    bus = buses[config.joint]
    if not config.ports:
        raise UsageError(f"no port was given; say --ports {bus}=/dev/serial/by-id/...")
    ports = servo_ports(robot, config.ports, config.baud)
    if bus not in ports:
        raise UsageError(f"{config.joint} hangs on bus {bus}, ports were given for {', '.join(ports)}; say {bus}=...")
    calibration = calibration_at(config.ports, config.calibration, robot)
    measured = as_measured(robot, calibration)
    with console.status(f"looking for the servo on {ports[bus]}"):
        plan = plan_adoption(measured, config.joint, ports[bus], config.baud, config.from_id)
    console.print(f"  found {plan.found}", soft_wrap=True, highlight=False)
    if not plan.steps:
        console.print(f"  it is set for {config.joint} already; nothing was written")
        return 0
    if calibration is not None:
        told = f"by calibration {calibration.digest}; if servo or horn is new since: retake robot calibrate"
        console.print(f"  {told}", soft_wrap=True, highlight=False)
    for step in plan.steps:
        console.print(f"    {step}", highlight=False)
    if not agreed(f"write this to the servo of {config.joint}?", config.yes):
        console.print("  nothing was written")
        return NOT_DONE
    for told in adopt(plan, ports[bus]):
        console.print(f"  written and read back: {told}", highlight=False)
    console.print(f"  it is the servo of {config.joint} now: bus {bus}, id {plan.servo.servo_id}, {config.baud} baud")
    return 0


def reboot(config: Reboot) -> int:
    robot = load_robot(config.robot)
    ports = servo_ports(robot, config.ports, config.baud)
    wanted = [servo for servo in robot.servos if servo.servo_id in config.ids and servo.bus in ports]
    if unknown := sorted(set(config.ids) - {servo.servo_id for servo in wanted}):
        raise UsageError(f"no servo of {robot.name} on {', '.join(ports)} has the id {', '.join(map(str, unknown))}")
    if len(wanted) > len(set(config.ids)):
        told = ", ".join(f"{servo.servo_id} is {servo.joint} on {servo.bus}" for servo in wanted)
        raise UsageError(f"an id is on several buses ({told}); give the port of one of them only")
    joints = ", ".join(f"{servo.joint} (id {servo.servo_id})" for servo in wanted)
    if not agreed(f"{joints} will be limp: hold what they carry. Reboot?", config.yes):
        console.print("  nothing was rebooted")
        return NOT_DONE
    for servo in wanted:
        bus = DynamixelBus(open_port(ports[servo.bus], config.baud), servo.bus, REPLY_MARGIN_S)
        try:
            memory = reboot_servo(bus, servo.servo_id)
        finally:
            bus.close()
        console.print(
            f"  {servo.joint} is back: {memory.temperature_c} °C, {memory.voltage_v:.1f} V, no hardware error"
        )
    return 0


def agreed(question: str, yes: bool) -> bool:
    """Ask on the terminal, unless --yes has answered.

    Raises:
        UsageError: there is nobody to ask.
    """
    if yes:
        return True
    if not sys.stdin.isatty():
        raise UsageError(f"{question} There is no terminal to ask on; say --yes")
    return console.input(f"  {question} \\[y/N] ").strip().lower() in ("y", "yes")
