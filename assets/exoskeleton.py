"""The exoskeleton as data: which sensor shows which joint of the robot, which way round, and from where.

Reads `exoskeleton.toml`, which stands beside `robot.toml`. A robot without one is taught by an exoskeleton of its own
build.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from assets.calibration import Calibration
from assets.errors import CalibrationError
from assets.robot import RobotSpec
from assets.table import HIGHEST_SERVO_ID, robot_folder
from assets.toml_table import TomlTable, refuse_repeats

TABLE_NAME = "exoskeleton.toml"
SERVO_BAUD, LINE_BAUD = 1_000_000, 115_200
_KINDS = ("servos", "lines")


@dataclass(frozen=True)
class ExoskeletonJoint:
    """One sensing servo: `position_rad = sign * scale * (ticks - center) * 2 pi / 4096 + offset_rad`, of the robot.

    `center` is 2048, or what a calibration measured.
    """

    servo_id: int
    joint: str
    sign: int = 1
    offset_rad: float = 0.0
    scale: float = 1.0  # robot radians a radian of the servo: a gear between them


@dataclass(frozen=True)
class LineJoint:
    """One number of a line: from `raw_lowest` to `raw_highest` it shows `lowest_rad` to `highest_rad`, of the robot.

    With `sign` -1 it runs the other way. A calibration takes the place of the raw range. `turn` is how many counts a
    whole turn of a sensor has that starts again at 0, None where it has a stop.
    """

    field: int
    joint: str
    raw_lowest: int
    raw_highest: int
    lowest_rad: float
    highest_rad: float
    sign: int = 1
    offset_rad: float = 0.0
    turn: int | None = None


@dataclass(frozen=True)
class ServoLayout:
    """An exoskeleton of limp servos on one bus."""

    joints: tuple[ExoskeletonJoint, ...]
    baud: int = SERVO_BAUD


@dataclass(frozen=True)
class LineLayout:
    """An exoskeleton that sends lines of whole numbers, as HopeJR's homunculus does: 21 for an arm, 16 for a glove.

    `stuck_s` is after how long a number that has not changed at all is a broken sensor; None never says so, for
    sensors that do not flicker at rest.
    """

    joints: tuple[LineJoint, ...]
    fields: int
    baud: int = LINE_BAUD
    stuck_s: float | None = None


ExoskeletonLayout = ServoLayout | LineLayout


def isomorphic_joints(spec: RobotSpec) -> tuple[ExoskeletonJoint, ...]:
    """An exoskeleton of the robot's own build: ids 1, 2, ... in the joint table's order, equal zero and direction."""
    return tuple(ExoskeletonJoint(index + 1, joint.name) for index, joint in enumerate(spec.joints))


def load_exoskeleton(robot: Path | str, spec: RobotSpec) -> ExoskeletonLayout:
    """The exoskeleton of a robot: a file, or that beside the robot's table, or one of the robot's own build.

    Args:
        robot: an exoskeleton's own file, or whatever `load_robot` takes.
        spec: the robot that is taught.

    Raises:
        RobotTableError: the table contradicts itself or the robot; the message names file, line and reason.
    """
    given = Path(robot)
    is_own_file = given.suffix == ".toml" and given.name != "robot.toml"
    path = given if is_own_file else robot_folder(robot) / TABLE_NAME
    if not is_own_file and not path.is_file():
        return ServoLayout(isomorphic_joints(spec))
    top = TomlTable.read(path)
    kind = top.text("kind")
    if kind not in _KINDS:
        top.refuse(f"kind is {kind!r}; allowed are {', '.join(map(repr, _KINDS))}", "kind")
    baud = top.integer("baud", at_least=1) if top.has("baud") else SERVO_BAUD if kind == "servos" else LINE_BAUD
    rows = top.array("joint")
    if not rows:
        top.refuse("there is no [[joint]]; an exoskeleton shows at least one")
    layout: ExoskeletonLayout
    if kind == "servos":
        layout = ServoLayout(tuple(_servo_joint(row, spec) for row in rows), baud)
        refuse_repeats(rows, [joint.servo_id for joint in layout.joints], "servo", "servo {!r}")
    else:
        fields = top.integer("fields", at_least=1)
        stuck_s = top.number("stuck_s", above=0.0) if top.has("stuck_s") else None
        layout = LineLayout(tuple(_line_joint(row, spec, fields) for row in rows), fields, baud, stuck_s)
        refuse_repeats(rows, [joint.field for joint in layout.joints], "field", "field {!r}")
    refuse_repeats(rows, [joint.joint for joint in layout.joints], "joint", "joint {!r}")
    top.finish()
    return layout


def require_calibration_of(spec: RobotSpec, names: Sequence[str], calibration: Calibration) -> None:
    """Let no exoskeleton be read by another one's calibration.

    Raises:
        CalibrationError: it is of a robot, of another robot's exoskeleton, or lacks a joint.
    """
    if (calibration.subject, calibration.robot) != ("exoskeleton", spec.name):
        raise CalibrationError(
            f"the calibration is of {calibration.subject} {calibration.robot!r}, not of the exoskeleton for "
            f"{spec.name!r}; make one with `retake robot calibrate`"
        )
    if missing := [name for name in names if name not in calibration.by_joint]:
        raise CalibrationError(f"the calibration lacks {', '.join(missing)}; calibrate the exoskeleton again")


def _servo_joint(row: TomlTable, spec: RobotSpec) -> ExoskeletonJoint:
    joint = ExoskeletonJoint(
        servo_id=row.integer("servo", at_least=0, at_most=HIGHEST_SERVO_ID),
        joint=_joint_name(row, spec),
        sign=_sign(row),
        offset_rad=_offset_rad(row),
        scale=row.number("scale", above=0.0) if row.has("scale") else 1.0,
    )
    row.finish()
    return joint


def _line_joint(row: TomlTable, spec: RobotSpec, fields: int) -> LineJoint:
    name = _joint_name(row, spec)
    limits = spec.joints[spec.joint_index[name]]
    joint = LineJoint(
        field=row.integer("field", at_least=0, at_most=fields - 1),
        joint=name,
        raw_lowest=row.integer("raw_lowest"),
        raw_highest=row.integer("raw_highest"),
        lowest_rad=row.number("lowest_rad") if row.has("lowest_rad") else limits.lower,
        highest_rad=row.number("highest_rad") if row.has("highest_rad") else limits.upper,
        sign=_sign(row),
        offset_rad=_offset_rad(row),
        turn=row.integer("turn", at_least=2) if row.has("turn") else None,
    )
    if joint.raw_lowest >= joint.raw_highest:
        row.refuse(f"raw_lowest {joint.raw_lowest} is not below raw_highest {joint.raw_highest}", "raw_lowest")
    if joint.lowest_rad >= joint.highest_rad:
        row.refuse(f"lowest_rad {joint.lowest_rad:g} is not below highest_rad {joint.highest_rad:g}", "lowest_rad")
    if joint.turn is not None and joint.raw_highest - joint.raw_lowest >= joint.turn:
        row.refuse(f"turn is {joint.turn}; the raw range must be less than one turn", "turn")
    row.finish()
    return joint


def _joint_name(row: TomlTable, spec: RobotSpec) -> str:
    name = row.text("joint")
    if name not in spec.joint_index:
        row.refuse(f"robot {spec.name} has no joint {name!r}; it has {', '.join(spec.joint_names)}", "joint")
    return name


def _sign(row: TomlTable) -> int:
    sign = row.integer("sign") if row.has("sign") else 1
    if sign not in (-1, 1):
        row.refuse(f"sign is {sign}; allowed are 1 and -1", "sign")
    return sign


def _offset_rad(row: TomlTable) -> float:
    offset_rad = row.number("offset_rad") if row.has("offset_rad") else 0.0
    if abs(offset_rad) > 2.0 * math.pi:
        row.refuse(f"offset_rad is {offset_rad:g}; at most one turn, 6.28, makes sense", "offset_rad")
    return offset_rad
