"""How a servo must be set for the robot table to hold, and how to bring it there."""

from __future__ import annotations

from dataclasses import dataclass

from assets.robot import JointSpec, RobotSpec, ServoSpec
from hardware import control_table as table
from hardware.bus import DynamixelBus
from hardware.control_table import OperatingMode, Register, servo_model
from hardware.errors import ServoError
from hardware.servo_units import ServoUnits

_MODES = {"position": OperatingMode.POSITION, "current_position": OperatingMode.CURRENT_POSITION}
_CONFIGURATION_BYTES = table.STATUS_RETURN_LEVEL.address + 1

# A homing offset shifts what every tick means: it is never changed without a person.
_FIXED_BY_PERSON = (table.MODEL_NUMBER, table.HOMING_OFFSET)


@dataclass(frozen=True, slots=True)
class Difference:
    """One register that does not hold what the robot table needs."""

    joint: str
    bus: str
    servo_id: int
    register: Register
    found: int
    expected: int

    @property
    def needs_person(self) -> bool:
        """Whether connecting refuses, rather than writing the expected value itself."""
        return self.register in _FIXED_BY_PERSON

    @property
    def fix(self) -> str:
        """What to do about it."""
        if self.register == table.MODEL_NUMBER:
            return (
                f"fit a {table.model_name(self.expected)}, or enter {table.model_name(self.found)} for joint "
                f"{self.joint} in the robot table"
            )
        if self.register == table.HOMING_OFFSET:
            return "set the homing offset to 0 and check that the joint's center_ticks still hold"
        return "connecting writes it"

    @property
    def problem(self) -> str:
        """What differs, in words."""
        found, expected = str(self.found), str(self.expected)
        if self.register == table.MODEL_NUMBER:
            found, expected = table.model_name(self.found), table.model_name(self.expected)
        return f"{self.register.name} is {found}, the table needs {expected}"

    def __str__(self) -> str:
        return f"{self.joint} (bus {self.bus}, id {self.servo_id}): {self.problem}; {self.fix}"


def expected_settings(joint: JointSpec, servo: ServoSpec) -> dict[Register, int]:
    """What the EEPROM of one servo must hold.

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
        table.MODEL_NUMBER: model.number,
        table.RETURN_DELAY: 0,
        table.DRIVE_MODE: 0,
        table.OPERATING_MODE: int(mode),
        table.HOMING_OFFSET: 0,
        table.STARTUP_CONFIGURATION: 0,
        table.STATUS_RETURN_LEVEL: 2,
    }
    if mode == OperatingMode.POSITION:
        lowest, highest = ServoUnits(servo).limit_ticks(joint.lower, joint.upper)
        settings |= {table.MIN_POSITION_LIMIT: lowest, table.MAX_POSITION_LIMIT: highest}
    return settings


def differences(spec: RobotSpec, servo: ServoSpec, bus: DynamixelBus) -> tuple[Difference, ...]:
    """What in one servo's memory differs from what the robot table needs. Changes nothing.

    Raises:
        BusError: the servo does not answer.
        ServoError: the servo refuses to be read.
    """
    memory = bus.read_block(servo.servo_id, 0, _CONFIGURATION_BYTES, "configuration")
    joint = spec.joints[spec.joint_index[servo.joint]]
    return tuple(
        Difference(joint.name, servo.bus, servo.servo_id, register, found, expected)
        for register, expected in expected_settings(joint, servo).items()
        if (found := register.decode(memory[register.address :])) != expected
    )


def prepare(spec: RobotSpec, servo: ServoSpec, bus: DynamixelBus) -> None:
    """Bring one servo to what the table needs, torque off. EEPROM cells wear, so only what differs is written.

    Raises:
        BusError: the servo does not answer.
        ServoError: it is another model or has a homing offset, it does not keep what is written, or its current limit
            is below the goal current of the table.
    """
    servo_id = servo.servo_id
    # Unconfirmed, since a servo below level 2 does not answer writes.
    bus.sync_write(table.STATUS_RETURN_LEVEL, {servo_id: 2})
    # A watchdog that tripped in an earlier session would refuse every goal.
    bus.write(servo_id, table.BUS_WATCHDOG, 0)
    bus.write(servo_id, table.TORQUE_ENABLE, 0)
    found = differences(spec, servo, bus)
    if hopeless := [str(difference) for difference in found if difference.needs_person]:
        raise ServoError("; ".join(hopeless))
    for difference in found:
        bus.write(servo_id, difference.register, difference.expected)
    if left := differences(spec, servo, bus):
        raise ServoError("the servo does not keep what is written: " + "; ".join(map(str, left)))
    if servo.goal_current_a is not None:
        bus.write(servo_id, table.GOAL_CURRENT, goal_current_ticks(servo))


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
