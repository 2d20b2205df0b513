"""`retake robot monitor`: a live table of every servo, without torque."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from rich.console import Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from assets.table import load_robot
from experiments.calibrations import as_measured, calibration_at
from experiments.command import UsageError
from experiments.port_options import DEFAULT_ROBOT
from experiments.robot_ports import servo_ports
from experiments.workers import console
from hardware.monitoring import Monitor
from hardware.scanning import REPLY_MARGIN_S
from hardware.wiring import close_all, open_buses

_SHOWN_HZ = 4.0
_WIDE = 110  # columns of a terminal that has room for what the wire did last
_MIN_WIDTHS = {"id": 2, "rad": 6, "rad/s": 5, "A": 6, "°C": 2, "V": 4, "lost": 5}  # a number that is cut is another one


@dataclass(frozen=True)
class MonitorServos:
    """Watch every servo: position, velocity, current, temperature, voltage, errors, and the pace of the bus.

    Writes nothing and switches nothing. It needs the ports for itself; Ctrl-C ends it.

    Example: retake robot monitor --ports body=/dev/ttyUSB0 left=/dev/ttyUSB1 right=/dev/ttyUSB2 --seconds 60
    """

    ports: tuple[str, ...] = ()
    """Which connection is plugged in where: connection=path pairs. Left out, every adapter is asked who is there."""
    robot: str = DEFAULT_ROBOT
    """Name of a robot under assets/, or a folder with a robot.toml."""
    calibration: Path | None = None
    """A calibration by which positions are told, or a folder of them. Left out, the newest in calibration/, but not at
    a twin."""
    baud: int = 1_000_000
    """Bits a second on the wire."""
    seconds: float | None = None
    """How long to watch; left out, until Ctrl-C."""
    hz: float = 25.0
    """How often all servos are read."""
    json: bool = False
    """Print one JSON object at the end instead of a table."""


def monitor(config: MonitorServos) -> int:
    robot = load_robot(config.robot)
    if config.hz <= 0 or (config.seconds is not None and config.seconds <= 0):
        raise UsageError(f"--hz is {config.hz:g} and --seconds {config.seconds}; both must be above 0")
    measured = as_measured(robot, calibration_at(config.ports, config.calibration, robot))
    ports = servo_ports(robot, config.ports, config.baud)
    buses = open_buses(robot, ports, config.baud, REPLY_MARGIN_S)
    try:
        watched = Monitor(measured, buses)
        if config.json:
            _watch(watched, config, lambda: None)
            fields = {
                "robot": robot.name,
                "servos": [asdict(watch) | {"error_rate": watch.error_rate} for watch in watched.watches],
                "loop": asdict(watched.timing) | {"rate_hz": watched.timing.rate_hz},
            }
            sys.stdout.write(json.dumps(fields, indent=2) + "\n")
            return 0
        with Live(_table(watched), console=console, auto_refresh=False) as live:
            _watch(watched, config, lambda: live.update(_table(watched), refresh=True))
    finally:
        close_all(buses)
    return 0


def _watch(watched: Monitor, config: MonitorServos, show: Callable[[], None]) -> None:
    """Read at the wanted pace until the time is up, or Ctrl-C."""
    begun_s = time.monotonic()
    next_s = shown_s = begun_s
    with suppress(KeyboardInterrupt):  # the ordinary end of watching
        while config.seconds is None or time.monotonic() - begun_s < config.seconds:
            watched.cycle()
            if time.monotonic() - shown_s >= 1.0 / _SHOWN_HZ:
                show()
                shown_s = time.monotonic()
            next_s = max(next_s + 1.0 / config.hz, time.monotonic())
            time.sleep(max(0.0, next_s - time.monotonic()))
    show()


def _table(watched: Monitor) -> Group:
    is_wide = console.width >= _WIDE
    table = Table(box=None, padding=(0, 1, 0, 0))
    for name in ("bus", "id", "joint", "rad", "rad/s", "A", "°C", "V", "lost"):
        table.add_column(name, no_wrap=True, min_width=_MIN_WIDTHS.get(name), justify=_justified(name))
    table.add_column("hardware error")
    if is_wide:
        table.add_column("wire")
    for watch in watched.watches:
        row = (
            watch.bus,
            str(watch.servo_id),
            watch.joint,
            _shown(watch.position_rad, "+.3f"),
            _shown(watch.velocity_rad_s, "+.2f"),
            _shown(watch.current_a, "+.3f"),
            _shown(watch.temperature_c, "d"),
            _shown(watch.voltage_v, ".1f"),
            f"{watch.error_rate:.1%}",
            f"[red]{', '.join(watch.hardware_errors)}" if watch.hardware_errors else "",
        )
        table.add_row(*row, *([watch.last_problem[:40]] if is_wide else []))
    timing = watched.timing
    pace = (
        f"  {timing.cycles} readings of all servos; one takes {timing.median_s * 1e3:.1f} ms (median), "
        f"{timing.p99_s * 1e3:.1f} ms (99 %), {timing.longest_s * 1e3:.1f} ms at most: up to {timing.rate_hz:.0f} Hz"
    )
    return Group(table, Text(pace))


def _justified(name: str) -> Literal["left", "right"]:
    return "right" if name in _MIN_WIDTHS else "left"


def _shown(value: float | None, form: str) -> str:
    return "" if value is None else format(value, form)
