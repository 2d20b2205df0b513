"""Reads `[touch]`, `[imu]` and `[sound]` of a robot table: protocol, latency, importance and greatest age."""

from __future__ import annotations

import math
from typing import Any, cast, get_args

from assets.devices import (
    UPRIGHT_WXYZ,
    Devices,
    Importance,
    ImuDevice,
    ImuProtocol,
    SoundDevice,
    TouchDevice,
    TouchProtocol,
)
from assets.robot import SensorAges
from assets.toml_table import TomlTable

_UNIT_TOLERANCE = 1e-3  # what people write with four digits


def read_devices(top: TomlTable) -> tuple[SensorAges, Devices]:
    """The ages and devices of a robot. Each age stands either in `[max_age]` or in the device's own table.

    Raises:
        RobotTableError: a value is missing, stands twice, or is not allowed.
    """
    ages = top.table("max_age")
    sections = {name: top.table(name) if top.has(name) else None for name in ("touch", "imu", "sound")}
    max_age = SensorAges(
        joints_s=ages.number("joints_s", above=0.0),
        **{f"{name}_s": _age(ages, f"{name}_s", section) for name, section in sections.items()},
    )
    ages.finish()
    devices = Devices(_touch(sections["touch"]), _imu(sections["imu"]), _sound(sections["sound"]))
    for section in sections.values():
        if section is not None:
            section.finish()
    return max_age, devices


def read_latency(row: TomlTable) -> float:
    """`latency_s`, 0 if it is not there."""
    if not row.has("latency_s"):
        return 0.0
    latency_s = row.number("latency_s")
    if not 0.0 <= latency_s < 1.0:
        row.refuse(f"latency_s is {latency_s:g}; give the seconds from capture to arrival, 0 to below 1", "latency_s")
    return latency_s


def read_importance(row: TomlTable) -> Importance:
    """`importance`, "stop" if it is not there."""
    return cast(Importance, _choice(row, "importance", get_args(Importance), "stop"))


def _age(ages: TomlTable, key: str, section: TomlTable | None) -> float:
    if section is None or (not section.has("max_age_s") and ages.has(key)):
        return ages.number(key, above=0.0)
    if section.has("max_age_s") and ages.has(key):
        section.refuse(f"max_age_s stands here and as {key} in [max_age]; say it once", "max_age_s")
    return section.number("max_age_s", above=0.0)


def _touch(row: TomlTable | None) -> TouchDevice:
    if row is None:
        return TouchDevice()
    protocol = cast(TouchProtocol, _choice(row, "protocol", get_args(TouchProtocol), "retake"))
    if protocol == "retake" and row.has("newton_per_count"):
        row.refuse(
            "newton_per_count scales counts, and protocol 'retake' sends forces; leave it out", "newton_per_count"
        )
    if protocol != "retake" and not row.has("newton_per_count"):
        row.refuse(f"protocol {protocol!r} sends counts; say how many newton one is, as newton_per_count", "protocol")
    return TouchDevice(
        protocol=protocol,
        baud=_baud(row),
        newton_per_count=_scale(row, "newton_per_count", TouchDevice.newton_per_count),
        latency_s=read_latency(row),
        importance=read_importance(row),
    )


def _imu(row: TomlTable | None) -> ImuDevice:
    if row is None:
        return ImuDevice()
    protocol = cast(ImuProtocol, _choice(row, "protocol", get_args(ImuProtocol), "retake"))
    for key in ("rate_unit_rad_s", "acceleration_unit_m_s2"):
        if protocol != "lines" and row.has(key):
            row.refuse(f"{key} scales the numbers of protocol 'lines'; {protocol!r} has units of its own", key)
    return ImuDevice(
        protocol=protocol,
        baud=_baud(row),
        imu_in_torso_wxyz=_rotation(row, "imu_in_torso_wxyz"),
        rate_unit_rad_s=_scale(row, "rate_unit_rad_s", 1.0),
        acceleration_unit_m_s2=_scale(row, "acceleration_unit_m_s2", 1.0),
        latency_s=read_latency(row),
        importance=read_importance(row),
    )


def _sound(row: TomlTable | None) -> SoundDevice:
    return SoundDevice() if row is None else SoundDevice(read_latency(row), read_importance(row))


def _baud(row: TomlTable) -> int:
    return row.integer("baud", at_least=300, at_most=20_000_000) if row.has("baud") else TouchDevice.baud


def _scale(row: TomlTable, key: str, default: float) -> float:
    return row.number(key, above=0.0) if row.has(key) else default


def _choice(row: TomlTable, key: str, allowed: tuple[Any, ...], default: str) -> str:
    if not row.has(key):
        return default
    value = row.text(key)
    if value not in allowed:
        row.refuse(f"{key} is {value!r}; allowed are {', '.join(map(repr, allowed))}", key)
    return value


def _rotation(row: TomlTable, key: str) -> tuple[float, float, float, float]:
    if not row.has(key):
        return UPRIGHT_WXYZ
    wxyz = row.numbers(key, count=4)
    length = math.hypot(*wxyz)
    if abs(length - 1.0) > _UNIT_TOLERANCE:
        row.refuse(f"{key} has the length {length:.4g}; a rotation is a quaternion w, x, y, z of length 1", key)
    w, x, y, z = (value / length for value in wxyz)
    return w, x, y, z
