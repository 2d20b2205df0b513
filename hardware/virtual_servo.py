"""A servo made of bytes: the control table of one X-series servo, and what time, heat and load do to it.

What moves is somebody else's business: read `target` each tick, move something, and report back with `sense`.
"""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import dataclass
from math import inf
from struct import Struct

from hardware import control_table as table
from hardware.control_table import OperatingMode, Register, ServoModel
from hardware.dynamixel import StatusError
from hardware.virtual_memory import ServoRegisters
from hardware.virtual_settings import factory_settings, ram_settings
from hardware.virtual_writing import Write, checked_write

_STATE = Struct("<hii")  # present current, velocity and position
_STATE_AT = table.PRESENT_CURRENT.address
_TICK = Struct("<H")
_TORQUE_AT, _WATCHDOG_AT, _TICK_AT = (
    table.TORQUE_ENABLE.address,
    table.BUS_WATCHDOG.address,
    table.REALTIME_TICK.address,
)
_MEGABIT_CODE = table.X_SERIES.baud_code(1_000_000)
_LARGEST_SINGLE_TURN_HOMING = 1024  # all of a homing offset that position mode honours
_TORQUE_ON_BY_GOAL = 0x08  # drive mode
_WITH_CONSEQUENCES = {table.OPERATING_MODE.address, table.HOMING_OFFSET.address, table.GOAL_POSITION.address}
_TORQUE_ON_AT_BOOT = 0x01  # startup configuration
VOLTAGE_ERROR, OVERHEATING_ERROR, OVERLOAD_ERROR = 0x01, 0x04, 0x20  # hardware error status
_ROOM_TEMPERATURE_C = 30
# What a tripped watchdog ends in the modes that hold no position.
_GOAL_OF = {
    OperatingMode.CURRENT: table.GOAL_CURRENT,
    OperatingMode.VELOCITY: table.GOAL_VELOCITY,
    OperatingMode.PWM: table.GOAL_PWM,
}
_FREE_WHEN_TRIPPED = (OperatingMode.CURRENT, OperatingMode.PWM)


@dataclass(frozen=True, slots=True)
class ServoTarget:
    """What a servo is trying to do. `current_limit_ticks` is None where current does not limit its torque.

    `position_ticks` counts as `VirtualServo.sense` does: as the encoder, whatever the homing offset. `pwm_share` is the
    part of its supply that it gives its motor at most, and so the part of its stall torque.
    """

    mode: OperatingMode
    position_ticks: int
    current_limit_ticks: int | None
    pwm_share: float = 1.0


class VirtualServo(ServoRegisters):
    """One servo, as it comes from the factory but for its id and for 1 Mbps.

    Args:
        servo_id: what it answers to.
        model: which model it claims to be; decides modes, limits and model number.
        firmware: what it says its firmware is.
        position_ticks: where it stands.
        settings: EEPROM registers that hold something else; `{BAUD_CODE: 1}` and id 1 make a fresh one.
        boot_s: how long it is deaf when it restarts.
    """

    def __init__(
        self,
        servo_id: int,
        model: ServoModel,
        firmware: int = 46,
        position_ticks: int = 2048,
        settings: Mapping[Register, int] | None = None,
        boot_s: float = 0.0,
    ) -> None:
        super().__init__()
        self.model = model
        self.firmware = firmware
        self.is_silent = False  # a cut cable: it hears, and its answers are lost
        self.is_frozen = False  # a hung program: it answers the same for ever
        self._boot_s = boot_s
        self._now_s = 0.0
        self._started_s = 0.0
        self._deaf_until_s = -inf
        self._heard_s: float | None = None
        self.tripped_between_s: tuple[float, float] | None = None  # the last two ticks before its watchdog tripped
        self._sensed = (position_ticks, 0, 0)  # position, velocity, current
        self._turns_ticks = 0  # what the servo adds to its encoder's count
        self._supply_v = model.voltage_v
        self._temperature_c: float = _ROOM_TEMPERATURE_C
        self._registered: tuple[int, bytes] | None = None
        own = {table.SERVO_ID: servo_id, table.BAUD_CODE: _MEGABIT_CODE}
        for register, value in {**factory_settings(model), **own, **(settings or {})}.items():
            self._put(register, value)
        self._put(table.MODEL_NUMBER, model.number)
        self._put(table.FIRMWARE_VERSION, firmware)
        self._start_ram()

    @property
    def target(self) -> ServoTarget | None:
        """What the servo is trying to do; None while it is limp."""
        mode = self.mode
        if not self.torque_on or (self.watchdog_tripped and mode in _FREE_WHEN_TRIPPED):
            return None
        limited = mode == OperatingMode.CURRENT_POSITION
        encoder_ticks = self.get(table.GOAL_POSITION) - self._shift_ticks()
        pwm = min(abs(self.get(table.GOAL_PWM)), self.get(table.PWM_LIMIT))
        current = abs(self.get(table.GOAL_CURRENT)) if limited else None
        return ServoTarget(mode, encoder_ticks, current, pwm / table.FULL_PWM)

    def hears(self, now_s: float, baud_codes: Container[int]) -> bool:
        """Whether an instruction at one of these baud rates reaches it; if so, its watchdog starts anew."""
        if now_s < self._deaf_until_s or self._memory[table.BAUD_CODE.address] not in baud_codes:
            return False
        self._heard_s = now_s
        return True

    @property
    def heard_s(self) -> float | None:
        """When it heard its last instruction; None before the first."""
        return self._heard_s

    def advance(self, now_s: float) -> None:
        """Let the servo notice the time, and how long its bus has carried no instruction."""
        before_s, self._now_s = self._now_s, now_s
        if self.is_frozen:
            return
        _TICK.pack_into(self._memory, _TICK_AT, int((now_s - self._started_s) * 1000) % 32_768)
        watchdog = self._memory[_WATCHDOG_AT]
        if watchdog and watchdog != table.WATCHDOG_TRIPPED and self._memory[_TORQUE_AT]:
            if self._heard_s is None:
                self._heard_s = now_s
            elif now_s - self._heard_s > watchdog * table.WATCHDOG_UNIT_S:
                self.tripped_between_s = (before_s, now_s)
                self._trip()

    def sense(self, position_ticks: int, velocity_ticks: int = 0, current_ticks: int = 0) -> None:
        """Set what its encoder and its current sensor measure; the latter ends at 16 bits."""
        self._sensed = (position_ticks, velocity_ticks, min(max(current_ticks, -(2**15)), 2**15 - 1))
        if not self.is_frozen:
            self._show()

    def thaw(self) -> None:
        """End being frozen: show what it has sensed meanwhile, and the time."""
        self.is_frozen = False
        self._show()
        self.advance(self._now_s)

    def feel(self, supply_v: float | None = None, temperature_c: float | None = None) -> None:
        """Set its supply voltage and its temperature; beyond its limits it reports a hardware error."""
        if supply_v is not None:
            self._supply_v = supply_v
        if temperature_c is not None:
            self._temperature_c = temperature_c
        self._put(table.PRESENT_VOLTAGE, round(self._supply_v * 10))
        self._put(table.PRESENT_TEMPERATURE, round(self._temperature_c))
        lowest, highest = self.get(table.MIN_VOLTAGE_LIMIT), self.get(table.MAX_VOLTAGE_LIMIT)
        if not lowest <= round(self._supply_v * 10) <= highest:
            self.raise_hardware_error(VOLTAGE_ERROR)
        if self._temperature_c > self.get(table.TEMPERATURE_LIMIT):
            self.raise_hardware_error(OVERHEATING_ERROR)

    def raise_hardware_error(self, bits: int) -> None:
        """Overheat, overload and the like; those in the shutdown mask end torque until a reboot."""
        self._put(table.HARDWARE_ERROR_STATUS, self.get(table.HARDWARE_ERROR_STATUS) | bits)
        if bits & self.get(table.SHUTDOWN):
            self._put(table.TORQUE_ENABLE, 0)

    def clear_hardware_error(self, bits: int) -> None:
        """End a hardware error that was but a passing one."""
        self._put(table.HARDWARE_ERROR_STATUS, self.get(table.HARDWARE_ERROR_STATUS) & ~bits)

    def reboot(self) -> None:
        """Lose everything but the EEPROM; the position counts within one turn again, the tick from 0."""
        self._memory[table.EEPROM_END :] = bytes(len(self._memory) - table.EEPROM_END)
        self._started_s = self._now_s
        self._deaf_until_s = self._now_s + self._boot_s
        self._start_ram()

    def reset_to_factory(self, keep: tuple[Register, ...]) -> None:
        """Put every EEPROM register but those in `keep` back to the factory's value, and restart."""
        for register, value in factory_settings(self.model).items():
            if register not in keep:
                self._put(register, value)
        for register in (table.DRIVE_MODE, table.HOMING_OFFSET, table.STARTUP_CONFIGURATION):
            self._put(register, 0)
        self.reboot()

    def clear_turns(self) -> StatusError:
        """Count the position within one turn again; not while it moves, from firmware 42 on."""
        if self.is_moving and self.firmware >= 42:
            return StatusError.RESULT_FAIL
        self._forget_turns()
        return StatusError.NONE

    def write(self, address: int, data: bytes) -> StatusError:
        """Write whole registers from `address` on: all of them, or none and the reason."""
        checked = checked_write(self, address, data)
        if isinstance(checked, StatusError):
            return checked
        self._apply(checked)
        return StatusError.NONE

    def register_write(self, address: int, data: bytes) -> StatusError:
        """Keep a write for `act`."""
        checked = checked_write(self, address, data)
        if isinstance(checked, StatusError):
            return checked
        self._registered = (address, data)
        self._put(table.REGISTERED_INSTRUCTION, 1)
        return StatusError.NONE

    def act(self) -> StatusError:
        """Carry out the write that was kept."""
        if self._registered is None:
            return StatusError.INSTRUCTION
        (address, data), self._registered = self._registered, None
        self._put(table.REGISTERED_INSTRUCTION, 0)
        return self.write(address, data)

    def _apply(self, values: Write) -> None:
        was_on, memory = self.torque_on, self._memory
        for register, value in values:
            address = register.address
            memory[address : address + register.size] = register.encode(value)
            if address in _WITH_CONSEQUENCES:
                self._follow(address)
        if self.torque_on and not was_on and self.mode == OperatingMode.POSITION:
            self._forget_turns()

    def _follow(self, address: int) -> None:
        if address == table.OPERATING_MODE.address:
            self._reset_goals()
        if address == table.GOAL_POSITION.address:
            if self.get(table.DRIVE_MODE) & _TORQUE_ON_BY_GOAL:
                self._put(table.TORQUE_ENABLE, 1)
        else:
            self._show()

    def _trip(self) -> None:
        self._put(table.BUS_WATCHDOG, table.WATCHDOG_TRIPPED)
        self._put(table.PROFILE_ACCELERATION, 0)
        self._put(table.PROFILE_VELOCITY, 0)
        self._put(table.GOAL_POSITION, self.get(table.PRESENT_POSITION))
        if self.mode in _GOAL_OF:
            self._put(_GOAL_OF[self.mode], 0)

    def _start_ram(self) -> None:
        self._registered = None
        for register, value in ram_settings(self.model).items():
            self._put(register, value)
        self.feel()
        self._forget_turns()
        self._reset_goals()
        if self.get(table.STARTUP_CONFIGURATION) & _TORQUE_ON_AT_BOOT:
            self._put(table.TORQUE_ENABLE, 1)

    def _forget_turns(self) -> None:
        self._turns_ticks = -(self._sensed[0] // table.TICKS_PER_TURN) * table.TICKS_PER_TURN
        self._show()

    def _shift_ticks(self) -> int:
        homing = self.get(table.HOMING_OFFSET)
        if self.mode == OperatingMode.POSITION:
            homing = min(max(homing, -_LARGEST_SINGLE_TURN_HOMING), _LARGEST_SINGLE_TURN_HOMING)
        return homing + self._turns_ticks

    def _show(self) -> None:
        position_ticks, velocity_ticks, current_ticks = self._sensed
        state = (current_ticks, velocity_ticks, position_ticks + self._shift_ticks())
        _STATE.pack_into(self._memory, _STATE_AT, *state)
        self._memory[table.MOVING.address] = abs(velocity_ticks) > self.get(table.MOVING_THRESHOLD)

    def _reset_goals(self) -> None:
        self._put(table.GOAL_CURRENT, self.get(table.CURRENT_LIMIT))
        self._put(table.GOAL_POSITION, self.get(table.PRESENT_POSITION))
