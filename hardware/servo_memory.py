"""All that one servo says about itself, in SI units: its configuration, its health, and where it stands."""

from __future__ import annotations

from dataclasses import dataclass

from hardware import control_table as table
from hardware.bus import DynamixelBus
from hardware.control_table import BAUD_RATES, Register, model_name

_BYTES = table.PRESENT_TEMPERATURE.address + table.PRESENT_TEMPERATURE.size
_HARDWARE_ERRORS = {0: "input voltage", 2: "overheating", 3: "encoder", 4: "electrical shock", 5: "overload"}


@dataclass(frozen=True, slots=True)
class ServoMemory:
    """One servo's control table as it was when it was read."""

    servo_id: int
    data: bytes

    @staticmethod
    def read(bus: DynamixelBus, servo_id: int) -> ServoMemory:
        """Everything from the model number to the temperature, in one packet. Changes nothing.

        Raises:
            BusError: the servo does not answer.
            ServoError: the servo refuses to be read.
        """
        return ServoMemory(servo_id, bus.read_block(servo_id, 0, _BYTES, "control table"))

    def get(self, register: Register) -> int:
        """What a register held; only those up to the present temperature."""
        return register.decode(self.data[register.address :])

    @property
    def model(self) -> str:
        return model_name(self.get(table.MODEL_NUMBER))

    @property
    def baud(self) -> int | None:
        """Bits a second that the servo is set to; None for a code that the series does not know."""
        code = self.get(table.BAUD_CODE)
        return BAUD_RATES[code] if code < len(BAUD_RATES) else None

    @property
    def return_delay_us(self) -> float:
        return self.get(table.RETURN_DELAY) * table.RETURN_DELAY_UNIT_S * 1e6

    @property
    def voltage_v(self) -> float:
        return self.get(table.PRESENT_VOLTAGE) * table.VOLTAGE_UNIT_V

    @property
    def temperature_c(self) -> int:
        return self.get(table.PRESENT_TEMPERATURE)

    @property
    def hardware_errors(self) -> tuple[str, ...]:
        """The causes that the servo reports, in words; empty where it is well."""
        return error_names(self.get(table.HARDWARE_ERROR_STATUS))

    @property
    def mode(self) -> str:
        return mode_name(self.get(table.OPERATING_MODE))


def error_names(bits: int) -> tuple[str, ...]:
    """What the bits of the hardware error status, or of the shutdown mask, stand for."""
    known = tuple(name for bit, name in _HARDWARE_ERRORS.items() if bits & 1 << bit)
    unknown = bits & ~sum(1 << bit for bit in _HARDWARE_ERRORS)
    return (*known, f"bits {unknown:#04x}") if unknown else known


def mode_name(mode: int) -> str:
    """An operating mode in words."""
    return table.OperatingMode(mode).name.lower() if mode in tuple(table.OperatingMode) else f"mode {mode}"
