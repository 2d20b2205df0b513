"""The one joint table: reads `robot.toml` and refuses what cannot be true of a robot."""

from __future__ import annotations

import difflib
import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from assets.device_table import read_devices, read_importance, read_latency
from assets.errors import RobotTableError
from assets.mjcf_names import MjcfNames
from assets.robot import CameraSpec, JointSpec, PadSpec, RobotSpec, SafetySpec, ServoSpec
from assets.toml_table import TomlTable, refuse_repeats

TICKS_PER_TURN = 4096
HIGHEST_SERVO_ID = 252  # Dynamixel Protocol 2.0: 253 is reserved, 254 broadcasts


@dataclass(frozen=True)
class _ServoModel:
    stall_torque_nm: float
    no_load_rad_s: float


def load_robot(path: Path | str = "tudi") -> RobotSpec:
    """Read a robot: the name of one under `assets`, its folder, or its `robot.toml`.

    Raises:
        RobotTableError: there is no such table, or it contradicts itself or its MJCF; the message names file, line
            and reason.
    """
    top = TomlTable.read(_find(path))
    max_age, devices = read_devices(top)
    models = _read_servo_models(top.table("servo_models"))
    joint_rows, camera_rows, pad_rows = top.array("joint"), top.array("camera"), top.array("pad")
    if not joint_rows:
        top.refuse("there is no [[joint]]; a robot needs at least one")
    joints, servos = zip(*(_read_joint(row, models) for row in joint_rows), strict=True)
    spec = RobotSpec(
        name=top.text("name"),
        control_hz=top.number("control_hz", above=0.0),
        joints=joints,
        servos=servos,
        cameras=tuple(_read_camera(row) for row in camera_rows),
        pads=tuple(_read_pad(row) for row in pad_rows),
        sound_hz=top.integer("sound_hz", at_least=1) if top.has("sound_hz") else None,
        has_imu=top.flag("has_imu"),
        max_age=max_age,
        safety=_read_safety(top.table("safety")) if top.has("safety") else SafetySpec(),
        devices=devices,
        mjcf_path=top.path.parent / top.text("mjcf"),
    )
    top.finish()
    refuse_repeats(joint_rows, spec.joint_names, "name", "joint {!r}")
    refuse_repeats(camera_rows, [camera.name for camera in spec.cameras], "name", "camera {!r}")
    refuse_repeats(pad_rows, [pad.name for pad in spec.pads], "name", "pad {!r}")
    refuse_repeats(joint_rows, [(s.bus, s.servo_id) for s in spec.servos], "servo", "servo (bus, id) {!r}")
    for row, pad in zip(pad_rows, spec.pads, strict=True):
        if (pad.rows, pad.columns) != (spec.pads[0].rows, spec.pads[0].columns):
            row.refuse(
                f"pad {pad.name!r} is {pad.rows}x{pad.columns}; all pads must have the size of the first", "rows"
            )
    _check_against_mjcf(spec, top, joint_rows, camera_rows, pad_rows)
    return spec


def known_robots() -> tuple[str, ...]:
    """Names that `load_robot` takes."""
    return tuple(sorted(table.parent.name for table in Path(__file__).parent.glob("*/robot.toml")))


def robot_folder(path: Path | str) -> Path:
    """Where a robot's table and what belongs to it stand; raises as `load_robot` does."""
    return _find(path).parent


def _find(path: Path | str) -> Path:
    given = Path(path)
    for candidate in (given, given / "robot.toml", Path(__file__).parent / given / "robot.toml"):
        if candidate.is_file():
            return candidate
    raise RobotTableError(
        f"there is no robot at {str(path)!r}; give a folder with a robot.toml, or one of {', '.join(known_robots())}"
    )


def _read_servo_models(section: TomlTable) -> dict[str, _ServoModel]:
    models = {}
    for name in section.values:
        row = section.table(name)
        models[name] = _ServoModel(
            stall_torque_nm=row.number("stall_torque_nm", above=0.0),
            no_load_rad_s=row.number("no_load_rpm", above=0.0) * 2.0 * math.pi / 60.0,
        )
        row.finish()
    return models


def _read_joint(row: TomlTable, models: dict[str, _ServoModel]) -> tuple[JointSpec, ServoSpec]:
    name = row.text("name")
    lower, upper, home = row.number("lower"), row.number("upper"), row.number("home")
    if lower >= upper:
        row.refuse(f"joint {name!r}: lower {lower:g} is not below upper {upper:g}", "lower")
    if not lower <= home <= upper:
        row.refuse(f"joint {name!r}: home {home:g} is outside its limits [{lower:g}, {upper:g}]", "home")
    if not row.has("servo"):
        row.refuse(f"joint {name!r} has no servo; add servo = {{ bus, id, model, sign, center_ticks, mode }}")
    servo = _read_servo(row.table("servo"), name, models)
    model = models[servo.model]
    for key, limit in (("lower", lower), ("upper", upper)):
        ticks = servo.center_ticks + servo.sign * limit * TICKS_PER_TURN / (2.0 * math.pi)
        if not 0 <= round(ticks) < TICKS_PER_TURN:
            row.refuse(f"joint {name!r}: {key} {limit:g} rad is tick {ticks:.0f}; a servo has 0 to 4095", key)
    max_rate = row.number("max_rate", above=0.0)
    if max_rate > model.no_load_rad_s:
        row.refuse(
            f"joint {name!r}: max_rate {max_rate:g} rad/s is above the {model.no_load_rad_s:.3g} rad/s that "
            f"{servo.model} reaches without load",
            "max_rate",
        )
    joint = JointSpec(
        name=name,
        group=row.text("group"),
        lower=lower,
        upper=upper,
        home=home,
        max_rate=max_rate,
        max_acceleration=row.number("max_acceleration", above=0.0),
        max_effort_nm=(row.number("max_effort_nm", above=0.0) if row.has("max_effort_nm") else model.stall_torque_nm),
    )
    row.finish()
    return joint, servo


def _read_servo(row: TomlTable, joint: str, models: dict[str, _ServoModel]) -> ServoSpec:
    model, mode, sign = row.text("model"), row.text("mode"), row.integer("sign")
    if model not in models:
        row.refuse(f"joint {joint!r}: unknown servo model {model!r}; [servo_models] knows {', '.join(models)}")
    if sign not in (-1, 1):
        row.refuse(f"joint {joint!r}: sign is {sign}; allowed is 1 or -1")
    if mode not in ("position", "current_position"):
        row.refuse(f"joint {joint!r}: mode is {mode!r}; allowed is 'position' or 'current_position'")
    if (mode == "current_position") != row.has("goal_current_a"):
        row.refuse(f"joint {joint!r}: goal_current_a belongs to mode 'current_position', and only there")
    servo = ServoSpec(
        joint=joint,
        bus=row.text("bus"),
        servo_id=row.integer("id", at_least=0, at_most=HIGHEST_SERVO_ID),
        model=model,
        sign=sign,
        center_ticks=row.integer("center_ticks", at_least=0, at_most=TICKS_PER_TURN - 1),
        operating_mode="position" if mode == "position" else "current_position",
        goal_current_a=row.number("goal_current_a", above=0.0) if mode == "current_position" else None,
    )
    row.finish()
    return servo


def _read_safety(row: TomlTable) -> SafetySpec:
    ladder = row.text("ladder")
    if ladder not in ("limp", "hold_then_damp"):
        row.refuse(f"ladder is {ladder!r}; allowed is 'limp' or 'hold_then_damp'", "ladder")
    safety = SafetySpec(
        ladder="limp" if ladder == "limp" else "hold_then_damp",
        **{
            key: row.number(key, above=0.0)
            for key in ("watchdog_s", "max_lead_rad", "tracking_error_rad", "tracking_time_s", "damp_share")
        },
    )
    if not 0.02 <= safety.watchdog_s <= 2.54:
        row.refuse(f"watchdog_s is {safety.watchdog_s:g}; a servo takes 0.02 to 2.54", "watchdog_s")
    if safety.damp_share >= 1.0:
        row.refuse(f"damp_share is {safety.damp_share:g}; it must be below 1, all of the torque", "damp_share")
    if safety.tracking_error_rad >= safety.max_lead_rad:
        row.refuse(
            f"tracking_error_rad is {safety.tracking_error_rad:g}; it must be below max_lead_rad, "
            f"{safety.max_lead_rad:g}: no goal leads farther, so a joint that is held would never be noticed",
            "tracking_error_rad",
        )
    row.finish()
    return safety


def _read_camera(row: TomlTable) -> CameraSpec:
    camera = CameraSpec(
        name=row.text("name"),
        width=row.integer("width", at_least=1),
        height=row.integer("height", at_least=1),
        fovy_deg=row.number("fovy_deg", above=0.0),
        max_age_s=row.number("max_age_s", above=0.0),
        latency_s=read_latency(row),
        importance=read_importance(row),
    )
    if camera.fovy_deg >= 180.0:
        row.refuse(f"camera {camera.name!r}: fovy_deg is {camera.fovy_deg:g}; it must be below 180", "fovy_deg")
    row.finish()
    return camera


def _read_pad(row: TomlTable) -> PadSpec:
    pad = PadSpec(
        name=row.text("name"),
        rows=row.integer("rows", at_least=1),
        columns=row.integer("columns", at_least=1),
        max_force_n=row.number("max_force_n", above=0.0),
    )
    row.finish()
    return pad


def _check_against_mjcf(
    spec: RobotSpec,
    top: TomlTable,
    joint_rows: Sequence[TomlTable],
    camera_rows: Sequence[TomlTable],
    pad_rows: Sequence[TomlTable],
) -> None:
    path = spec.mjcf_path
    if path is None or not path.is_file():
        top.refuse(f"there is no MJCF at {path}", "mjcf")
    known = MjcfNames.read(path)

    def require(row: TomlTable, name: str, names: Collection[str], what: str) -> None:
        if name not in names:
            close = difflib.get_close_matches(name, names, n=1)
            hint = f"; did you mean {close[0]!r}?" if close else ""
            row.refuse(f"{path.name} has no {what} {name!r}{hint}", "name")

    for row, joint in zip(joint_rows, spec.joints, strict=True):
        require(row, joint.name, known.joints, "joint")
        require(row, joint.name, known.actuated, "actuator for joint")
    for row, camera in zip(camera_rows, spec.cameras, strict=True):
        require(row, camera.name, known.cameras, "camera")
    for row, pad in zip(pad_rows, spec.pads, strict=True):
        require(row, pad.name, known.touchable, "site or geom")
