"""Restarting servos that have shut themselves down: the only way out of a shutdown, and only when somebody asks."""

from __future__ import annotations

from hardware import control_table as table
from hardware.bus import DynamixelBus
from hardware.errors import BusError, ServoError
from hardware.servo_memory import ServoMemory

_ATTEMPTS = 20  # each waits for an answer; a servo is back within a second


def reboot_servo(bus: DynamixelBus, servo_id: int) -> ServoMemory:
    """Torque off, restart, and wait until it answers again; what it says of itself then. The joint is limp.

    Raises:
        BusError: it does not answer, or does not come back.
        ServoError: it refuses, or reports the same hardware error again at once.
    """
    bus.write(servo_id, table.TORQUE_ENABLE, 0)
    bus.reboot(servo_id)
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            bus.ping(servo_id)
            break
        except BusError as error:
            if attempt == _ATTEMPTS:
                raise BusError(f"servo {servo_id} has not come back from its reboot: {error}") from error
    memory = ServoMemory.read(bus, servo_id)
    if errors := memory.hardware_errors:
        raise ServoError(
            f"servo {servo_id} reports {', '.join(errors)} again right after its reboot; remove the cause first"
        )
    return memory
