"""Watching the servos of a robot without touching them: state, health, errors on the wire, and the pace of reading."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from assets.robot import RobotSpec
from hardware import control_table as table
from hardware.bus import DynamixelBus
from hardware.register import Register
from hardware.servo_memory import error_names
from hardware.servo_units import ServoUnits
from hardware.wiring import servos_in_joint_order

_START = table.PRESENT_CURRENT.address
_BYTES = table.PRESENT_TEMPERATURE.address + table.PRESENT_TEMPERATURE.size - _START


@dataclass(frozen=True)
class ServoWatch:
    """One servo as it was last heard. Values are None until it has answered; `effort_nm` is estimated from current."""

    joint: str
    bus: str
    servo_id: int
    position_rad: float | None = None
    velocity_rad_s: float | None = None
    effort_nm: float | None = None
    current_a: float | None = None
    voltage_v: float | None = None
    temperature_c: int | None = None
    highest_temperature_c: int | None = None
    lowest_voltage_v: float | None = None
    hardware_errors: tuple[str, ...] = ()
    asked: int = 0
    missed: int = 0
    last_problem: str = ""

    @property
    def error_rate(self) -> float:
        """The part of the readings that did not arrive whole."""
        return self.missed / self.asked if self.asked else 0.0


@dataclass(frozen=True)
class LoopTiming:
    """How long a reading of all servos took, in seconds."""

    cycles: int
    mean_s: float
    median_s: float
    p99_s: float
    longest_s: float

    @property
    def rate_hz(self) -> float:
        """How often all servos could be read."""
        return 1.0 / self.mean_s if self.mean_s > 0 else 0.0


class Monitor:
    """Reads all servos of a robot again and again. Writes nothing; needs the ports for itself.

    Args:
        spec: the robot, calibrated if it is.
        buses: open buses by name, all of the table's.
    """

    def __init__(self, spec: RobotSpec, buses: Mapping[str, DynamixelBus]) -> None:
        servos = servos_in_joint_order(spec)
        self._buses = dict(buses)
        self._servos = {(servo.bus, servo.servo_id): (servo.joint, ServoUnits(servo), servo.model) for servo in servos}
        self._watches = {servo.joint: ServoWatch(servo.joint, servo.bus, servo.servo_id) for servo in servos}
        self._durations_s: list[float] = []

    @property
    def watches(self) -> tuple[ServoWatch, ...]:
        """Every servo, in the joint table's order."""
        return tuple(self._watches.values())

    @property
    def timing(self) -> LoopTiming:
        """The pace of the readings so far."""
        if not self._durations_s:
            return LoopTiming(0, 0.0, 0.0, 0.0, 0.0)
        taken = np.array(self._durations_s)
        median_s, p99_s = np.percentile(taken, [50, 99])
        return LoopTiming(len(taken), float(taken.mean()), float(median_s), float(p99_s), float(taken.max()))

    def cycle(self) -> None:
        """Read every servo once.

        Raises:
            PortError: a cable is gone.
        """
        took_s = 0.0
        for name, bus in self._buses.items():
            begun_s = bus.now_s()
            self._read_bus(name, bus)
            took_s += bus.now_s() - begun_s
        self._durations_s.append(took_s)

    def _read_bus(self, name: str, bus: DynamixelBus) -> None:
        ids = [servo_id for own, servo_id in self._servos if own == name]
        reply = bus.sync_read(ids, _START, _BYTES)
        alerted = [servo_id for servo_id, block in reply.blocks.items() if block.alert]
        for servo_id, problem in reply.problems.items():
            joint = self._servos[name, servo_id][0]
            before = self._watches[joint]
            self._watches[joint] = replace(
                before, asked=before.asked + 1, missed=before.missed + 1, last_problem=problem
            )
        for servo_id, block in reply.blocks.items():
            self._note(name, servo_id, block.data)
        if alerted:
            errors = bus.sync_read(alerted, table.HARDWARE_ERROR_STATUS.address, table.HARDWARE_ERROR_STATUS.size)
            for servo_id, block in errors.blocks.items():
                joint = self._servos[name, servo_id][0]
                told = error_names(table.HARDWARE_ERROR_STATUS.decode(block.data))
                self._watches[joint] = replace(self._watches[joint], hardware_errors=told)

    def _note(self, bus: str, servo_id: int, data: bytes) -> None:
        def held(register: Register) -> int:
            return register.decode(data[register.address - _START :])

        joint, units, model_name = self._servos[bus, servo_id]
        before = self._watches[joint]
        current_ticks = held(table.PRESENT_CURRENT)
        unit_a = table.servo_model(model_name).current_unit_a
        voltage_v = held(table.PRESENT_VOLTAGE) * table.VOLTAGE_UNIT_V
        temperature_c = held(table.PRESENT_TEMPERATURE)
        self._watches[joint] = replace(
            before,
            position_rad=units.position_rad(held(table.PRESENT_POSITION)),
            velocity_rad_s=units.velocity_rad_s(held(table.PRESENT_VELOCITY)),
            effort_nm=units.effort_nm(current_ticks),
            current_a=None if unit_a is None else current_ticks * unit_a,
            voltage_v=voltage_v,
            temperature_c=temperature_c,
            highest_temperature_c=max(temperature_c, before.highest_temperature_c or temperature_c),
            lowest_voltage_v=min(voltage_v, before.lowest_voltage_v or voltage_v),
            hardware_errors=(),
            asked=before.asked + 1,
        )
