"""What the robot table needs of a servo, and what about a servo that has been read differs from it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from assets.robot import JointSpec, RobotSpec, ServoSpec
from hardware import control_table as table
from hardware.control_table import OperatingMode, Register, servo_model
from hardware.errors import ServoError
from hardware.servo_memory import ServoMemory, mode_name
from hardware.servo_units import ServoUnits

# A difference that refuses torque needs a person; connecting mends others by itself; the rest is good to know.
Severity = Literal["refuses", "mended", "advice"]

AT_LIMIT_RAD = 0.1  # what gears and stops give, and a table rounds
HOT_BELOW_LIMIT_C = 3  # a servo this close to its limit would switch itself off in the middle of a motion
WARM_BELOW_LIMIT_C = 10
_MODES = {"position": OperatingMode.POSITION, "current_position": OperatingMode.CURRENT_POSITION}


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing about a servo that the robot table wants otherwise.

    `command` is what to type after `retake robot` to mend it, `fix` what to do where no command helps. `register` and
    `expected` are what connecting writes.
    """

    joint: str
    bus: str
    servo_id: int
    problem: str
    fix: str
    severity: Severity = "refuses"
    command: str | None = None
    register: Register | None = None
    expected: int = 0

    @property
    def needs_person(self) -> bool:
        """Whether connecting refuses, rather than mending it itself."""
        return self.severity == "refuses"

    def __str__(self) -> str:
        typed = f" (`retake robot {self.command}`)" if self.command else ""
        return f"{self.joint} (bus {self.bus}, id {self.servo_id}): {self.problem}; {self.fix}{typed}"


def expected_settings(joint: JointSpec, servo: ServoSpec) -> dict[Register, int]:
    """What the EEPROM of one servo must hold, without what depends on what it holds already.

    Raises:
        ServoError: the table asks for what the servo model cannot do.
    """
    model = servo_model(servo.model)
    mode = _MODES[servo.operating_mode]
    if mode == OperatingMode.CURRENT_POSITION and model.current_unit_a is None:
        raise ServoError(
            f"joint {joint.name}: {model.name} has no current sensing, so it cannot run in current_position mode; use "
            f"position in the robot table"
        )
    settings = {
        table.RETURN_DELAY: 0,
        table.DRIVE_MODE: 0,
        table.OPERATING_MODE: int(mode),
        table.HOMING_OFFSET: servo.homing_offset,
        table.STARTUP_CONFIGURATION: 0,
        table.STATUS_RETURN_LEVEL: 2,
    }
    if mode == OperatingMode.POSITION:
        lowest, highest = ServoUnits(servo).limit_ticks(joint.lower, joint.upper)
        settings |= {table.MIN_POSITION_LIMIT: lowest, table.MAX_POSITION_LIMIT: highest}
    return settings


def settings_for(joint: JointSpec, servo: ServoSpec, memory: ServoMemory) -> dict[Register, int]:
    """`expected_settings`, and the guards that may be stricter than the factory's but not weaker."""
    model = servo_model(servo.model)
    return expected_settings(joint, servo) | {
        table.TEMPERATURE_LIMIT: min(memory.get(table.TEMPERATURE_LIMIT), model.temperature_limit_c),
        table.SHUTDOWN: memory.get(table.SHUTDOWN) | model.shutdown_mask,
    }


def setup_command(joint: str, servo_id: int) -> str:
    """What to type to have a servo written, on a bus where others answer as well."""
    return f"setup-servo --joint {joint} --from-id {servo_id}"


def judged(spec: RobotSpec, servo: ServoSpec, memory: ServoMemory) -> tuple[Difference, ...]:
    """`differences` of a servo that has been read already."""
    joint = spec.joints[spec.joint_index[servo.joint]]
    return (*_of_kind(servo, memory), *_of_settings(joint, servo, memory), *_of_state(joint, servo, memory))


def goal_current_ticks(servo: ServoSpec) -> int:
    """The grip limit of a servo in current_position mode, as its goal current.

    Raises:
        ServoError: the servo senses no current, or the table asks for more than the model allows.
    """
    model = servo_model(servo.model)
    if servo.goal_current_a is None or model.current_unit_a is None or model.current_limit_ticks is None:
        raise ServoError(f"joint {servo.joint}: {model.name} takes no goal current; remove goal_current_a")
    ticks = round(servo.goal_current_a / model.current_unit_a)
    if not 0 < ticks <= model.current_limit_ticks:
        limit_a = model.current_limit_ticks * model.current_unit_a
        raise ServoError(
            f"joint {servo.joint}: goal current {servo.goal_current_a} A is not allowed; {model.name} takes more than "
            f"0 and at most {limit_a:.2f} A"
        )
    return ticks


def _of_kind(servo: ServoSpec, memory: ServoMemory) -> Iterator[Difference]:
    model = servo_model(servo.model)
    if memory.get(table.MODEL_NUMBER) != model.number:
        fix = f"fit a {model.name}, or enter {memory.model} for joint {servo.joint} in the robot table"
        yield _refusing(servo, f"model number is {memory.model}, the table needs {model.name}", fix)
    if (firmware := memory.get(table.FIRMWARE_VERSION)) < model.watchdog_firmware:
        problem = f"firmware {firmware} has no bus watchdog: the servo would hold its last goal for ever"
        yield _refusing(servo, problem, f"update it to {model.watchdog_firmware} or newer by the manufacturer's tool")


def _of_settings(joint: JointSpec, servo: ServoSpec, memory: ServoMemory) -> Iterator[Difference]:
    for register, expected in settings_for(joint, servo, memory).items():
        if (found := memory.get(register)) == expected:
            continue
        problem = f"{register.name} is {_shown(register, found)}, the table needs {_shown(register, expected)}"
        if register == table.HOMING_OFFSET:
            # It shifts what every tick means, so it is never changed without a person.
            fix = "calibrate the robot again, or use the calibration that was made with this offset"
            yield _refusing(servo, problem, fix, "calibrate")
        elif _is_narrower(register, found, expected):
            # Goals beyond it would be dropped in silence, and whoever set it had a reason.
            fix = "narrow the joint's limits in the robot table, or have the servo's written"
            yield _refusing(servo, problem, fix, setup_command(servo.joint, servo.servo_id))
        else:
            yield _difference(servo, problem, "connecting writes it", "mended", register=register, expected=expected)
    limit = memory.get(table.CURRENT_LIMIT)
    if servo.goal_current_a is not None and limit < (wanted := goal_current_ticks(servo)):
        problem = f"current limit is {limit}, below the goal current {wanted} of the table"
        fix = "lower goal_current_a in the robot table, or raise the limit"
        yield _refusing(servo, problem, fix, setup_command(servo.joint, servo.servo_id))


def _of_state(joint: JointSpec, servo: ServoSpec, memory: ServoMemory) -> Iterator[Difference]:
    model = servo_model(servo.model)
    if errors := memory.hardware_errors:
        fix = "remove the cause, then reboot the servo"
        yield _refusing(servo, f"hardware error: {', '.join(errors)}", fix, f"reboot --ids {servo.servo_id}")
    if not model.lowest_voltage_v <= memory.voltage_v <= model.highest_voltage_v:
        allowed = f"{model.lowest_voltage_v:g} to {model.highest_voltage_v:g} V"
        problem = f"its supply has {memory.voltage_v:.1f} V, a {model.name} takes {allowed}"
        yield _refusing(servo, problem, "check the power supply and the wires to this servo")
    limit_c = min(memory.get(table.TEMPERATURE_LIMIT), model.temperature_limit_c)
    if memory.temperature_c >= limit_c - HOT_BELOW_LIMIT_C:
        problem = f"it has {memory.temperature_c} °C and switches itself off at {limit_c}"
        yield _refusing(servo, problem, "let it cool for some minutes")
    elif memory.temperature_c >= limit_c - WARM_BELOW_LIMIT_C:
        problem = f"it has {memory.temperature_c} °C, near its limit of {limit_c}"
        yield _difference(servo, problem, "let it rest soon", "advice")
    position_rad = ServoUnits(servo).position_rad(memory.get(table.PRESENT_POSITION))
    if not joint.lower - AT_LIMIT_RAD <= position_rad <= joint.upper + AT_LIMIT_RAD:
        problem = f"stands at {position_rad:.3f} rad, outside its limits {joint.lower:.3f} to {joint.upper:.3f}"
        yield _refusing(servo, problem, "move the joint by hand; if it is inside, calibrate the robot", "calibrate")
    if memory.get(table.BUS_WATCHDOG) == table.WATCHDOG_TRIPPED:
        yield _difference(servo, "its bus watchdog has tripped", "connecting clears it", "mended")


def _is_narrower(register: Register, found: int, expected: int) -> bool:
    """Whether a limit of position keeps the servo from where the table lets its joint go."""
    if register == table.MIN_POSITION_LIMIT:
        return found > expected
    return register == table.MAX_POSITION_LIMIT and found < expected


def _shown(register: Register, value: int) -> str:
    return f"{value} ({mode_name(value)})" if register == table.OPERATING_MODE else str(value)


def _refusing(servo: ServoSpec, problem: str, fix: str, command: str | None = None) -> Difference:
    return _difference(servo, problem, fix, "refuses", command)


def _difference(
    servo: ServoSpec,
    problem: str,
    fix: str,
    severity: Severity,
    command: str | None = None,
    register: Register | None = None,
    expected: int = 0,
) -> Difference:
    return Difference(servo.joint, servo.bus, servo.servo_id, problem, fix, severity, command, register, expected)
