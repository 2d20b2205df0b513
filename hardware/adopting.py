"""Making a servo out of the box the servo of a joint: found at any baud rate, set, and read back. May be repeated."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from assets.robot import RobotSpec, ServoSpec
from hardware import control_table as table
from hardware.bus import DynamixelBus
from hardware.control_table import Register, servo_model
from hardware.errors import HardwareError, ServoError
from hardware.port import open_port
from hardware.scanning import COMMON_BAUDS, REPLY_MARGIN_S, FoundAt, Opener, scan_bauds
from hardware.servo_expectation import goal_current_ticks, settings_for
from hardware.servo_memory import ServoMemory
from hardware.servo_setup import have_answer


@dataclass(frozen=True)
class Adoption:
    """What will be done to a servo, before it is done."""

    servo: ServoSpec
    found: FoundAt
    baud: int
    writes: Mapping[Register, int]
    before: Mapping[Register, int]

    @property
    def steps(self) -> tuple[str, ...]:
        """Each change in words, in the order in which it is made; none where the servo is set already."""
        changes = [f"{register.name}: {self.before[register]} -> {value}" for register, value in self.writes.items()]
        if self.found.reply.servo_id != self.servo.servo_id:
            changes.append(f"id: {self.found.reply.servo_id} -> {self.servo.servo_id}")
        if self.found.baud != self.baud:
            changes.append(f"baud rate: {self.found.baud} -> {self.baud}")
        return tuple(changes)


def plan_adoption(
    spec: RobotSpec,
    joint: str,
    path: str,
    baud: int = 1_000_000,
    from_id: int | None = None,
    reply_margin_s: float = REPLY_MARGIN_S,
    opener: Opener = open_port,
) -> Adoption:
    """Find the servo on the port, and say what makes it the servo of `joint`. Changes nothing.

    Args:
        spec: the robot.
        joint: which of its joints the servo shall move.
        path: the port, best with this one servo on it.
        baud: bits a second of the robot's buses.
        from_id: which servo is meant, where several answer.
        reply_margin_s: how long to wait for an answer beyond its wire time.
        opener: opens the port.

    Raises:
        PortError: the port cannot be opened.
        ServoError: no such joint; nobody answers, or several do; it is another model; or the id is taken.
    """
    own = [servo for servo in spec.servos if servo.joint == joint]
    if not own:
        known = ", ".join(servo.joint for servo in spec.servos)
        raise ServoError(f"robot {spec.name} has no servo for joint {joint!r}; it has {known}")
    servo, model = own[0], servo_model(own[0].model)
    model.table.baud_code(baud)
    bauds = tuple(dict.fromkeys((baud, *COMMON_BAUDS)))
    found = _the_one(servo, scan_bauds(path, bauds, reply_margin_s, opener).found, path, from_id)
    if found.reply.model_number != model.number:
        raise ServoError(
            f"{path}: it is a {found}, the table wants a {model.name} for {joint}; fit that, or correct the robot table"
        )
    bus = DynamixelBus(opener(path, found.baud), servo.bus, reply_margin_s)
    try:
        memory = ServoMemory.read(bus, found.reply.servo_id)
    finally:
        bus.close()
    wanted = settings_for(spec.joints[spec.joint_index[joint]], servo, memory)
    if servo.goal_current_a is not None:
        wanted[table.CURRENT_LIMIT] = max(goal_current_ticks(servo), memory.get(table.CURRENT_LIMIT))
    before = {register: memory.get(register) for register in wanted}
    writes = {register: value for register, value in wanted.items() if before[register] != value}
    return Adoption(servo, found, baud, writes, before)


def adopt(
    plan: Adoption, path: str, reply_margin_s: float = REPLY_MARGIN_S, opener: Opener = open_port
) -> tuple[str, ...]:
    """Carry a plan out, torque off, each step read back; what was done, in words.

    Raises:
        PortError: the port cannot be opened.
        ServoError: a step failed; the message says which were done. The same command goes on from there.
    """
    done: list[str] = []
    bus = DynamixelBus(opener(path, plan.found.baud), plan.servo.bus, reply_margin_s)
    try:
        servo_id = plan.found.reply.servo_id
        have_answer(bus, servo_id)
        bus.write(servo_id, table.TORQUE_ENABLE, 0)
        for register, value in plan.writes.items():
            bus.write(servo_id, register, value)
            _read_back(bus, servo_id, register, value)
            done.append(f"{register.name} is {value}")
        if servo_id != plan.servo.servo_id:
            # Unconfirmed, as it is not said which id a servo answers with while it changes it.
            bus.sync_write(table.SERVO_ID, {servo_id: plan.servo.servo_id})
            servo_id = plan.servo.servo_id
            _read_back(bus, servo_id, table.SERVO_ID, servo_id)
            done.append(f"id is {servo_id}")
        if plan.found.baud != plan.baud:
            code = servo_model(plan.servo.model).table.baud_code(plan.baud)
            bus.sync_write(table.BAUD_CODE, {servo_id: code})  # its answer would come at the new rate
            bus.close()
            bus = DynamixelBus(opener(path, plan.baud), plan.servo.bus, reply_margin_s)
            _read_back(bus, servo_id, table.BAUD_CODE, code)
            done.append(f"baud rate is {plan.baud}")
        for register, value in plan.writes.items():
            _read_back(bus, servo_id, register, value)
    except HardwareError as error:
        told = ", ".join(done) or "nothing"
        raise ServoError(f"{plan.servo.joint}: {error} Done so far: {told}. Run the same command to go on") from error
    finally:
        bus.close()
    return tuple(done)


def _the_one(servo: ServoSpec, found: tuple[FoundAt, ...], path: str, from_id: int | None) -> FoundAt:
    """The servo that is meant, if there is no doubt about it."""
    listed = ", ".join(map(str, found))
    if not found:
        raise ServoError(f"nobody answers on {path} at any common baud rate; check power and cable")
    meant = [each for each in found if from_id is None or each.reply.servo_id == from_id]
    if not meant:
        raise ServoError(f"nobody on {path} has the id {from_id}; there answer {listed}")
    if len(meant) > 1:
        advice = "unplug all but the one that is meant"
        if from_id is None and len({each.reply.servo_id for each in found}) == len(found):
            advice += ", or say --from-id"
        raise ServoError(f"{len(meant)} servos answer on {path}: {listed}; {advice}")
    if any(each.reply.servo_id == servo.servo_id for each in found if each is not meant[0]):
        raise ServoError(f"the id {servo.servo_id} of {servo.joint} is taken on {path}: there answer {listed}")
    return meant[0]


def _read_back(bus: DynamixelBus, servo_id: int, register: Register, value: int) -> None:
    if (kept := bus.read(servo_id, register)) != value:
        raise ServoError(f"{register.name} reads {kept} after writing {value}.")
