"""Servos that are moved by hand while their positions are read: the cable side of a calibration."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import pi

from assets.calibration import ChannelCalibration
from assets.exoskeleton import ExoskeletonJoint
from assets.robot import RobotSpec
from hardware import control_table as table
from hardware.bus import DynamixelBus
from hardware.calibrating import WORN_TRAVEL, SweptJoint, is_off_travel
from hardware.errors import ServoError
from hardware.old_settings import OldSettings
from hardware.servo_expectation import expected_settings
from hardware.servo_setup import have_answer
from hardware.wiring import close_all, servos_in_joint_order

Take = Callable[[dict[str, int], float], None]  # of raw ticks by joint, and when they were read


@dataclass(frozen=True)
class LimpServo:
    """One servo with torque off, and what is known of its joint before it is swept."""

    bus: str
    servo_id: int
    joint: SweptJoint


class LimpServos:
    """All servos of a robot or an exoskeleton with torque off. Owns the buses.

    Args:
        servos: see `robot_servos` and `worn_servos`.
        buses: open buses by name.
        old: what the servos held before they were let go; left out, nothing was changed.
    """

    def __init__(
        self, servos: Sequence[LimpServo], buses: Mapping[str, DynamixelBus], old: OldSettings | None = None
    ) -> None:
        self.servos = tuple(servos)
        self.old = OldSettings(buses) if old is None else old
        self._buses = dict(buses)
        self._ids = {name: [servo.servo_id for servo in servos if servo.bus == name] for name in buses}
        self._joint = {(servo.bus, servo.servo_id): servo.joint.joint for servo in servos}

    @property
    def joints(self) -> tuple[SweptJoint, ...]:
        return tuple(servo.joint for servo in self.servos)

    def read(self) -> tuple[dict[str, int], float]:
        """Raw ticks of every joint that answers, and when they were read, in seconds of the buses' clock.

        Raises:
            PortError: a cable is gone.
        """
        ticks: dict[str, int] = {}
        now_s = 0.0
        for name, bus in self._buses.items():
            reply = bus.sync_read(self._ids[name], table.PRESENT_POSITION.address, table.PRESENT_POSITION.size)
            for servo_id, block in reply.blocks.items():
                ticks[self._joint[name, servo_id]] = table.PRESENT_POSITION.decode(block.data)
            now_s = bus.now_s()
        return ticks, now_s

    def write_offsets(self, channels: Sequence[ChannelCalibration]) -> tuple[str, ...]:
        """Give each servo the homing offset of its calibration, and verify it; the joints whose offset has changed.

        Raises:
            BusError: a servo does not answer.
            ServoError: a servo does not keep its offset, or does not count by it. The old offsets are written back.
        """
        by_joint = {channel.joint: channel for channel in channels}
        changed = [
            servo for servo in self.servos if by_joint[servo.joint.joint].homing_offset != servo.joint.homing_offset
        ]
        try:
            for servo in changed:
                self._write_offset(servo, by_joint[servo.joint.joint])
        except BaseException:  # whoever breaks off has measured nothing either
            self.restore_offsets()
            raise
        return tuple(servo.joint.joint for servo in changed)

    def prove(self, channels: Sequence[ChannelCalibration], sweep_again: Callable[[Take], None]) -> None:
        """Every position of another sweep must lie within the travel, as it does where an offset has moved the seam.

        The sweep must show enough of the travel, and both sides of the place where the encoder begins its turn again.

        Args:
            channels: those whose homing offset has changed.
            sweep_again: reads the servos while they are moved, and hands each reading to what it is given.

        Raises:
            ServoError: one position does not, or too little was swept. The old offsets are written back, as after all
                that goes wrong here.
            PortError: a cable is gone.
        """
        outside: dict[str, None] = {}
        seen: dict[str, tuple[int, int]] = {}  # the lowest and the highest tick

        def take(ticks: dict[str, int], _: float) -> None:
            outside.update(dict.fromkeys(off_travel(ticks, channels)))
            for joint, now in ticks.items():
                lowest, highest = seen.get(joint, (now, now))
                seen[joint] = min(lowest, now), max(highest, now)

        least = {servo.joint.joint: servo.joint.least_travel for servo in self.servos}
        try:
            sweep_again(take)
            if outside:
                raise ServoError(
                    f"{next(iter(outside))}: the seam of its encoder is still inside the travel. Take the horn off, "
                    "turn it by about a quarter, and sweep again; the old offsets stand again"
                )
            if unproved := [own.joint for own in channels if not _is_proof(own, seen.get(own.joint), least[own.joint])]:
                raise ServoError(
                    f"{', '.join(unproved)}: not moved from stop to stop in the second sweep, so nothing shows that "
                    "the homing offset helps; the old offsets stand again. Calibrate again"
                )
        except BaseException:
            self.restore_offsets()
            raise

    def restore_offsets(self) -> None:
        """Put every homing offset back to what it was.

        Raises:
            BusError, ServoError: a servo does not take it.
        """
        for servo in self.servos:
            bus = self._buses[servo.bus]
            if bus.read(servo.servo_id, table.HOMING_OFFSET) != servo.joint.homing_offset:
                bus.write(servo.servo_id, table.HOMING_OFFSET, servo.joint.homing_offset)

    def close(self) -> None:
        """Release the ports; the servos stay limp."""
        close_all(self._buses)

    def _write_offset(self, servo: LimpServo, channel: ChannelCalibration) -> None:
        bus = self._buses[servo.bus]
        bus.write(servo.servo_id, table.HOMING_OFFSET, channel.homing_offset)
        kept = bus.read(servo.servo_id, table.HOMING_OFFSET)
        if kept != channel.homing_offset:
            raise ServoError(f"{channel.joint}: homing offset reads {kept} after writing {channel.homing_offset}")
        position = bus.read(servo.servo_id, table.PRESENT_POSITION)
        if outside := off_travel({channel.joint: position}, [channel]):
            raise ServoError(
                f"{outside[0]} with homing offset {channel.homing_offset}: the servo does not count by it. Take the "
                "horn off, turn it so that the seam of the encoder lies outside the travel, and sweep again"
            )


def off_travel(ticks: Mapping[str, int], channels: Sequence[ChannelCalibration]) -> list[str]:
    """The joints that read outside their calibrated travel, in words."""
    return [
        f"{channel.joint} reads {ticks[channel.joint]}, outside its travel {channel.lowest} to {channel.highest}"
        for channel in channels
        if channel.joint in ticks and is_off_travel(channel, ticks[channel.joint])
    ]


def _is_proof(channel: ChannelCalibration, seen: tuple[int, int] | None, least_travel: float) -> bool:
    """Whether enough of the travel was seen, and the place where its encoder begins again, if that lies within it."""
    if seen is None:
        return False
    lowest, highest = seen
    seam = channel.homing_offset % table.TICKS_PER_TURN
    has_seam = channel.lowest < seam <= channel.highest
    is_far = highest - lowest >= least_travel * (channel.highest - channel.lowest)
    return is_far and (lowest < seam <= highest or not has_seam)


def robot_servos(spec: RobotSpec, buses: Mapping[str, DynamixelBus]) -> LimpServos:
    """Let every servo of a robot go, in the mode that the table wants, since its travel is counted in that.

    Its limits of position are opened; connecting sets them by what has been measured. What the servos held before is in
    `old`, and is put back where this fails.

    Raises:
        BusError: a servo does not answer.
        ServoError: a servo refuses.
    """
    found, old = [], OldSettings(buses)
    with old.back_after_failure():
        for servo, joint in zip(servos_in_joint_order(spec), spec.joints, strict=True):
            bus, settings = buses[servo.bus], expected_settings(joint, servo)
            _let_go(bus, servo.servo_id)
            wanted = {register: settings[register] for register in (table.DRIVE_MODE, table.OPERATING_MODE)}
            # Its limits belong to the old centre, and connecting never widens any.
            wanted |= {table.MIN_POSITION_LIMIT: 0, table.MAX_POSITION_LIMIT: table.TICKS_PER_TURN - 1}
            for register, value in wanted.items():
                if old.note(servo, register) != value:
                    bus.write(servo.servo_id, register, value)
            offset = old.note(servo, table.HOMING_OFFSET)
            swept = SweptJoint(joint.name, servo.sign, joint.lower, joint.upper, joint.home, homing_offset=offset)
            found.append(LimpServo(servo.bus, servo.servo_id, swept))
    return LimpServos(found, buses, old)


def worn_servos(spec: RobotSpec, joints: Sequence[ExoskeletonJoint], name: str, bus: DynamixelBus) -> LimpServos:
    """Let every servo of an exoskeleton go. Its reader counts across the seam, so no offset is ever written.

    Raises:
        BusError: a servo does not answer.
        ServoError: a servo refuses.
    """
    found = []
    for worn in joints:
        joint = spec.joints[spec.joint_index[worn.joint]]
        _let_go(bus, worn.servo_id)
        swept = SweptJoint(
            joint=worn.joint,
            sign=worn.sign,
            lower_rad=joint.lower - worn.offset_rad,
            upper_rad=joint.upper - worn.offset_rad,
            home_rad=joint.home - worn.offset_rad,
            rad_per_tick=worn.scale * 2.0 * pi / table.TICKS_PER_TURN,
            least_travel=WORN_TRAVEL,
            largest_offset=None,
            homing_offset=bus.read(worn.servo_id, table.HOMING_OFFSET),
        )
        found.append(LimpServo(name, worn.servo_id, swept))
    return LimpServos(found, {name: bus})


def _let_go(bus: DynamixelBus, servo_id: int) -> None:
    have_answer(bus, servo_id)
    bus.write(servo_id, table.TORQUE_ENABLE, 0)
