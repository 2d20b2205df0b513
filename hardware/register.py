"""What a control table is, whatever protocol its servos speak: registers by name, units, and models."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from hardware.errors import ServoError


@dataclass(frozen=True, slots=True)
class Register:
    """One item of the control table, little endian."""

    name: str
    address: int
    size: int
    signed: bool = False

    def encode(self, value: int) -> bytes:
        """`value` as the servo stores it.

        Raises:
            ServoError: `value` does not fit.
        """
        try:
            return value.to_bytes(self.size, "little", signed=self.signed)
        except OverflowError as error:
            raise ServoError(f"{value} does not fit into {self.name}, which has {self.size} bytes") from error

    def decode(self, data: bytes | bytearray | memoryview) -> int:
        """The value in the first `size` bytes of `data`."""
        return int.from_bytes(data[: self.size], "little", signed=self.signed)


@dataclass(frozen=True)
class ControlTable:
    """The registers of one family of servos, and what their numbers mean.

    Whoever turns a servo's numbers into SI units asks the table of its model, so that a family with another protocol
    is another table. `baud_rates` are bits a second, by the code that the baud rate register holds.
    """

    name: str
    registers: tuple[Register, ...]
    ticks_per_turn: int
    velocity_unit_rad_s: float
    voltage_unit_v: float
    return_delay_unit_s: float
    watchdog_unit_s: float
    baud_rates: tuple[int, ...]

    @cached_property
    def by_name(self) -> dict[str, Register]:
        return {register.name: register for register in self.registers}

    def baud_code(self, baud: int) -> int:
        """What the baud rate register holds for `baud` bits a second.

        Raises:
            ServoError: the family does not know that rate.
        """
        if baud not in self.baud_rates:
            raise ServoError(f"{self.name} servos do not know {baud} baud; use one of {self.baud_rates}")
        return self.baud_rates.index(baud)


@dataclass(frozen=True, slots=True)
class IndirectArea:
    """A stretch of pointers to registers (2 bytes each), and of what they point at (1 byte each)."""

    address: int
    data: int
    count: int


@dataclass(frozen=True, slots=True)
class ServoModel:
    """One servo model. Torque, current and speed are the data sheet's at `voltage_v`.

    `current_unit_a` is what one tick of current means, None on a model that reports load in 0.1 % of its stall torque.
    Limits and the shutdown mask are those of the factory. `watchdog_firmware` is the first with a bus watchdog,
    `fast_read_firmware` the first with fast sync reads, None where no firmware has them.
    """

    name: str
    number: int
    voltage_v: float
    stall_torque_nm: float
    stall_current_a: float
    no_load_speed_rad_s: float
    current_unit_a: float | None
    current_limit_ticks: int | None
    lowest_voltage_v: float
    highest_voltage_v: float
    temperature_limit_c: int
    velocity_limit_ticks: int
    shutdown_mask: int
    indirect: tuple[IndirectArea, ...]
    watchdog_firmware: int
    fast_read_firmware: int | None
    highest_baud: int
    table: ControlTable

    @property
    def torque_per_tick_nm(self) -> float:
        """Torque of one tick of present current (or load), taking torque as proportional to current up to stall."""
        if self.current_unit_a is None:
            return self.stall_torque_nm / 1000
        return self.current_unit_a * self.stall_torque_nm / self.stall_current_a
