"""Restarting servos that have shut themselves down: the only way out of a shutdown, and only when somebody asks."""

from __future__ import annotations

from hardware import control_table as table
from hardware.bus import DynamixelBus
from hardware.errors import BusError, ServoError
from hardware.servo_memory import ServoMemory

_ATTEMPTS = 20  # each waits for an answer; a servo is back within a second
_TORQUE_AT_POWER_UP = 0b1  # in the startup configuration


def reboot_servo(bus: DynamixelBus, servo_id: int) -> ServoMemory:
    """Torque off, restart, and wait until it answers again; what it says of itself then. The joint is limp.

    A servo that is set to take hold when it starts is set not to, before it restarts.

    Raises:
        BusError: it does not answer, or does not come back.
        ServoError: it refuses, would take hold or has done so, or reports the same hardware error again at once.
    """
    bus.write(servo_id, table.TORQUE_ENABLE, 0)
    _keep_from_taking_hold(bus, servo_id)
    bus.reboot(servo_id)
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            bus.ping(servo_id)
            break
        except BusError as error:
            if attempt == _ATTEMPTS:
                raise BusError(f"servo {servo_id} has not come back from its reboot: {error}") from error
    bus.write(servo_id, table.TORQUE_ENABLE, 0)
    memory = ServoMemory.read(bus, servo_id)
    if memory.get(table.TORQUE_ENABLE):
        raise ServoError(f"servo {servo_id} took hold when it restarted, and does not let go; cut its power")
    if errors := memory.hardware_errors:
        raise ServoError(
            f"servo {servo_id} reports {', '.join(errors)} again right after its reboot; remove the cause first"
        )
    return memory


def _keep_from_taking_hold(bus: DynamixelBus, servo_id: int) -> None:
    startup = bus.read(servo_id, table.STARTUP_CONFIGURATION)
    if not startup & _TORQUE_AT_POWER_UP:  # EEPROM wears, so only what differs is written
        return
    bus.write(servo_id, table.STARTUP_CONFIGURATION, startup & ~_TORQUE_AT_POWER_UP)
    if bus.read(servo_id, table.STARTUP_CONFIGURATION) & _TORQUE_AT_POWER_UP:
        raise ServoError(
            f"servo {servo_id} keeps {table.STARTUP_CONFIGURATION.name} {startup}, by which it would take hold when it "
            "restarts; it was not rebooted. Replace it"
        )
