"""Which serial ports are there, under names that survive replugging, and which bus is plugged in where."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from assets.robot import RobotSpec
from hardware.control_table import servo_model
from hardware.errors import PortError
from hardware.replies import PingReply

DEVICES = Path("/dev")
USB_SERIAL = Path("/sys/bus/usb-serial/devices")
SHORT_LATENCY_MS = 1
LATENCY_RULE = 'ACTION=="add", SUBSYSTEM=="usb-serial", DRIVER=="ftdi_sio", ATTR{latency_timer}="1"'
_ADAPTERS = ("ttyUSB*", "ttyACM*")


@dataclass(frozen=True)
class FoundPort:
    """A USB serial adapter.

    `path` is its name by id where it has one. `latency_timer_ms` is how long it may sit on the tail of an answer; None
    where there is no such timer (CDC-ACM adapters, pseudo-terminals).
    """

    path: str
    device: str
    latency_timer_ms: int | None


def find_ports(devices: Path = DEVICES, usb_serial: Path = USB_SERIAL) -> tuple[FoundPort, ...]:
    """Every USB serial adapter, by id where udev has given it one. Opens nothing."""
    by_id = devices / "serial" / "by-id"
    named = {link.resolve(): link for link in sorted(by_id.iterdir())} if by_id.is_dir() else {}
    plain = [device.resolve() for pattern in _ADAPTERS for device in sorted(devices.glob(pattern))]
    found = dict.fromkeys([*named, *plain])
    return tuple(
        FoundPort(str(named.get(device, device)), str(device), latency_timer_ms(str(device), usb_serial))
        for device in found
    )


def latency_timer_ms(path: str, usb_serial: Path = USB_SERIAL) -> int | None:
    """The latency timer of the adapter behind a device path; None where it has none.

    Raises:
        PortError: it has one that cannot be read.
    """
    timer = usb_serial / Path(path).resolve().name / "latency_timer"
    if not timer.is_file():
        return None
    try:
        return int(timer.read_text())
    except (OSError, ValueError) as error:
        raise PortError(f"cannot read {timer}: {error}; check the adapter's driver") from error


def buses_by_answers(spec: RobotSpec, answers: Mapping[str, Sequence[PingReply]]) -> dict[str, str]:
    """Which bus of the robot table is plugged in where, by who answers on each port: bus -> path.

    A bus is left out where no servo of it answers, or where two ports, or two buses, have an equal claim.
    """
    expected: dict[str, set[tuple[int, int]]] = {}
    for servo in spec.servos:
        expected.setdefault(servo.bus, set()).add((servo.servo_id, servo_model(servo.model).number))
    heard = {path: {(reply.servo_id, reply.model_number) for reply in replies} for path, replies in answers.items()}
    score = {(bus, path): len(wanted & found) for bus, wanted in expected.items() for path, found in heard.items()}
    chosen: dict[str, str] = {}
    for (bus, path), own in score.items():
        rivals = [other for pair, other in score.items() if (pair[0] == bus) != (pair[1] == path)]
        if own > max(rivals, default=0):
            chosen[bus] = path
    return chosen
