"""Is the robot on these cables the robot of the table? Looks, and changes nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from assets.robot import RobotSpec, ServoSpec
from hardware import control_table as table
from hardware.bus import DynamixelBus
from hardware.control_table import OperatingMode
from hardware.errors import HardwareError, PortError
from hardware.port import Port, open_port
from hardware.replies import PingReply
from hardware.servo_setup import differences
from hardware.servo_units import ServoUnits
from hardware.wiring import close_all

_FACTORY_ID = 1
_HARDWARE_ERRORS = {0: "input voltage", 2: "overheating", 3: "encoder", 4: "electrical shock", 5: "overload"}
_AT_LIMIT_RAD = 0.02  # gears give a little where a joint rests on its stop


@dataclass(frozen=True)
class FoundServo:
    """One servo that answered. `joint` is None for one that the table does not know."""

    bus: str
    servo_id: int
    joint: str | None
    model: str
    firmware: int
    mode: str
    position_rad: float | None


@dataclass(frozen=True)
class Finding:
    """One thing that differs from the table. Connecting mends it by itself unless `needs_person`."""

    place: str
    problem: str
    fix: str
    needs_person: bool = True

    def __str__(self) -> str:
        return f"{self.place}: {self.problem}; {self.fix}"


@dataclass(frozen=True)
class RobotReport:
    """What answered, and what differs from the table."""

    robot: str
    servos: tuple[FoundServo, ...]
    findings: tuple[Finding, ...]

    @property
    def is_ready(self) -> bool:
        """Whether connecting can succeed without a person doing anything first."""
        return not any(finding.needs_person for finding in self.findings)


def scan_port(path: str, baud: int = 1_000_000, reply_margin_s: float = 0.05) -> tuple[PingReply, ...]:
    """Everybody who answers on one port at one baud rate, in order of id; an id that two servos share comes twice.

    Raises:
        PortError: the port cannot be opened.
    """
    bus = DynamixelBus(open_port(path, baud), path, reply_margin_s)
    try:
        return bus.scan()
    finally:
        bus.close()


def check_robot(
    spec: RobotSpec, ports: Mapping[str, str | Port], baud: int = 1_000_000, reply_margin_s: float = 0.05
) -> RobotReport:
    """Compare the servos on `ports` with the robot table: ids, models, modes, limits, errors and positions.

    A port that cannot be opened or a servo that does not answer is a finding, not an exception. Ports are closed again.

    Raises:
        ServoError: the table itself asks for what a servo model cannot do.
    """
    servos: list[FoundServo] = []
    findings: list[Finding] = []
    for name in dict.fromkeys(servo.bus for servo in spec.servos):
        if name not in ports:
            findings.append(
                Finding(f"bus {name}", "no port was given", f"name one, as in {name}=/dev/serial/by-id/...")
            )
            continue
        try:
            bus = DynamixelBus(open_port(ports[name], baud), name, reply_margin_s)
        except PortError as error:
            findings.append(Finding(f"bus {name}", "no port", str(error)))
            continue
        try:
            _check_bus(spec, bus, servos, findings)
        except PortError as error:
            findings.append(Finding(f"bus {name}", "the port failed", str(error)))
        finally:
            close_all({name: bus})
    unknown = sorted(set(ports) - {servo.bus for servo in spec.servos})
    findings += [Finding(f"port of {name}", f"robot {spec.name} has no such bus", "leave it out") for name in unknown]
    return RobotReport(spec.name, tuple(servos), tuple(findings))


def _check_bus(spec: RobotSpec, bus: DynamixelBus, servos: list[FoundServo], findings: list[Finding]) -> None:
    expected = {servo.servo_id: servo for servo in spec.servos if servo.bus == bus.name}
    answers = bus.scan()
    counts = Counter(answer.servo_id for answer in answers)
    found = {answer.servo_id: answer for answer in answers}
    silence: dict[int, HardwareError] = {}
    for servo_id in expected.keys() - found.keys():
        try:  # its answer to the scan may have been damaged
            found[servo_id] = bus.ping(servo_id)
        except PortError:
            raise
        except HardwareError as error:
            silence[servo_id] = error
    missing = [servo for servo_id, servo in expected.items() if servo_id not in found]
    for servo in missing:
        fix = f"check its power, cable, id and baud rate ({silence[servo.servo_id]})"
        findings.append(Finding(_place(servo), f"no {servo.model} answers", fix))
    for servo_id, answer in sorted(found.items()):
        known = expected.get(servo_id)
        if known is None:
            findings.append(_stranger(bus, answer, missing))
        if counts[servo_id] > 1:
            problem = f"{counts[servo_id]} servos answer to id {servo_id}"
            findings.append(Finding(f"bus {bus.name}", problem, "unplug all but one of them and give it another id"))
            continue
        try:
            servos.append(_look_at(bus, answer, known))
            if known is not None:
                findings += _check_servo(spec, bus, known)
        except PortError:
            raise
        except HardwareError as error:
            findings.append(Finding(f"bus {bus.name}, id {servo_id}", "it cannot be read", str(error)))


def _look_at(bus: DynamixelBus, answer: PingReply, known: ServoSpec | None) -> FoundServo:
    mode = bus.read(answer.servo_id, table.OPERATING_MODE)
    mode_name = OperatingMode(mode).name.lower() if mode in tuple(OperatingMode) else f"mode {mode}"
    position_rad = None
    if known is not None:
        position_rad = ServoUnits(known).position_rad(bus.read(answer.servo_id, table.PRESENT_POSITION))
    joint = known.joint if known else None
    return FoundServo(bus.name, answer.servo_id, joint, answer.model_name, answer.firmware, mode_name, position_rad)


def _check_servo(spec: RobotSpec, bus: DynamixelBus, servo: ServoSpec) -> list[Finding]:
    found = [
        Finding(_place(servo), difference.problem, difference.fix, difference.needs_person)
        for difference in differences(spec, servo, bus)
    ]
    if bits := bus.read(servo.servo_id, table.HARDWARE_ERROR_STATUS):
        names = ", ".join(name for bit, name in _HARDWARE_ERRORS.items() if bits & 1 << bit) or f"bits {bits:#04x}"
        found.append(Finding(_place(servo), f"hardware error: {names}", "remove the cause, then reboot the servo"))
    joint = spec.joints[spec.joint_index[servo.joint]]
    position_rad = ServoUnits(servo).position_rad(bus.read(servo.servo_id, table.PRESENT_POSITION))
    if not joint.lower - _AT_LIMIT_RAD <= position_rad <= joint.upper + _AT_LIMIT_RAD:
        problem = f"stands at {position_rad:.3f} rad, outside its limits {joint.lower:.3f} to {joint.upper:.3f}"
        found.append(
            Finding(_place(servo), problem, "move the joint by hand; if it is inside, correct center_ticks or sign")
        )
    return found


def _stranger(bus: DynamixelBus, answer: PingReply, missing: Sequence[ServoSpec]) -> Finding:
    fix = "unplug it, or enter it in the robot table"
    alike = [servo for servo in missing if servo.model == answer.model_name]
    if answer.servo_id == _FACTORY_ID and len(alike) == 1:
        fix = f"if it is the new servo of {alike[0].joint}, give it the id {alike[0].servo_id}"
    return Finding(f"bus {bus.name}, id {answer.servo_id}", f"a {answer.model_name} that the table does not know", fix)


def _place(servo: ServoSpec) -> str:
    return f"{servo.joint} (bus {servo.bus}, id {servo.servo_id})"
