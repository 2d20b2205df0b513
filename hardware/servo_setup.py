"""Bringing the servos on a bus to what the robot table needs, or refusing to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping

from assets.robot import RobotSpec, ServoSpec
from hardware import control_table as table
from hardware.bus import DynamixelBus
from hardware.control_table import Register
from hardware.errors import ServoError
from hardware.servo_expectation import Difference, goal_current_ticks, judged
from hardware.servo_memory import ServoMemory


def differences(spec: RobotSpec, servo: ServoSpec, bus: DynamixelBus) -> tuple[Difference, ...]:
    """What about one servo differs from what the robot table needs. Changes nothing.

    Raises:
        BusError: the servo does not answer.
        ServoError: the servo refuses to be read, or the table asks for what its model cannot do.
    """
    return judged(spec, servo, ServoMemory.read(bus, servo.servo_id))


def have_answer(bus: DynamixelBus, servo_id: int) -> None:
    """Have a servo answer whatever it is told. Unconfirmed, since below this level it does not answer writes."""
    bus.sync_write(table.STATUS_RETURN_LEVEL, {servo_id: 2})


def prepare(spec: RobotSpec, servo: ServoSpec, bus: DynamixelBus) -> None:
    """Bring one servo to what the table needs. EEPROM cells wear, so only what differs is written.

    Torque goes off; on a robot that would fall by that, only where it must.

    Raises:
        BusError: the servo does not answer.
        ServoError: something about it needs a person (see `differences`), it does not keep what is written, or its
            current limit is below the goal current of the table.
    """
    servo_id = servo.servo_id
    have_answer(bus, servo_id)
    # A watchdog that tripped in an earlier session would refuse every goal.
    if spec.safety.ladder == "limp":
        bus.write(servo_id, table.BUS_WATCHDOG, 0)
        bus.write(servo_id, table.TORQUE_ENABLE, 0)
    else:  # it may have torque until it is held anew, and must at no moment have it for ever
        bus.sync_write(table.BUS_WATCHDOG, {servo_id: 0})
        bus.write(servo_id, table.BUS_WATCHDOG, table.LONGEST_WATCHDOG)
    found = differences(spec, servo, bus)
    if hopeless := [str(difference) for difference in found if difference.needs_person]:
        raise ServoError("; ".join(hopeless))
    writes = settings_to_write(found)
    if writes:  # EEPROM is locked while torque is on, which a robot that stands on its own would rather keep
        bus.write(servo_id, table.TORQUE_ENABLE, 0)
    for register, value in writes.items():
        bus.write(servo_id, register, value)
    if writes:
        left = [each for each in differences(spec, servo, bus) if each.register in writes]
        if left:
            raise ServoError("the servo does not keep what is written: " + "; ".join(map(str, left)))
    if servo.goal_current_a is not None:
        bus.write(servo_id, table.GOAL_CURRENT, goal_current_ticks(servo))


def settings_to_write(found: Iterable[Difference]) -> dict[Register, int]:
    """What mends those differences that writing mends."""
    return {each.register: each.expected for each in found if each.register is not None}


def duplicates(bus: DynamixelBus, servo_ids: Collection[int]) -> tuple[int, ...]:
    """Those of `servo_ids` that several servos answer to, as far as their answers do not collide. Takes a scan."""
    counts = Counter(reply.servo_id for reply in bus.scan(servo_ids))
    return tuple(sorted(servo_id for servo_id in servo_ids if counts[servo_id] > 1))


def refuse_duplicates(spec: RobotSpec, buses: Mapping[str, DynamixelBus]) -> None:
    """Two servos with one id would both follow its goals, and answer over each other.

    Raises:
        ServoError: an id of the table is answered to by several servos.
    """
    for name, bus in buses.items():
        joints = {servo.servo_id: servo.joint for servo in spec.servos if servo.bus == name}
        if twice := duplicates(bus, joints):
            told = ", ".join(f"{servo_id} ({joints[servo_id]})" for servo_id in twice)
            raise ServoError(
                f"bus {name}: several servos answer to id {told}; unplug all but one of them and give it another id "
                f"(`retake robot setup-servo`)"
            )
