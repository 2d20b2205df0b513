"""Is the robot on these cables the robot of the table? Looks, and changes nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from assets.calibration import Calibration, calibrated
from assets.robot import RobotSpec, ServoSpec
from hardware.bus import DynamixelBus
from hardware.calibrating import is_off_travel
from hardware.errors import HardwareError, PortError
from hardware.port import Port, open_port
from hardware.port_finder import LATENCY_RULE, SHORT_LATENCY_MS, latency_timer_ms
from hardware.replies import PingReply
from hardware.robot_report import CheckedPort, Finding, FoundServo, RobotReport
from hardware.scanning import COMMON_BAUDS, FACTORY_ID, REPLY_MARGIN_S, BaudScan, FoundAt, Opener, scan_bauds
from hardware.servo_expectation import judged, setup_command
from hardware.servo_memory import ServoMemory
from hardware.wiring import close_all


def check_robot(
    spec: RobotSpec,
    ports: Mapping[str, str | Port],
    baud: int = 1_000_000,
    reply_margin_s: float = REPLY_MARGIN_S,
    calibration: Calibration | None = None,
    opener: Opener = open_port,
) -> RobotReport:
    """Compare the servos on `ports` with the robot table: ids, models, settings, health and positions.

    Where a servo is missing, the other baud rates are searched for it. A port that cannot be opened or a servo that
    does not answer is a finding, not an exception. Ports are closed again.

    Raises:
        CalibrationError: the calibration is not of this robot.
        ServoError: the table itself asks for what a servo model cannot do.
    """
    robot = spec if calibration is None else calibrated(spec, calibration)
    look = _Look(robot, baud, reply_margin_s, calibration, opener)
    for name in spec.bus_names:
        if name in ports:
            look.at_port(name, ports[name])
        else:
            look.findings.append(
                Finding(f"bus {name}", "no port was given", f"name one, as in {name}=/dev/serial/by-id/...")
            )
    unknown = sorted(set(ports) - set(spec.bus_names))
    look.findings += [
        Finding(f"port of {name}", f"robot {spec.name} has no such bus", "leave it out") for name in unknown
    ]
    digest = None if calibration is None else calibration.digest
    return RobotReport(spec.name, digest, tuple(look.ports), tuple(look.servos), tuple(look.findings))


@dataclass
class _Look:
    """One look at all buses, and what it has found so far."""

    spec: RobotSpec
    baud: int
    reply_margin_s: float
    calibration: Calibration | None
    opener: Opener
    ports: list[CheckedPort] = field(default_factory=list)
    servos: list[FoundServo] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)

    def at_port(self, name: str, port: str | Port) -> None:
        path = port if isinstance(port, str) else port.name
        try:
            bus = DynamixelBus(self.opener(port, self.baud), name, self.reply_margin_s)
        except PortError as error:
            self.findings.append(Finding(f"bus {name}", "no port", str(error)))
            return
        try:
            self._at_adapter(name, path)
            missing = self._at_bus(bus)
        except PortError as error:
            self.findings.append(Finding(f"bus {name}", "the port failed", str(error)))
            return
        finally:
            close_all({name: bus})
        if missing:
            self._search(name, port, missing)

    def _at_adapter(self, name: str, path: str) -> None:
        timer_ms = latency_timer_ms(path)
        self.ports.append(CheckedPort(name, path, timer_ms))
        if timer_ms is not None and timer_ms > SHORT_LATENCY_MS:
            problem = f"the adapter waits up to {timer_ms} ms for more before it passes an answer on"
            fix = f"put this line into /etc/udev/rules.d/99-latency.rules and replug it: {LATENCY_RULE}"
            self.findings.append(Finding(f"bus {name}", problem, fix, "advice", bus=name))

    def _at_bus(self, bus: DynamixelBus) -> dict[int, ServoSpec]:
        """Everybody at the bus's own baud rate; returns whom the table wants beside."""
        expected = {servo.servo_id: servo for servo in self.spec.servos if servo.bus == bus.name}
        answers = bus.scan()
        counts = Counter(answer.servo_id for answer in answers)
        found = {answer.servo_id: answer for answer in answers}
        for servo_id in expected.keys() - found.keys():
            try:  # its answer to the scan may have been damaged
                found[servo_id] = bus.ping(servo_id)
            except PortError:
                raise
            except HardwareError:
                continue  # whoever is missing is searched for at other baud rates, and told then
        missing = {servo_id: servo for servo_id, servo in expected.items() if servo_id not in found}
        for servo_id, answer in sorted(found.items()):
            place = f"bus {bus.name}, id {servo_id}"
            if servo_id not in expected:
                self.findings.append(_stranger(bus.name, FoundAt(self.baud, answer), missing))
            if counts[servo_id] > 1:
                problem = f"{counts[servo_id]} servos answer to id {servo_id}"
                fix = "unplug all but one of them and give it another id"
                self.findings.append(
                    Finding(place, problem, fix, command="setup-servo --joint JOINT --from-id ID", bus=bus.name)
                )
                continue
            try:
                self._at_servo(bus, answer, expected.get(servo_id))
            except PortError:
                raise
            except HardwareError as error:
                self.findings.append(Finding(place, "it cannot be read", str(error)))
        return missing

    def _at_servo(self, bus: DynamixelBus, answer: PingReply, known: ServoSpec | None) -> None:
        memory = ServoMemory.read(bus, answer.servo_id)
        self.servos.append(FoundServo.of(bus.name, memory, known))
        if known is not None:
            self.findings += [Finding.of(difference) for difference in judged(self.spec, known, memory)]
            self._compare_with_calibration(known, self.servos[-1])

    def _compare_with_calibration(self, known: ServoSpec, servo: FoundServo) -> None:
        if self.calibration is None:
            return
        own = self.calibration.by_joint[known.joint]
        if not is_off_travel(own, servo.position_ticks):
            return
        problem = f"stands at tick {servo.position_ticks}; the calibration measured {own.lowest} to {own.highest}"
        fix = "has its horn been taken off since? Then calibrate the robot again"
        self.findings.append(Finding(_place(known), problem, fix, "advice", "calibrate", known.bus))

    def _search(self, name: str, port: str | Port, missing: Mapping[int, ServoSpec]) -> None:
        """Say of each missing servo whether it answers at another baud rate, or whether a new one does."""
        elsewhere = BaudScan((), {})
        if isinstance(port, str):
            others = [baud for baud in COMMON_BAUDS if baud != self.baud]
            elsewhere = scan_bauds(port, others, self.reply_margin_s, self.opener)
        lost = {found.reply.servo_id: found for found in elsewhere.found if found.reply.servo_id in missing}
        for servo_id, servo in missing.items():
            problem, fix, command = f"no {servo.model} answers", "check its power, cable, id and baud rate", None
            if servo_id in lost and lost[servo_id].reply.model_name == servo.model:
                problem += f" at {self.baud} baud, but one does at {lost[servo_id].baud}"
                fix, command = f"set it to {self.baud} baud", setup_command(servo.joint, servo_id)
            self.findings.append(Finding(_place(servo), problem, fix, command=command, bus=name))
        still_missing = {key: servo for key, servo in missing.items() if key not in lost}
        self.findings += [
            _stranger(name, found, still_missing)
            for found in elsewhere.found
            if found.reply.servo_id not in lost or found.reply.model_name != missing[found.reply.servo_id].model
        ]


def _stranger(bus: str, found: FoundAt, missing: Mapping[int, ServoSpec]) -> Finding:
    place = f"bus {bus}, id {found.reply.servo_id}"
    problem = f"{found}, which the table does not know"
    alike = [servo for servo in missing.values() if servo.model == found.reply.model_name]
    if found.reply.servo_id != FACTORY_ID or not alike:
        return Finding(place, problem, "unplug it, or enter it in the robot table", bus=bus)
    if len(alike) > 1:
        fix = f"a new servo, of {' or '.join(servo.joint for servo in alike)}: adopt it with setup-servo"
        return Finding(place, problem, fix, command=setup_command("JOINT", FACTORY_ID), bus=bus)
    fix = f"a new servo: adopt it with setup-servo as {alike[0].joint}, which gives it the id {alike[0].servo_id}"
    return Finding(place, problem, fix, command=setup_command(alike[0].joint, FACTORY_ID), bus=bus)


def _place(servo: ServoSpec) -> str:
    return f"{servo.joint} (bus {servo.bus}, id {servo.servo_id})"
