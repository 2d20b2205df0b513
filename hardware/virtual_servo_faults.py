"""Faults inside servos: they begin, last, and end with their time. `servo_id` None means every servo of the bus."""

from __future__ import annotations

from dataclasses import dataclass

from hardware.virtual_faults import ServoFault
from hardware.virtual_servo import OVERLOAD_ERROR, VOLTAGE_ERROR, VirtualServo


@dataclass(frozen=True)
class Alert(ServoFault):
    """A hardware error is reported, and is gone with its time. Bits in the shutdown mask end torque as well."""

    bits: int = VOLTAGE_ERROR

    def begin(self, servo: VirtualServo) -> None:
        servo.raise_hardware_error(self.bits)

    def end(self, servo: VirtualServo) -> None:
        servo.clear_hardware_error(self.bits)


@dataclass(frozen=True)
class OverloadShutdown(ServoFault):
    """The servo has pushed too hard for too long, and shuts down until a reboot."""

    def begin(self, servo: VirtualServo) -> None:
        servo.raise_hardware_error(OVERLOAD_ERROR)


@dataclass(frozen=True)
class TemperatureRamp(ServoFault):
    """The servo warms up, or cools down, from `from_c` to `to_c` at `rate_c_s`, and stays so."""

    from_c: float = 60.0
    to_c: float = 80.0
    rate_c_s: float = 1.0

    def go_on(self, servo: VirtualServo, since_s: float) -> None:
        way_c = self.to_c - self.from_c
        share = min(1.0, self.rate_c_s * since_s / abs(way_c)) if way_c else 1.0
        servo.feel(temperature_c=self.from_c + share * way_c)


@dataclass(frozen=True)
class VoltageSag(ServoFault):
    """The supply sags to `supply_v`, and recovers with its time."""

    supply_v: float = 9.4

    def begin(self, servo: VirtualServo) -> None:
        servo.feel(supply_v=self.supply_v)

    def end(self, servo: VirtualServo) -> None:
        servo.feel(supply_v=servo.model.voltage_v)


@dataclass(frozen=True)
class BrownOutReboot(ServoFault):
    """The supply has dipped so far that the servo restarts: torque off, RAM as after any start, tick from 0."""

    def begin(self, servo: VirtualServo) -> None:
        servo.reboot()


@dataclass(frozen=True)
class Frozen(ServoFault):
    """The servo's program hangs: it answers the same bytes again and again, its tick stands still."""

    def begin(self, servo: VirtualServo) -> None:
        servo.is_frozen = True

    def end(self, servo: VirtualServo) -> None:
        servo.thaw()
