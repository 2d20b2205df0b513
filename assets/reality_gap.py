"""How a real robot differs from its simulation: named parameters, each with a value for both and a cited range.

An exemplar is one robot in one place as it really is. The simulation has one, and the twin, which stands for the real
robot, has another.
"""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import asdict, dataclass, fields
from functools import cached_property
from typing import Literal, get_args

from assets.errors import RobotTableError
from assets.robot import RobotSpec
from assets.toml_table import TomlTable, refuse_repeats

FILE_NAME = "reality_gap.toml"

GapName = Literal["twin", "none"]


@dataclass(frozen=True)
class Exemplar:
    """One robot in one place. The values given here are those of a robot and a world without flaws.

    Angles and shifts of cameras are in the camera's own frame: x to its right, y up, looking along -z.
    """

    command_latency_ms: float = 0.0
    backlash_deg: float = 0.0
    joint_zero_deg: float = 0.0
    joint_friction_share: float = 0.0
    servo_strength: float = 1.0
    contact_friction: float = 1.0
    light_level: float = 1.0
    lamp_temperature_k: float = 6500.0
    camera_pitch_deg: float = 0.0
    camera_yaw_deg: float = 0.0
    camera_roll_deg: float = 0.0
    camera_shift_mm: float = 0.0
    camera_fovy_share: float = 1.0
    image_noise_levels: float = 0.0
    encoder_noise_deg: float = 0.0
    velocity_noise_rad_s: float = 0.0
    current_noise_a: float = 0.0
    touch_gain: float = 1.0

    def image_noise_with(self, scenario_levels: float) -> float:
        """Noise of a pixel, of 255, where a scenario asks for so much: independent noises add by their squares."""
        return math.hypot(self.image_noise_levels, scenario_levels)

    @property
    def digest(self) -> str:
        """Eight hex digits over all values."""
        text = json.dumps(asdict(self), sort_keys=True)
        return hashlib.blake2b(text.encode(), digest_size=4).hexdigest()


@dataclass(frozen=True)
class GapParameter:
    """One difference. `lower` and `upper` bound what real robots have; `source` says who found that."""

    name: str
    meaning: str
    simulated: float
    twin: float
    lower: float
    upper: float
    source: str


@dataclass(frozen=True)
class RealityGap:
    """All differences of one robot; none at all, where its table states none."""

    parameters: tuple[GapParameter, ...] = ()

    @cached_property
    def simulated(self) -> Exemplar:
        """The robot that policies train on."""
        return Exemplar(**{parameter.name: parameter.simulated for parameter in self.parameters})

    @cached_property
    def twin(self) -> Exemplar:
        """The robot that stands for the real one."""
        return Exemplar(**{parameter.name: parameter.twin for parameter in self.parameters})

    def exemplar(self, gap: GapName) -> Exemplar:
        """The twin's exemplar, or the simulation's where there shall be no gap."""
        return self.twin if gap == "twin" else self.simulated


def load_gap(robot: RobotSpec) -> RealityGap:
    """The gap that stands in `reality_gap.toml` beside the robot's MJCF; none, if there is no such file.

    Raises:
        RobotTableError: the file contradicts itself; the message names file, line and reason.
    """
    path = None if robot.mjcf_path is None else robot.mjcf_path.parent / FILE_NAME
    if path is None or not path.is_file():
        return RealityGap()
    top = TomlTable.read(path)
    rows = top.array("parameter")
    top.finish()
    parameters = tuple(_read(row) for row in rows)
    refuse_repeats(rows, [parameter.name for parameter in parameters], "name", "parameter {!r}")
    missing = sorted(_NAMES - {parameter.name for parameter in parameters})
    if missing:
        raise RobotTableError(f"{path}: {', '.join(missing)} is missing; each difference is stated, even if it is none")
    return RealityGap(parameters)


def _read(row: TomlTable) -> GapParameter:
    parameter = GapParameter(
        name=row.text("name"),
        meaning=row.text("meaning"),
        simulated=row.number("simulated"),
        twin=row.number("twin"),
        lower=row.number("lower"),
        upper=row.number("upper"),
        source=row.text("source"),
    )
    row.finish()
    if parameter.name not in _NAMES:
        row.refuse(f"parameter {parameter.name!r} is not known; known are {', '.join(sorted(_NAMES))}", "name")
    if not parameter.lower <= parameter.twin <= parameter.upper:
        row.refuse(
            f"parameter {parameter.name!r}: the twin has {parameter.twin:g}, outside of what is real, "
            f"{parameter.lower:g} to {parameter.upper:g}",
            "twin",
        )
    return parameter


_NAMES = frozenset(field.name for field in fields(Exemplar))
GAP_NAMES: tuple[GapName, ...] = get_args(GapName)
