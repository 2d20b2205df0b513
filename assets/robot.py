"""The robot as data: joints, servos, cameras, pads, and their one order.

Every array of joint values in Retake is in the order of `RobotSpec.joints`. Another humanoid is another table, never
another class.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from assets.devices import Devices, Importance, ImuDevice, SoundDevice, TouchDevice

FloatArray = NDArray[np.float64]
Unit = Literal["rad", "ratio"]
Sense = Literal["touch", "sound", "imu"]  # beside joints, which every robot feels, and cameras
SENSES: tuple[Sense, ...] = get_args(Sense)

# How devices are plugged in, and how the robot is guarded. Data of robots that differ in nothing else can be compared.
_PLUGGING = ("devices", "safety")
_PLUGGING_OF_CAMERA = ("latency_s", "importance")


@dataclass(frozen=True)
class JointSpec:
    """One commanded joint. Limits, home and rates are in `unit` (and unit/s, unit/s^2)."""

    name: str
    group: str
    lower: float
    upper: float
    home: float
    max_rate: float
    max_acceleration: float
    max_effort_nm: float
    unit: Unit = "rad"


@dataclass(frozen=True)
class ServoSpec:
    """The servo that moves a joint: where it hangs and how its ticks become radians.

    `position_rad = sign * (ticks - center_ticks) * 2 pi / 4096`. `homing_offset` is what the servo's own register must
    hold for that: 0, unless a calibration of this one robot says otherwise.
    """

    joint: str
    bus: str
    servo_id: int
    model: str
    sign: int
    center_ticks: int
    operating_mode: Literal["position", "current_position"]
    goal_current_a: float | None = None
    homing_offset: int = 0


@dataclass(frozen=True)
class CameraSpec:
    """One camera. `fovy_deg` is vertical; `max_age_s` is how old an image may be before it is a fault.

    `latency_s` is how long before its arrival, or before the driver's stamp where it gives one, an image was exposed.
    """

    name: str
    width: int
    height: int
    fovy_deg: float
    max_age_s: float
    latency_s: float = 0.0
    importance: Importance = "stop"


@dataclass(frozen=True)
class PadSpec:
    """One taxel pad on a finger tip: `rows` x `columns` normal forces in newton, saturating at `max_force_n`."""

    name: str
    rows: int
    columns: int
    max_force_n: float


@dataclass(frozen=True)
class SensorAges:
    """How old each reading may be, in seconds, before a consumer must call it stale."""

    joints_s: float = 0.1
    touch_s: float = 0.1
    sound_s: float = 0.2
    imu_s: float = 0.1


@dataclass(frozen=True)
class SafetySpec:
    """How the driver of the servos guards them, beside the limits of each joint.

    `ladder` is what a stop does: "limp" holds, lets torque fade and switches it off, for a robot that cannot fall;
    "hold_then_damp" holds, then keeps `damp_share` of the torque, for one that stands on its own. `watchdog_s` is how
    long a servo goes on without hearing from the computer; `max_lead_rad` how far a goal may be ahead of where the
    joint is; a joint that stays `tracking_error_rad` away from its goal for `tracking_time_s`, or at the end of its
    torque for as long, stops the robot.
    """

    ladder: Literal["limp", "hold_then_damp"] = "limp"
    watchdog_s: float = 0.1
    max_lead_rad: float = 0.8
    tracking_error_rad: float = 0.5
    tracking_time_s: float = 0.5
    damp_share: float = 0.15


@dataclass(frozen=True)
class RobotSpec:
    """A robot: what can be commanded, what can be sensed, and how often.

    `mjcf_path` is None where no simulation exists (a robot known only from an imported dataset).
    """

    name: str
    control_hz: float
    joints: tuple[JointSpec, ...]
    servos: tuple[ServoSpec, ...] = ()
    cameras: tuple[CameraSpec, ...] = ()
    pads: tuple[PadSpec, ...] = ()
    sound_hz: int | None = None
    has_imu: bool = False
    max_age: SensorAges = SensorAges()
    safety: SafetySpec = SafetySpec()
    devices: Devices = field(default_factory=Devices)
    mjcf_path: Path | None = None

    @cached_property
    def bus_names(self) -> tuple[str, ...]:
        """The servo buses, in the order in which the table first names them."""
        return tuple(dict.fromkeys(servo.bus for servo in self.servos))

    @cached_property
    def joint_names(self) -> tuple[str, ...]:
        return tuple(joint.name for joint in self.joints)

    @cached_property
    def joint_index(self) -> dict[str, int]:
        return {name: index for index, name in enumerate(self.joint_names)}

    @cached_property
    def lower(self) -> FloatArray:  # (joints,)
        return _frozen([joint.lower for joint in self.joints])

    @cached_property
    def upper(self) -> FloatArray:  # (joints,)
        return _frozen([joint.upper for joint in self.joints])

    @cached_property
    def home(self) -> FloatArray:  # (joints,)
        return _frozen([joint.home for joint in self.joints])

    @cached_property
    def max_rate(self) -> FloatArray:  # (joints,)
        return _frozen([joint.max_rate for joint in self.joints])

    @cached_property
    def max_acceleration(self) -> FloatArray:  # (joints,)
        return _frozen([joint.max_acceleration for joint in self.joints])

    @cached_property
    def max_effort_nm(self) -> FloatArray:  # (joints,)
        return _frozen([joint.max_effort_nm for joint in self.joints])

    def with_senses(self, senses: Collection[Sense]) -> RobotSpec:
        """This robot with no other senses than these, beside joints and cameras; its digest is another one's."""
        return replace(
            self,
            pads=self.pads if "touch" in senses else (),
            sound_hz=self.sound_hz if "sound" in senses else None,
            has_imu=self.has_imu and "imu" in senses,
        )

    def group(self, name: str) -> NDArray[np.intp]:
        """Indices of the joints of one group, in order."""
        return np.array([i for i, joint in enumerate(self.joints) if joint.group == name], dtype=np.intp)

    @property
    def groups(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(joint.group for joint in self.joints))

    @cached_property
    def digest(self) -> str:
        """Sixteen hex digits over all that makes data of this robot comparable.

        File locations are left out, and so is how sensors are plugged in: readings are compensated for that.
        """
        fields = {key: value for key, value in self.to_dict().items() if key not in _PLUGGING}
        fields["cameras"] = [
            {key: value for key, value in camera.items() if key not in _PLUGGING_OF_CAMERA}
            for camera in fields["cameras"]
        ]
        text = json.dumps(fields, sort_keys=True, separators=(",", ":"))
        return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()

    def to_dict(self) -> dict[str, Any]:
        """The spec as plain JSON values, without `mjcf_path` and what belongs to one exemplar's calibration."""
        fields = asdict(self)
        del fields["mjcf_path"]
        for servo in fields["servos"]:
            del servo["homing_offset"]
        return fields

    @staticmethod
    def from_dict(fields: dict[str, Any]) -> RobotSpec:
        """The inverse of `to_dict`; also of what it was before it told of devices."""
        return RobotSpec(
            name=fields["name"],
            control_hz=fields["control_hz"],
            joints=tuple(JointSpec(**joint) for joint in fields["joints"]),
            servos=tuple(ServoSpec(**servo) for servo in fields["servos"]),
            cameras=tuple(CameraSpec(**camera) for camera in fields["cameras"]),
            pads=tuple(PadSpec(**pad) for pad in fields["pads"]),
            sound_hz=fields["sound_hz"],
            has_imu=fields["has_imu"],
            max_age=SensorAges(**fields["max_age"]),
            safety=SafetySpec(**fields.get("safety", {})),
            devices=_devices(fields.get("devices")),
        )


def _devices(fields: dict[str, Any] | None) -> Devices:
    if fields is None:
        return Devices()
    imu = {**fields["imu"], "imu_in_torso_wxyz": tuple(fields["imu"]["imu_in_torso_wxyz"])}  # JSON has lists only
    return Devices(TouchDevice(**fields["touch"]), ImuDevice(**imu), SoundDevice(**fields["sound"]))


def _frozen(values: list[float]) -> FloatArray:
    array = np.array(values, dtype=np.float64)
    array.flags.writeable = False
    return array
