"""Virtual servos on one wire, each of which hears only its own baud rate."""

from __future__ import annotations

from collections.abc import Callable

from hardware import control_table as table
from hardware.control_table import servo_model
from hardware.errors import PortError
from hardware.port import InProcessPort, Port
from hardware.virtual import VirtualBus
from hardware.virtual_servo import VirtualServo


class BaudLine:
    """Stands in for the adapters of a robot: `open` is what opens a path at a baud rate.

    Args:
        servos: who hangs on which path.
        clock: where the time comes from.
        slowest_refused: the adapter knows no rate from here on.
    """

    def __init__(
        self, servos: dict[str, list[VirtualServo]], clock: Callable[[], float], slowest_refused: int = 10**9
    ) -> None:
        self.servos = servos
        self._clock = clock
        self._slowest_refused = slowest_refused

    def open(self, port: str | Port, baud: int) -> Port:
        assert isinstance(port, str)
        if port not in self.servos:
            raise PortError(f"cannot open serial port {port}: no such file")
        if baud >= self._slowest_refused:
            raise PortError(f"cannot open serial port {port}: {baud} baud")
        code = table.BAUD_RATES.index(baud)

        def feed(data: bytes, now_s: float) -> bytes:
            hearing = [servo for servo in self.servos[port] if servo.get(table.BAUD_CODE) == code]
            return VirtualBus(hearing).feed(data, now_s)

        return InProcessPort(feed, self._clock, port)


def servo(servo_id: int, model: str, baud: int = 1_000_000, firmware: int = 46, ticks: int = 2048) -> VirtualServo:
    """A servo that is set to a baud rate."""
    made = VirtualServo(servo_id, servo_model(model), firmware, ticks)
    made.write(table.BAUD_CODE.address, bytes([table.BAUD_RATES.index(baud)]))
    return made
