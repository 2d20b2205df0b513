"""What the registers of an X-series servo hold as it leaves the factory, and what they may be set to.

Source: the manufacturer's manual, a page a model.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from hardware import control_table as table
from hardware.control_table import OperatingMode, Register, ServoModel
from hardware.dynamixel import MAX_SERVO_ID

# What may be written, and the values that the servo takes; goals have limits of their own.
WRITABLE: Mapping[Register, range] = {
    table.SERVO_ID: range(MAX_SERVO_ID + 1),
    table.BAUD_CODE: range(8),
    table.RETURN_DELAY: range(255),
    table.DRIVE_MODE: range(16),
    table.OPERATING_MODE: range(17),
    table.SHADOW_ID: range(256),
    table.HOMING_OFFSET: range(-1_044_479, 1_044_480),
    table.MOVING_THRESHOLD: range(1024),
    table.TEMPERATURE_LIMIT: range(101),
    table.MAX_VOLTAGE_LIMIT: range(31, 161),
    table.MIN_VOLTAGE_LIMIT: range(31, 161),
    table.PWM_LIMIT: range(table.FULL_PWM + 1),
    table.CURRENT_LIMIT: range(2048),
    table.VELOCITY_LIMIT: range(2048),
    table.MAX_POSITION_LIMIT: range(table.TICKS_PER_TURN),
    table.MIN_POSITION_LIMIT: range(table.TICKS_PER_TURN),
    table.STARTUP_CONFIGURATION: range(4),
    table.SHUTDOWN: range(256),
    table.TORQUE_ENABLE: range(2),
    table.LED: range(2),
    table.STATUS_RETURN_LEVEL: range(3),
    table.VELOCITY_I_GAIN: range(16_384),
    table.VELOCITY_P_GAIN: range(16_384),
    table.POSITION_D_GAIN: range(16_384),
    table.POSITION_I_GAIN: range(16_384),
    table.POSITION_P_GAIN: range(16_384),
    table.FEEDFORWARD_2ND_GAIN: range(16_384),
    table.FEEDFORWARD_1ST_GAIN: range(16_384),
    table.BUS_WATCHDOG: range(128),
    table.GOAL_PWM: range(-table.FULL_PWM, table.FULL_PWM + 1),
    table.GOAL_CURRENT: range(-(2**15), 2**15),
    table.GOAL_VELOCITY: range(-(2**31), 2**31),
    table.PROFILE_ACCELERATION: range(32_768),
    table.PROFILE_VELOCITY: range(32_768),
    table.GOAL_POSITION: range(-(2**31), 2**31),
}
GOALS = (table.GOAL_PWM, table.GOAL_CURRENT, table.GOAL_VELOCITY, table.GOAL_POSITION)


class _Gains(NamedTuple):
    """How a model's controllers are set after each start."""

    velocity_i: int
    velocity_p: int
    position_p: int
    position_d: int = 0


_XM_GAINS = _Gains(1920, 100, 800)
_GAINS: Mapping[str, _Gains] = {
    "XL330-M288": _Gains(1600, 180, 400),
    "XC330-T288": _Gains(1200, 40, 900),
    "XL430-W250": _Gains(1000, 100, 640, position_d=4000),
    "2XL430-W250": _Gains(1000, 100, 640, position_d=4000),
}


def factory_settings(model: ServoModel) -> dict[Register, int]:
    """The EEPROM of a new servo; its id is 1 and its baud rate 57 600."""
    return {
        table.SERVO_ID: 1,
        table.BAUD_CODE: 1,
        table.RETURN_DELAY: 250,
        table.OPERATING_MODE: OperatingMode.POSITION,
        table.SHADOW_ID: 255,
        table.PROTOCOL_TYPE: 2,
        table.MOVING_THRESHOLD: 10,
        table.TEMPERATURE_LIMIT: model.temperature_limit_c,
        table.MAX_VOLTAGE_LIMIT: round(model.highest_voltage_v / table.VOLTAGE_UNIT_V),
        table.MIN_VOLTAGE_LIMIT: round(model.lowest_voltage_v / table.VOLTAGE_UNIT_V),
        table.PWM_LIMIT: table.FULL_PWM,
        table.CURRENT_LIMIT: model.current_limit_ticks or 0,
        table.VELOCITY_LIMIT: model.velocity_limit_ticks,
        table.MAX_POSITION_LIMIT: table.TICKS_PER_TURN - 1,
        table.MIN_POSITION_LIMIT: 0,
        table.SHUTDOWN: model.shutdown_mask,
    }


def ram_settings(model: ServoModel) -> dict[Register, int]:
    """What RAM holds after each start, where that is not 0."""
    gains = _GAINS.get(model.name, _XM_GAINS)
    return {
        table.STATUS_RETURN_LEVEL: 2,
        table.VELOCITY_I_GAIN: gains.velocity_i,
        table.VELOCITY_P_GAIN: gains.velocity_p,
        table.POSITION_D_GAIN: gains.position_d,
        table.POSITION_P_GAIN: gains.position_p,
        table.GOAL_PWM: table.FULL_PWM,
    }
