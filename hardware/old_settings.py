"""What servos held before they were written to, so that it can be put back where nothing came of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from assets.robot import RobotSpec, ServoSpec
from hardware import control_table as table
from hardware.bus import DynamixelBus
from hardware.control_table import Register
from hardware.errors import HardwareError, PortError, ServoError
from hardware.servo_expectation import expected_settings
from hardware.servo_setup import have_answer
from hardware.wiring import servos_in_joint_order

_ROUNDING_TICKS = 2


class OldSettings:
    """The old values of some registers of servos on `buses`."""

    def __init__(self, buses: Mapping[str, DynamixelBus]) -> None:
        self._buses = dict(buses)
        self._held: list[tuple[ServoSpec, Register, int]] = []

    def note(self, servo: ServoSpec, register: Register) -> int:
        """Remember what a servo holds now, and return it.

        Raises:
            BusError: it does not answer.
        """
        value = self._buses[servo.bus].read(servo.servo_id, register)
        self._held.append((servo, register, value))
        return value

    def put_back(self) -> tuple[str, ...]:
        """Write what differs from what was noted; torque must be off. Each is tried. Never raises.

        Returns:
            One line for each setting that is not, or may not be, what it was.
        """
        failures = []
        gone: set[str] = set()
        for servo, register, value in self._held:
            told = f"{servo.joint}: {register.name} was {value}"
            if servo.bus in gone:
                failures.append(told)
                continue
            bus = self._buses[servo.bus]
            try:
                if bus.read(servo.servo_id, register) != value:
                    bus.write(servo.servo_id, register, value)
            except HardwareError as error:
                failures.append(f"{told} ({error})")
                if isinstance(error, PortError):
                    gone.add(servo.bus)
        return tuple(failures)

    @contextmanager
    def back_after_failure(self) -> Iterator[None]:
        """Put everything back where the block is left by an exception, an interruption included.

        Raises:
            ServoError: something could not be put back; it names that beside what had gone wrong.
        """
        try:
            yield
        except BaseException as error:
            if failures := self.put_back():
                raise ServoError(f"{error or 'interrupted'}; and not put back: {'; '.join(failures)}") from error
            raise


def narrowed(spec: RobotSpec, buses: Mapping[str, DynamixelBus]) -> tuple[str, ...]:
    """The joints whose servos have less room between their limits than the table gives them, in words.

    Widths are compared, since what lies where is not known before a calibration. Changes nothing but whether the
    servos answer.

    Raises:
        BusError: a servo does not answer.
    """
    told = []
    for servo, joint in zip(servos_in_joint_order(spec), spec.joints, strict=True):
        settings, ends = expected_settings(joint, servo), (table.MIN_POSITION_LIMIT, table.MAX_POSITION_LIMIT)
        if ends[0] not in settings:
            continue
        bus = buses[servo.bus]
        have_answer(bus, servo.servo_id)
        lowest, highest = (bus.read(servo.servo_id, end) for end in ends)
        wanted_ticks = settings[ends[1]] - settings[ends[0]]
        if highest - lowest < wanted_ticks - _ROUNDING_TICKS:
            told.append(f"{joint.name} {lowest} to {highest} (the table wants {wanted_ticks} ticks)")
    return tuple(told)
