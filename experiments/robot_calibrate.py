"""`retake robot calibrate`: sweep every joint by hand, and keep what was measured as a dated file."""

from __future__ import annotations

import select
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from rich.live import Live
from rich.table import Table

from assets.calibration import ChannelCalibration, Subject
from assets.exoskeleton import LineLayout, load_exoskeleton
from assets.robot import RobotSpec
from assets.table import load_robot
from envs.connections import EXOSKELETON
from experiments.calibrations import FOLDER, keep_calibration, new_calibration
from experiments.command import UsageError
from experiments.outputs import require_folder
from experiments.port_options import DEFAULT_ROBOT, port_pairs
from experiments.robot_ports import servo_ports
from experiments.robot_setup import NOT_DONE, agreed
from experiments.workers import console
from hardware.bus import DynamixelBus
from hardware.calibrating import Sweep, Zero
from hardware.limp_servos import LimpServos, Take, robot_servos, worn_servos
from hardware.old_settings import narrowed
from hardware.port import open_port
from hardware.scanning import REPLY_MARGIN_S
from hardware.swept_lines import SweptLines
from hardware.wiring import close_all, open_buses

_READ_HZ = 50.0
_SHOWN_HZ = 8.0


@dataclass(frozen=True)
class Calibrate:
    """Measure where each joint's travel lies, by moving every joint by hand from stop to stop.

    All joints go limp. Move each through its whole travel, then bring all of them to the home pose of the table, and
    press Enter. What cannot be is refused, and nothing is kept then.

    Examples:
      retake robot calibrate --ports body=/dev/ttyUSB0 left=/dev/ttyUSB1 right=/dev/ttyUSB2
      retake robot calibrate --subject exoskeleton --ports exoskeleton=/dev/ttyUSB3
    """

    subject: Subject = "robot"
    """What is calibrated: the robot, or the exoskeleton that teaches it."""
    exoskeleton: Path | None = None
    """Another exoskeleton's table in place of the exoskeleton.toml beside the robot's."""
    ports: tuple[str, ...] = ()
    """Which connection is plugged in where: connection=path pairs."""
    robot: str = DEFAULT_ROBOT
    """Name of a robot under assets/, or a folder with a robot.toml."""
    zero: Literal["ends", "home"] | None = None
    """What tells the zero of a joint: the ends of its travel, which are the table's limits, or the home pose at the
    end. Left out: ends for a robot and for an exoskeleton that sends lines, home for one of servos."""
    out: Path = FOLDER
    """The folder that keeps calibrations; each robot has a folder of its own in it."""
    baud: int = 1_000_000
    """Bits a second on the robot's wires; an exoskeleton's stand in its table."""
    seconds: float | None = None
    """End the sweep after so long instead of at Enter."""
    yes: bool = False
    """Let the joints go without asking first."""


def calibrate(config: Calibrate) -> int:
    robot = load_robot(config.robot)
    require_folder("--out", config.out)
    if config.seconds is None and not sys.stdin.isatty():
        raise UsageError("there is no terminal to press Enter on; say --seconds")
    if not agreed("all joints will go limp: hold what would fall. Go on?", config.yes):
        console.print("  nothing was touched")
        return NOT_DONE
    with _moved_by_hand(config, robot) as moved:
        if moved is None:
            console.print("  nothing was touched")
            return NOT_DONE
        sweep = Sweep(moved.joints)
        _print_task(config)
        with Live(_table(sweep), console=console, auto_refresh=False) as live:
            _read(moved, sweep.add, config.seconds, lambda: live.update(_table(sweep), refresh=True))
        channels = sweep.channels(_zero(config, moved))
        if isinstance(moved, LimpServos):
            _settle_offsets(moved, channels, config.seconds)
        calibration = new_calibration(config.subject, robot, channels)
        path = keep_calibration(config.out, calibration)
    console.print(f"  {len(channels)} joints calibrated: {path}, digest {calibration.digest}", soft_wrap=True)
    console.print("  retake robot check, collect and evaluate use the newest in calibration/, or --calibration PATH")
    return 0


@contextmanager
def _moved_by_hand(config: Calibrate, robot: RobotSpec) -> Iterator[LimpServos | SweptLines | None]:
    """What is calibrated, limp, until the ports are released; None where somebody does not want it.

    A robot's servos hold what they held before where the block fails: no calibration was kept then.
    """
    if config.subject == "robot":
        ports = servo_ports(robot, config.ports, config.baud)
        buses = open_buses(robot, ports, config.baud, REPLY_MARGIN_S)
        try:
            if not _may_open(narrowed(robot, buses), config.yes):
                yield None
                return
            servos = robot_servos(robot, buses)
            with servos.old.back_after_failure():
                yield servos
        finally:
            close_all(buses)
        return
    layout = load_exoskeleton(config.exoskeleton or config.robot, robot)
    path = port_pairs(config.ports).get(EXOSKELETON)
    if path is None:
        raise UsageError(f"the exoskeleton's port is missing; say --ports {EXOSKELETON}=/dev/serial/by-id/...")
    if isinstance(layout, LineLayout):
        if config.zero == "home":
            raise UsageError("--zero home is for servos; the ends of a line's numbers show what the table says")
        with closing(SweptLines(robot, layout, path)) as lines:
            yield lines
        return
    bus = DynamixelBus(open_port(path, layout.baud), EXOSKELETON, REPLY_MARGIN_S)
    try:
        yield worn_servos(robot, layout.joints, EXOSKELETON, bus)
    finally:
        close_all({EXOSKELETON: bus})


def _may_open(narrow: Sequence[str], yes: bool) -> bool:
    """Whoever narrowed a servo's limits had a reason, and connecting will write the table's after a calibration."""
    if not narrow:
        return True
    told = f"limits of position are narrower than the table's: {', '.join(narrow)}. A calibration ends that"
    console.print(f"  {told}; put them into robot.toml to keep them", soft_wrap=True, highlight=False)
    return agreed("open them?", yes)


def _zero(config: Calibrate, moved: LimpServos | SweptLines) -> Zero:
    """A person's joints end elsewhere than the robot's; a robot's end at its stops, a line's as its table says."""
    if isinstance(moved, SweptLines) or config.subject == "robot":
        return config.zero or "ends"
    return config.zero or "home"


def _settle_offsets(servos: LimpServos, channels: Sequence[ChannelCalibration], seconds: float | None) -> None:
    """Move the seams that lie inside a travel, and have it proved that they have moved."""
    if not (changed := servos.write_offsets(channels)):
        return
    told = ", ".join(changed)
    console.print(f"  homing offsets were written for {told}: move these from stop to stop once more")
    own = [channel for channel in channels if channel.joint in changed]
    servos.prove(own, lambda take: _read(servos, take, seconds, lambda: None))


def _print_task(config: Calibrate) -> None:
    end = "press Enter" if config.seconds is None else f"hold it there until {config.seconds:g} s are over"
    console.print(f"  move every joint from stop to stop, then bring all to the home pose and {end}", soft_wrap=True)


def _read(
    moved: LimpServos | SweptLines,
    take: Take,
    seconds: float | None,
    show: Callable[[], None],
) -> None:
    """Read at a steady pace until Enter, or until the time is up."""
    begun_s = time.monotonic()
    shown_s = 0.0
    while True:
        take(*moved.read())
        now_s = time.monotonic()
        if now_s - shown_s >= 1.0 / _SHOWN_HZ:
            show()
            shown_s = now_s
        if seconds is None:
            if select.select([sys.stdin], [], [], 1.0 / _READ_HZ)[0]:
                sys.stdin.readline()
                break
        elif now_s - begun_s >= seconds:
            break
        else:
            time.sleep(1.0 / _READ_HZ)
    show()


def _table(sweep: Sweep) -> Table:
    table = Table("joint", "lowest", "now", "highest", "moved (rad)", "of the table's", "refused")
    table.columns[0].min_width = 21
    for joint in sweep.joints:
        travel = sweep.travel.get(joint.joint)
        if travel is None:
            table.add_row(joint.joint, "", "[red]silent", "", "", "", "")
            continue
        moved_rad = (travel.highest - travel.lowest) * joint.rad_per_tick
        part = moved_rad / (joint.upper_rad - joint.lower_rad)
        colour = "[green]" if part >= joint.least_travel else "[yellow]"
        table.add_row(
            joint.joint,
            str(travel.lowest),
            str(travel.now),
            str(travel.highest),
            f"{moved_rad:.2f}",
            f"{colour}{part:.0%}",
            str(travel.refused),
        )
    return table
