"""Where calibrations are kept: a dated file each, in a folder for each robot, the newest in use."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from assets.calibration import Calibration, ChannelCalibration, Subject, calibrated
from assets.robot import RobotSpec
from assets.table import load_robot
from envs.connections import CONTROL
from envs.episodes.durable import write_json
from experiments.command import UsageError
from experiments.port_options import port_pairs
from experiments.workers import console

FOLDER = Path("calibration")


def new_calibration(subject: Subject, robot: RobotSpec, channels: tuple[ChannelCalibration, ...]) -> Calibration:
    """What was measured just now."""
    return Calibration(subject, robot.name, datetime.now(UTC).isoformat(timespec="seconds"), channels)


def keep_calibration(folder: Path, calibration: Calibration) -> Path:
    """Write a calibration beside the earlier ones of its robot; where it stands now.

    Raises:
        OSError: it cannot be written.
    """
    date = calibration.made.replace(":", "").replace("+0000", "Z")
    path = folder / calibration.robot / f"{calibration.subject}-{date}.json"
    write_json(path, calibration.to_dict() | {"digest": calibration.digest})
    return path


def newest_calibration(folder: Path, robot: str, subject: Subject) -> Path | None:
    """The last one made, by its date; None where there is none."""
    return max((folder / robot).glob(f"{subject}-*.json"), default=None)


def chosen_calibration(given: Path | None, robot: RobotSpec, subject: Subject = "robot") -> Calibration | None:
    """The calibration in use: the file that was given, the newest in the folder that was given, or the newest there is.

    None is the table as it is: nothing was given, and none was ever made.

    Raises:
        UsageError: the folder that was given has none.
        CalibrationError: the file holds none, or one of something else.
    """
    path = _chosen_path(given, robot, subject)
    return None if path is None else Calibration.read(path).of(subject, robot.name)


def told_calibration(given: Path | None, robot: RobotSpec, ask: Callable[[str], str]) -> Calibration | None:
    """`chosen_calibration` of a robot that will move: which it is, is said; that there is none, a person must want.

    Raises:
        UsageError, CalibrationError: as `chosen_calibration`.
        Exception: what `ask` raises where the person ends the session.
    """
    path = _chosen_path(given, robot, "robot")
    if path is None:
        ask(
            f"no calibration of {robot.name} in {FOLDER.absolute()}: the centres of its table count, and joints may "
            "stand elsewhere than they say. Type your name to go on without one, or q"
        )
        return None
    calibration = Calibration.read(path).of("robot", robot.name)
    console.print(f"  calibration {path}, digest {calibration.digest}", soft_wrap=True, markup=False, highlight=False)
    return calibration


def _chosen_path(given: Path | None, robot: RobotSpec, subject: Subject) -> Path | None:
    path = given
    if given is None or given.is_dir():
        path = newest_calibration(FOLDER if given is None else given, robot.name, subject)
        if path is None and given is not None:
            option = "--calibration" if subject == "robot" else "--exoskeleton-calibration"
            raise UsageError(
                f"{option} {given} has no {subject} calibration of {robot.name}; make one with "
                f"`retake robot calibrate --subject {subject}`"
            )
    return path


def calibration_at(ports: Sequence[str], given: Path | None, robot: RobotSpec) -> Calibration | None:
    """`chosen_calibration` of the robot behind these connection=path pairs; a twin has none unless one is given.

    Raises:
        UsageError, CalibrationError: as `chosen_calibration`, and where a pair is none.
    """
    is_twin = CONTROL in port_pairs(ports)
    return None if is_twin and given is None else chosen_calibration(given, robot)


def as_measured(robot: RobotSpec, calibration: Calibration | None) -> RobotSpec:
    """The robot as it was measured, or as its table has it where it never was.

    Raises:
        CalibrationError: the calibration lacks a joint.
    """
    return robot if calibration is None else calibrated(robot, calibration)


def check_calibrations(body: str, robot: str, given: Path | None, worn: Path | None) -> None:
    """Refuse a calibration of a robot or of what a trainer wears that cannot be used, before anything moves.

    Raises:
        UsageError: it is for a body without cables, or its folder has none.
        AssetError: there is no such robot, or it is no calibration of it.
    """
    if given is not None:
        if body != "serial":
            raise UsageError(f"--calibration is given and --body is {body}, which has nothing to calibrate")
        chosen_calibration(given, load_robot(robot))
    if worn is not None:
        chosen_calibration(worn, load_robot(robot), "exoskeleton")
