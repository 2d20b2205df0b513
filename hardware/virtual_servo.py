"""A servo made of bytes: the control table of one X-series servo and the rules that guard it.

What moves is somebody else's business: read `target` each tick, move something, and report back with `sense`.
"""

from __future__ import annotations

from dataclasses import dataclass

from hardware import control_table as table
from hardware.control_table import OperatingMode, Register, ServoModel
from hardware.dynamixel import HARDWARE_ALERT, MAX_SERVO_ID, StatusError

_TABLE_BYTES = 1024
_CURRENT_MODES = (OperatingMode.CURRENT, OperatingMode.CURRENT_POSITION)
_GOALS = (table.GOAL_PWM, table.GOAL_CURRENT, table.GOAL_VELOCITY, table.GOAL_POSITION)
_LARGEST_TURN_TICKS = 256 * table.TICKS_PER_TURN - 1

# What may be written, and the values that the servo takes; goals have limits of their own.
_WRITABLE: dict[Register, range] = {
    table.SERVO_ID: range(MAX_SERVO_ID + 1),
    table.BAUD_CODE: range(8),
    table.RETURN_DELAY: range(255),
    table.DRIVE_MODE: range(14),
    table.OPERATING_MODE: range(17),
    table.SHADOW_ID: range(256),
    table.HOMING_OFFSET: range(-1_044_479, 1_044_480),
    table.TEMPERATURE_LIMIT: range(101),
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
    table.BUS_WATCHDOG: range(128),
    table.GOAL_PWM: range(-885, 886),
    table.GOAL_CURRENT: range(-(2**15), 2**15),
    table.GOAL_VELOCITY: range(-(2**31), 2**31),
    table.PROFILE_ACCELERATION: range(32_768),
    table.PROFILE_VELOCITY: range(32_768),
    table.GOAL_POSITION: range(-(2**31), 2**31),
}
_WRITABLE_AT = {register.address: register for register in _WRITABLE}


@dataclass(frozen=True, slots=True)
class ServoTarget:
    """What a servo is trying to do. `current_limit_ticks` is None where nothing but stall limits its torque."""

    mode: OperatingMode
    position_ticks: int
    current_limit_ticks: int | None


class VirtualServo:
    """One servo, as it comes from the factory but for its id.

    Args:
        servo_id: what it answers to.
        model: which model it claims to be; decides modes, current limit and model number.
        firmware: what it says its firmware is.
        position_ticks: where it stands.
    """

    def __init__(self, servo_id: int, model: ServoModel, firmware: int = 46, position_ticks: int = 2048) -> None:
        self.model = model
        self.is_silent = False  # a cut cable: it hears, and its answers are lost
        self._memory = bytearray(_TABLE_BYTES)
        for register, value in _factory_settings(servo_id, model, firmware).items():
            self._put(register, value)
        self._put(table.PRESENT_POSITION, position_ticks)
        self._start_ram()

    @property
    def servo_id(self) -> int:
        return self.get(table.SERVO_ID)

    @property
    def torque_on(self) -> bool:
        return bool(self.get(table.TORQUE_ENABLE))

    @property
    def watchdog_tripped(self) -> bool:
        return self.get(table.BUS_WATCHDOG) == table.WATCHDOG_TRIPPED

    @property
    def error_byte(self) -> int:
        """What rides on every status packet."""
        return HARDWARE_ALERT if self.get(table.HARDWARE_ERROR_STATUS) else 0

    @property
    def target(self) -> ServoTarget | None:
        """What the servo is trying to do; None while it is limp."""
        if not self.torque_on:
            return None
        mode = OperatingMode(self.get(table.OPERATING_MODE))
        limited = mode == OperatingMode.CURRENT_POSITION
        return ServoTarget(mode, self.get(table.GOAL_POSITION), abs(self.get(table.GOAL_CURRENT)) if limited else None)

    def sense(self, position_ticks: int, velocity_ticks: int = 0, current_ticks: int = 0) -> None:
        """Set what the servo measures; its current sensor ends at 16 bits."""
        self._put(table.PRESENT_POSITION, position_ticks)
        self._put(table.PRESENT_VELOCITY, velocity_ticks)
        self._put(table.PRESENT_CURRENT, min(max(current_ticks, -(2**15)), 2**15 - 1))

    def get(self, register: Register) -> int:
        """The value of one register."""
        return register.decode(self._memory[register.address : register.address + register.size])

    def advance(self, now_s: float, silence_s: float) -> None:
        """Let the servo notice the time, and how long its bus has carried no instruction."""
        self._put(table.REALTIME_TICK, int(now_s * 1000) % 32_768)
        watchdog = self.get(table.BUS_WATCHDOG)
        armed = self.torque_on and 0 < watchdog < table.WATCHDOG_TRIPPED
        if armed and silence_s > watchdog * table.WATCHDOG_UNIT_S:
            self._put(table.BUS_WATCHDOG, table.WATCHDOG_TRIPPED)
            self._put(table.PROFILE_ACCELERATION, 0)
            self._put(table.PROFILE_VELOCITY, 0)
            self._put(table.GOAL_POSITION, self.get(table.PRESENT_POSITION))

    def raise_hardware_error(self, bits: int) -> None:
        """Overheat, overload and the like; those in the shutdown mask end torque until a reboot."""
        self._put(table.HARDWARE_ERROR_STATUS, bits)
        if bits & self.get(table.SHUTDOWN):
            self._put(table.TORQUE_ENABLE, 0)

    def reboot(self) -> None:
        """Lose everything but the EEPROM; the position counts within one turn again."""
        position_ticks = self.get(table.PRESENT_POSITION) % table.TICKS_PER_TURN
        self._memory[table.EEPROM_END :] = bytes(_TABLE_BYTES - table.EEPROM_END)
        self._put(table.PRESENT_POSITION, position_ticks)
        self._start_ram()

    def read(self, address: int, size: int) -> bytes | StatusError:
        """A stretch of the control table, or why not."""
        if address + size > _TABLE_BYTES:
            return StatusError.ACCESS
        return bytes(self._memory[address : address + size])

    def write(self, address: int, data: bytes) -> StatusError:
        """Write whole registers from `address` on: all of them, or none and the reason."""
        values: dict[Register, int] = {}
        while data:
            register = _WRITABLE_AT.get(address)
            if register is None or (self.torque_on and address < table.EEPROM_END):
                return StatusError.ACCESS
            if len(data) < register.size:
                return StatusError.DATA_LENGTH
            values[register] = register.decode(data)
            address, data = address + register.size, data[register.size :]
        refused = next((error for item in values.items() if (error := self._refusal(*item))), StatusError.NONE)
        if not refused:
            for register, value in values.items():
                self._put(register, value)
                if register == table.OPERATING_MODE:
                    self._reset_goals()
        return refused

    def _refusal(self, register: Register, value: int) -> StatusError:
        if value not in _WRITABLE[register] or (register in _GOALS and self.watchdog_tripped):
            return StatusError.DATA_RANGE
        if register == table.OPERATING_MODE:
            known = value in tuple(OperatingMode)
            possible = self.model.current_unit_a is not None or value not in _CURRENT_MODES
            return StatusError.NONE if known and possible else StatusError.DATA_RANGE
        if register == table.TORQUE_ENABLE and value:
            shut_down = self.get(table.HARDWARE_ERROR_STATUS) & self.get(table.SHUTDOWN)
            return StatusError.RESULT_FAIL if shut_down else StatusError.NONE
        if register == table.CURRENT_LIMIT and value > (self.model.current_limit_ticks or 0):
            return StatusError.DATA_RANGE
        return StatusError.NONE if self._lies_within_limits(register, value) else StatusError.DATA_LIMIT

    def _lies_within_limits(self, register: Register, value: int) -> bool:
        if register == table.GOAL_POSITION:
            if self.get(table.OPERATING_MODE) == OperatingMode.POSITION:
                return self.get(table.MIN_POSITION_LIMIT) <= value <= self.get(table.MAX_POSITION_LIMIT)
            return abs(value) <= _LARGEST_TURN_TICKS
        if register == table.GOAL_CURRENT:
            return abs(value) <= self.get(table.CURRENT_LIMIT)
        return True

    def _start_ram(self) -> None:
        for register, value in {
            table.STATUS_RETURN_LEVEL: 2,
            table.VELOCITY_I_GAIN: 1920,
            table.VELOCITY_P_GAIN: 100,
            table.POSITION_P_GAIN: 800,
            table.PRESENT_VOLTAGE: round(self.model.voltage_v * 10),
            table.PRESENT_TEMPERATURE: 30,
        }.items():
            self._put(register, value)
        self._reset_goals()

    def _reset_goals(self) -> None:
        self._put(table.GOAL_CURRENT, self.get(table.CURRENT_LIMIT))
        self._put(table.GOAL_POSITION, self.get(table.PRESENT_POSITION))

    def _put(self, register: Register, value: int) -> None:
        self._memory[register.address : register.address + register.size] = register.encode(value)


def _factory_settings(servo_id: int, model: ServoModel, firmware: int) -> dict[Register, int]:
    return {
        table.MODEL_NUMBER: model.number,
        table.FIRMWARE_VERSION: firmware,
        table.SERVO_ID: servo_id,
        table.BAUD_CODE: 3,
        table.RETURN_DELAY: 250,
        table.OPERATING_MODE: OperatingMode.POSITION,
        table.SHADOW_ID: 255,
        table.TEMPERATURE_LIMIT: 80,
        table.CURRENT_LIMIT: model.current_limit_ticks or 0,
        table.VELOCITY_LIMIT: 350,
        table.MAX_POSITION_LIMIT: table.TICKS_PER_TURN - 1,
        table.MIN_POSITION_LIMIT: 0,
        table.SHUTDOWN: 52,
    }
