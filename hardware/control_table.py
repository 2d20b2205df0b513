"""What the X series keeps in its control table, and what differs from model to model.

All models here share the addresses below (Protocol 2.0). Sources: the manufacturer's manual for addresses and units,
its data sheets for torque, current and speed.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from math import pi

from hardware.errors import ServoError

TICKS_PER_TURN = 4096
VELOCITY_UNIT_RAD_S = 0.229 * 2 * pi / 60  # 0.229 rpm
WATCHDOG_UNIT_S = 0.02
WATCHDOG_TRIPPED = 255
RETURN_DELAY_UNIT_S = 2e-6
BAUDS = {0: 9_600, 1: 57_600, 2: 115_200, 3: 1_000_000, 4: 2_000_000, 5: 3_000_000, 6: 4_000_000, 7: 4_500_000}


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


MODEL_NUMBER = Register("model number", 0, 2)
FIRMWARE_VERSION = Register("firmware version", 6, 1)
SERVO_ID = Register("id", 7, 1)
BAUD_CODE = Register("baud rate", 8, 1)
RETURN_DELAY = Register("return delay time", 9, 1)
DRIVE_MODE = Register("drive mode", 10, 1)
OPERATING_MODE = Register("operating mode", 11, 1)
SHADOW_ID = Register("shadow id", 12, 1)
PROTOCOL_TYPE = Register("protocol type", 13, 1)
HOMING_OFFSET = Register("homing offset", 20, 4, signed=True)
MOVING_THRESHOLD = Register("moving threshold", 24, 4)
TEMPERATURE_LIMIT = Register("temperature limit", 31, 1)
MAX_VOLTAGE_LIMIT = Register("max voltage limit", 32, 2)
MIN_VOLTAGE_LIMIT = Register("min voltage limit", 34, 2)
PWM_LIMIT = Register("pwm limit", 36, 2)
CURRENT_LIMIT = Register("current limit", 38, 2)
VELOCITY_LIMIT = Register("velocity limit", 44, 4)
MAX_POSITION_LIMIT = Register("max position limit", 48, 4)
MIN_POSITION_LIMIT = Register("min position limit", 52, 4)
STARTUP_CONFIGURATION = Register("startup configuration", 60, 1)
SHUTDOWN = Register("shutdown", 63, 1)
TORQUE_ENABLE = Register("torque enable", 64, 1)
LED = Register("led", 65, 1)
STATUS_RETURN_LEVEL = Register("status return level", 68, 1)
REGISTERED_INSTRUCTION = Register("registered instruction", 69, 1)
HARDWARE_ERROR_STATUS = Register("hardware error status", 70, 1)
VELOCITY_I_GAIN = Register("velocity i gain", 76, 2)
VELOCITY_P_GAIN = Register("velocity p gain", 78, 2)
POSITION_D_GAIN = Register("position d gain", 80, 2)
POSITION_I_GAIN = Register("position i gain", 82, 2)
POSITION_P_GAIN = Register("position p gain", 84, 2)
FEEDFORWARD_2ND_GAIN = Register("feedforward 2nd gain", 88, 2)
FEEDFORWARD_1ST_GAIN = Register("feedforward 1st gain", 90, 2)
BUS_WATCHDOG = Register("bus watchdog", 98, 1)
GOAL_PWM = Register("goal pwm", 100, 2, signed=True)
GOAL_CURRENT = Register("goal current", 102, 2, signed=True)
GOAL_VELOCITY = Register("goal velocity", 104, 4, signed=True)
PROFILE_ACCELERATION = Register("profile acceleration", 108, 4)
PROFILE_VELOCITY = Register("profile velocity", 112, 4)
GOAL_POSITION = Register("goal position", 116, 4, signed=True)
REALTIME_TICK = Register("realtime tick", 120, 2)
MOVING = Register("moving", 122, 1)
MOVING_STATUS = Register("moving status", 123, 1)
PRESENT_PWM = Register("present pwm", 124, 2, signed=True)
PRESENT_CURRENT = Register("present current", 126, 2, signed=True)  # a load in 0.1 % on models without current sensing
PRESENT_VELOCITY = Register("present velocity", 128, 4, signed=True)
PRESENT_POSITION = Register("present position", 132, 4, signed=True)
PRESENT_VOLTAGE = Register("present voltage", 144, 2)
PRESENT_TEMPERATURE = Register("present temperature", 146, 1)

EEPROM_END = 64  # registers below are kept without power and locked while torque is on

STATE_ADDRESS = PRESENT_CURRENT.address
STATE_BYTES = PRESENT_POSITION.address + PRESENT_POSITION.size - STATE_ADDRESS  # current, velocity, position


class OperatingMode(IntEnum):
    """What a servo's goal means."""

    CURRENT = 0
    VELOCITY = 1
    POSITION = 3
    EXTENDED_POSITION = 4
    CURRENT_POSITION = 5
    PWM = 16


@dataclass(frozen=True, slots=True)
class ServoModel:
    """One servo model. Torque, current and speed are the data sheet's at `voltage_v`.

    `current_unit_a` is what one tick of current means, None on a model that reports load in 0.1 % of its stall torque.
    """

    name: str
    number: int
    voltage_v: float
    stall_torque_nm: float
    stall_current_a: float
    no_load_speed_rad_s: float
    current_unit_a: float | None
    current_limit_ticks: int | None

    @property
    def torque_per_tick_nm(self) -> float:
        """Torque of one tick of present current (or load), taking torque as proportional to current up to stall."""
        if self.current_unit_a is None:
            return self.stall_torque_nm / 1000
        return self.current_unit_a * self.stall_torque_nm / self.stall_current_a


def _rpm(speed: float) -> float:
    return speed * 2 * pi / 60


MODELS: dict[str, ServoModel] = {
    model.name: model
    for model in (
        ServoModel("XL330-M288", 1200, 5.0, 0.52, 1.47, _rpm(103), 0.001, 1750),
        ServoModel("XC330-T288", 1220, 11.1, 0.92, 0.80, _rpm(65), 0.001, 910),
        ServoModel("XL430-W250", 1060, 12.0, 1.5, 1.4, _rpm(61), None, None),
        ServoModel("2XL430-W250", 1090, 12.0, 1.5, 1.4, _rpm(61), None, None),
        ServoModel("XM430-W350", 1020, 12.0, 4.1, 2.3, _rpm(46), 0.00269, 1193),
        ServoModel("XM540-W270", 1120, 12.0, 10.6, 4.4, _rpm(30), 0.00269, 2047),
    )
}
_BY_NUMBER = {model.number: model for model in MODELS.values()}


def servo_model(name: str) -> ServoModel:
    """The model of that name.

    Raises:
        ServoError: no such model is known.
    """
    if name not in MODELS:
        raise ServoError(f"servo model {name!r} is not known; known are {', '.join(MODELS)}")
    return MODELS[name]


def model_name(number: int) -> str:
    """The name of the model that answers with `number`, or a text that says it is not known."""
    model = _BY_NUMBER.get(number)
    return model.name if model else f"unknown model {number}"
