"""What a look at a robot's servos found, as values that a table or a file can show."""

from __future__ import annotations

from dataclasses import dataclass

from assets.robot import ServoSpec
from hardware import control_table as table
from hardware.servo_expectation import Difference, Severity
from hardware.servo_memory import ServoMemory, error_names
from hardware.servo_units import ServoUnits


@dataclass(frozen=True)
class FoundServo:
    """One servo that answered. `joint` and `position_rad` are None for one that the table does not know."""

    bus: str
    servo_id: int
    joint: str | None
    model: str
    firmware: int
    mode: str
    baud: int | None
    return_delay_us: float
    homing_offset: int
    position_ticks: int
    position_rad: float | None
    position_limits: tuple[int, int]
    current_limit: int
    temperature_c: int
    temperature_limit_c: int
    voltage_v: float
    voltage_limits_v: tuple[float, float]
    shutdown: tuple[str, ...]
    hardware_errors: tuple[str, ...]
    torque_on: bool
    watchdog: str

    @staticmethod
    def of(bus: str, memory: ServoMemory, known: ServoSpec | None) -> FoundServo:
        """A servo that was read, by the name the table has for it."""
        ticks = memory.get(table.PRESENT_POSITION)
        return FoundServo(
            bus=bus,
            servo_id=memory.servo_id,
            joint=known.joint if known else None,
            model=memory.model,
            firmware=memory.get(table.FIRMWARE_VERSION),
            mode=memory.mode,
            baud=memory.baud,
            return_delay_us=memory.return_delay_us,
            homing_offset=memory.get(table.HOMING_OFFSET),
            position_ticks=ticks,
            position_rad=ServoUnits(known).position_rad(ticks) if known else None,
            position_limits=(memory.get(table.MIN_POSITION_LIMIT), memory.get(table.MAX_POSITION_LIMIT)),
            current_limit=memory.get(table.CURRENT_LIMIT),
            temperature_c=memory.temperature_c,
            temperature_limit_c=memory.get(table.TEMPERATURE_LIMIT),
            voltage_v=memory.voltage_v,
            voltage_limits_v=(
                memory.get(table.MIN_VOLTAGE_LIMIT) * table.VOLTAGE_UNIT_V,
                memory.get(table.MAX_VOLTAGE_LIMIT) * table.VOLTAGE_UNIT_V,
            ),
            shutdown=error_names(memory.get(table.SHUTDOWN)),
            hardware_errors=memory.hardware_errors,
            torque_on=bool(memory.get(table.TORQUE_ENABLE)),
            watchdog=_watchdog(memory.get(table.BUS_WATCHDOG)),
        )


@dataclass(frozen=True)
class CheckedPort:
    """A bus of the table, and the adapter it hangs on."""

    bus: str
    path: str
    latency_timer_ms: int | None


@dataclass(frozen=True)
class Finding:
    """One thing that differs from the table. Only what `refuses` keeps torque off; connecting mends what is `mended`.

    `command` is what to type after `retake robot`, with the port of `bus`, to mend it.
    """

    place: str
    problem: str
    fix: str
    severity: Severity = "refuses"
    command: str | None = None
    bus: str | None = None

    @property
    def needs_person(self) -> bool:
        return self.severity == "refuses"

    @staticmethod
    def of(difference: Difference) -> Finding:
        """What a servo's memory says, as one of the findings of the whole robot."""
        place = f"{difference.joint} (bus {difference.bus}, id {difference.servo_id})"
        return Finding(
            place, difference.problem, difference.fix, difference.severity, difference.command, difference.bus
        )

    def __str__(self) -> str:
        return f"{self.place}: {self.problem}; {self.fix}"


@dataclass(frozen=True)
class RobotReport:
    """What answered, and what differs from the table. `calibration` is the digest of the one it was compared with."""

    robot: str
    calibration: str | None
    ports: tuple[CheckedPort, ...]
    servos: tuple[FoundServo, ...]
    findings: tuple[Finding, ...]

    @property
    def is_ready(self) -> bool:
        """Whether connecting can succeed without a person doing anything first."""
        return not any(finding.needs_person for finding in self.findings)


def _watchdog(value: int) -> str:
    if value == table.WATCHDOG_TRIPPED:
        return "tripped"
    return f"{value * table.WATCHDOG_UNIT_S:.2f} s" if value else "off"
