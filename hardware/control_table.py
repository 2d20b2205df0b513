"""What the X series keeps in its control table: where each item lies, in which unit, and each model of the series.

All models share the addresses below (Protocol 2.0). Sources: the manufacturer's manual for addresses, units and limits,
its data sheets for torque, current and speed.
"""

from __future__ import annotations

from enum import IntEnum
from math import pi

from hardware.errors import ServoError
from hardware.register import ControlTable, IndirectArea, Register, ServoModel

__all__ = ["ControlTable", "IndirectArea", "Register", "ServoModel"]  # beside what is defined here

TICKS_PER_TURN = 4096
VELOCITY_UNIT_RAD_S = 0.229 * 2 * pi / 60  # 0.229 rpm
WATCHDOG_UNIT_S = 0.02
LONGEST_WATCHDOG = 127  # in its units, 2.54 s
WATCHDOG_TRIPPED = 255
RETURN_DELAY_UNIT_S = 2e-6
BAUD_RATES = (9_600, 57_600, 115_200, 1_000_000, 2_000_000, 3_000_000, 4_000_000, 4_500_000)  # by baud code
VOLTAGE_UNIT_V = 0.1
FULL_PWM = 885  # all that a servo gives its motor

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


class OperatingMode(IntEnum):
    """What a servo's goal means."""

    CURRENT = 0
    VELOCITY = 1
    POSITION = 3
    EXTENDED_POSITION = 4
    CURRENT_POSITION = 5
    PWM = 16


X_SERIES = ControlTable(
    name="X series",
    registers=tuple(value for value in list(globals().values()) if isinstance(value, Register)),
    ticks_per_turn=TICKS_PER_TURN,
    velocity_unit_rad_s=VELOCITY_UNIT_RAD_S,
    voltage_unit_v=VOLTAGE_UNIT_V,
    return_delay_unit_s=RETURN_DELAY_UNIT_S,
    watchdog_unit_s=WATCHDOG_UNIT_S,
    baud_rates=BAUD_RATES,
)

_INDIRECT = (IndirectArea(168, 224, 28), IndirectArea(578, 634, 28))
_INDIRECT_X330 = (IndirectArea(168, 208, 20),)
_WATCHDOG_FIRMWARE = 38
_FAST_READ_FIRMWARE = 46  # the one known to have it; drivers try before they trust, as others may have it earlier
_OVERHEATING_SHOCK_OVERLOAD = 0x34
_RPM = 2 * pi / 60


def _model(
    name: str,
    number: int,
    voltage_v: float,
    torque_nm: float,
    stall_a: float,
    speed_rpm: float,
    unit_a: float | None,
    limit_ticks: int | None,
    volts: tuple[float, float],
    celsius: int,
    velocity_ticks: int,
    mask: int = _OVERHEATING_SHOCK_OVERLOAD,
) -> ServoModel:
    is_small, is_double = "330" in name, name.startswith("2X")
    return ServoModel(
        name=name,
        number=number,
        voltage_v=voltage_v,
        stall_torque_nm=torque_nm,
        stall_current_a=stall_a,
        no_load_speed_rad_s=speed_rpm * _RPM,
        current_unit_a=unit_a,
        current_limit_ticks=limit_ticks,
        lowest_voltage_v=volts[0],
        highest_voltage_v=volts[1],
        temperature_limit_c=celsius,
        velocity_limit_ticks=velocity_ticks,
        shutdown_mask=mask,
        indirect=_INDIRECT_X330 if is_small else _INDIRECT,
        watchdog_firmware=_WATCHDOG_FIRMWARE,
        fast_read_firmware=None if is_double else _FAST_READ_FIRMWARE,
        highest_baud=BAUD_RATES[6] if is_small else BAUD_RATES[7],
        table=X_SERIES,
    )


# Number; at which voltage: stall torque in Nm, stall current in A, speed without load in rpm; current unit in A and
# limit in ticks; lowest and highest voltage; temperature limit in °C; velocity limit in ticks.
MODELS: dict[str, ServoModel] = {
    model.name: model
    for model in (
        _model("XL330-M077", 1190, 5.0, 0.215, 1.47, 383, 0.001, 1750, (3.5, 7.0), 70, 1620, mask=0x35),
        _model("XL330-M288", 1200, 5.0, 0.52, 1.47, 103, 0.001, 1750, (3.5, 7.0), 70, 445, mask=0x35),
        # The XC330 measures its supply's current, not its motor's.
        _model("XC330-T181", 1210, 11.1, 0.76, 0.80, 104, 0.001, 910, (5.5, 14.0), 70, 510),
        _model("XC330-T288", 1220, 11.1, 0.92, 0.80, 65, 0.001, 910, (5.5, 14.0), 70, 320),
        _model("XC330-M181", 1230, 5.0, 0.60, 1.80, 129, 0.001, 2352, (3.5, 7.0), 70, 545),
        _model("XC330-M288", 1240, 5.0, 0.93, 1.80, 81, 0.001, 2352, (3.5, 7.0), 70, 350),
        _model("XL430-W250", 1060, 12.0, 1.5, 1.4, 61, None, None, (6.0, 14.0), 72, 265),
        _model("2XL430-W250", 1090, 12.0, 1.5, 1.4, 61, None, None, (6.0, 14.0), 72, 250),
        _model("XC430-W150", 1070, 12.0, 1.6, 1.4, 106, None, None, (6.0, 16.0), 80, 460),
        _model("XC430-W240", 1080, 12.0, 1.9, 1.4, 70, None, None, (6.0, 16.0), 80, 306),
        _model("2XC430-W250", 1160, 12.0, 1.8, 1.4, 64, None, None, (6.0, 16.0), 80, 275),
        _model("XM430-W210", 1030, 12.0, 3.0, 2.3, 77, 0.00269, 1193, (9.5, 16.0), 80, 330),
        _model("XM430-W350", 1020, 12.0, 4.1, 2.3, 46, 0.00269, 1193, (9.5, 16.0), 80, 200),
        _model("XM540-W150", 1130, 12.0, 7.3, 4.4, 53, 0.00269, 2047, (9.5, 16.0), 80, 230),
        _model("XM540-W270", 1120, 12.0, 10.6, 4.4, 30, 0.00269, 2047, (9.5, 16.0), 80, 128),
        _model("XH540-W150", 1110, 12.0, 7.1, 4.9, 70, 0.00269, 2047, (9.5, 16.0), 80, 300),
        _model("XH540-W270", 1100, 12.0, 9.9, 4.9, 39, 0.00269, 2047, (9.5, 16.0), 80, 167),
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
