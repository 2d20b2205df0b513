"""From a sweep of every joint by hand to a calibration: readings in, travel and centre out. Knows no cable.

A sweep comes first and is unwrapped, so that it does not matter where in its turn a sensor stands; only then is decided
where the seam of the turn shall lie.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import pi
from typing import Literal

from assets.calibration import ChannelCalibration
from assets.errors import CalibrationError

Zero = Literal["ends", "home"]

FASTEST_RAD_S = 30.0  # faster than a hand turns a joint
LEAST_STEP_RAD = 0.3  # what noise and a late reading may add
LONGEST_GAP_S = 0.5  # a hand may have turned a joint by more than half a turn unseen
MOST_GARBAGE = 0.05
FEWEST_READINGS = 20
WORN_TRAVEL = 0.3  # how much of the table's travel a person's joint must at least show
UNMOVED_RAD = 0.06
HOME_TOLERANCE_RAD = 0.35  # how well a person holds a pose
LIMIT_TOLERANCE_RAD = 0.2
LARGEST_TO_TABLE = 1.25
OFF_TRAVEL_TICKS = 60  # a stop gives, and a hand presses


@dataclass(frozen=True)
class SweptJoint:
    """What is known of a joint before it is swept.

    `turn` is after how many ticks its sensor begins again, None where it has a stop. `least_travel` is how much of the
    table's travel the sweep must show. `largest_offset` is the homing offset that its servo honours; None where the
    seam is dealt with by whoever reads the sensor. With `is_scaled` the ends of the travel are the table's, however
    many ticks lie between them; `rad_per_tick` says roughly how many.
    """

    joint: str
    sign: int
    lower_rad: float
    upper_rad: float
    home_rad: float
    turn: int | None = 4096
    rad_per_tick: float = 2.0 * pi / 4096
    least_travel: float = 0.8
    largest_offset: int | None = 1024
    homing_offset: int = 0
    is_scaled: bool = False


@dataclass(frozen=True)
class Travel:
    """How far a joint has been moved so far, in ticks counted on across the seam."""

    lowest: int
    highest: int
    now: int
    readings: int
    refused: int
    longest_gap_s: float


class Sweep:
    """The travel of several joints, one reading after the other. A reading that no hand could have caused is refused.

    Args:
        joints: which are swept.
    """

    def __init__(self, joints: Sequence[SweptJoint]) -> None:
        self.joints = tuple(joints)
        self._joint = {joint.joint: joint for joint in joints}
        self._travel: dict[str, Travel] = {}
        self._stamp_s: dict[str, float] = {}

    @property
    def travel(self) -> Mapping[str, Travel]:
        """What was seen so far, by joint."""
        return self._travel

    def add(self, ticks: Mapping[str, int], stamp_s: float) -> None:
        """Take readings of some joints, in raw ticks, made at `stamp_s`."""
        for name, raw in ticks.items():
            joint, before = self._joint[name], self._travel.get(name)
            if before is None:
                self._travel[name] = Travel(raw, raw, raw, 1, 0, 0.0)
                self._stamp_s[name] = stamp_s
                continue
            gap_s = stamp_s - self._stamp_s[name]
            now = raw if joint.turn is None else _nearest_alike(raw, before.now, joint.turn)
            if abs(now - before.now) * joint.rad_per_tick > LEAST_STEP_RAD + FASTEST_RAD_S * gap_s:
                self._travel[name] = _with(before, refused=before.refused + 1, readings=before.readings + 1)
                continue
            self._stamp_s[name] = stamp_s
            self._travel[name] = Travel(
                lowest=min(before.lowest, now),
                highest=max(before.highest, now),
                now=now,
                readings=before.readings + 1,
                refused=before.refused,
                longest_gap_s=max(before.longest_gap_s, gap_s),
            )

    def channels(self, zero: Zero = "ends") -> tuple[ChannelCalibration, ...]:
        """What the sweep has measured, each joint's travel placed within one turn.

        The joints must stand at home now. With `zero` "ends" the ends of the travel are the table's limits; with "home"
        the pose held now is the table's home.

        Raises:
            CalibrationError: a joint's readings cannot be; the message names every such joint and what to do.
        """
        problems: list[str] = []
        measured = []
        for joint in self.joints:
            try:
                measured.append(_channel(joint, self._travel.get(joint.joint), zero))
            except CalibrationError as error:
                problems.append(f"{joint.joint}: {error}")
        if problems:
            raise CalibrationError("nothing was calibrated. " + "; ".join(problems))
        return tuple(measured)


def is_off_travel(channel: ChannelCalibration, ticks: int) -> bool:
    """Whether a sensor that is calibrated so reads what its joint cannot show."""
    return not channel.lowest - OFF_TRAVEL_TICKS <= ticks <= channel.highest + OFF_TRAVEL_TICKS


def _channel(joint: SweptJoint, travel: Travel | None, zero: Zero) -> ChannelCalibration:
    if travel is None or travel.readings < FEWEST_READINGS:
        raise CalibrationError("it was hardly read; check its cable and sweep again")
    if travel.refused > MOST_GARBAGE * travel.readings:
        raise CalibrationError(
            f"{travel.refused} of {travel.readings} readings jumped as no hand can; check the cable, and sweep again"
        )
    if travel.longest_gap_s > LONGEST_GAP_S:
        raise CalibrationError(f"it gave nothing for {travel.longest_gap_s:.1f} s in between; sweep again")
    _refuse_implausible_range(joint, travel, zero)
    if joint.is_scaled:
        table_rad = joint.upper_rad - joint.lower_rad
        joint = replace(joint, rad_per_tick=table_rad / (travel.highest - travel.lowest))
    center = _center(joint, travel, zero)
    _refuse_against_sign(joint, travel, center, zero)
    shift, offset = _placed(joint, travel)
    return ChannelCalibration(
        joint.joint, travel.lowest + shift, travel.highest + shift, round(center) + shift, homing_offset=offset
    )


def _refuse_implausible_range(joint: SweptJoint, travel: Travel, zero: Zero) -> None:
    ticks = travel.highest - travel.lowest
    range_rad, table_rad = ticks * joint.rad_per_tick, joint.upper_rad - joint.lower_rad
    if range_rad < UNMOVED_RAD:
        raise CalibrationError("it was not moved; move it from stop to stop")
    if joint.turn is not None and ticks >= joint.turn:
        raise CalibrationError(f"it was turned by {range_rad:.2f} rad, more than one turn; a joint turns less")
    if range_rad < joint.least_travel * table_rad:
        raise CalibrationError(
            f"it was moved by {range_rad:.2f} rad only, the table has {table_rad:.2f}; move it from stop to stop"
        )
    if zero == "ends" and not joint.is_scaled and range_rad > LARGEST_TO_TABLE * table_rad:
        raise CalibrationError(
            f"it was moved by {range_rad:.2f} rad, the table has {table_rad:.2f}: its stops lie beyond its limits. "
            "Hold it at home at the end, and say --zero home"
        )


def _center(joint: SweptJoint, travel: Travel, zero: Zero, sign: int | None = None) -> float:
    """The ticks of joint position 0."""
    sign = joint.sign if sign is None else sign
    if zero == "home":
        return travel.now - sign * joint.home_rad / joint.rad_per_tick
    middle_rad = (joint.lower_rad + joint.upper_rad) / 2.0
    return (travel.lowest + travel.highest) / 2.0 - sign * middle_rad / joint.rad_per_tick


def _refuse_against_sign(joint: SweptJoint, travel: Travel, center: float, zero: Zero) -> None:
    """The pose held at the end and the ends of the travel must fit each other; a wrong sign mirrors one of them."""
    misfit_rad = _misfit_rad(joint, travel, center, joint.sign, zero)
    allowed_rad = HOME_TOLERANCE_RAD if zero == "ends" else LIMIT_TOLERANCE_RAD + _unswept_rad(joint)
    if misfit_rad <= allowed_rad:
        return
    mirrored = _center(joint, travel, zero, -joint.sign)
    if _misfit_rad(joint, travel, mirrored, -joint.sign, zero) <= allowed_rad:
        raise CalibrationError(
            f"its ends do not fit sign {joint.sign:+d}, but they fit {-joint.sign:+d}; correct the sign in the table"
        )
    what = "it was not at home at the end" if zero == "ends" else "its travel does not reach its limits from there"
    raise CalibrationError(f"{what} ({misfit_rad:.2f} rad off); move all joints, then bring them home, then end")


def _misfit_rad(joint: SweptJoint, travel: Travel, center: float, sign: int, zero: Zero) -> float:
    """How far the pose held now is from home, or by how much the travel falls short of the limits."""
    if zero == "ends":
        return abs(sign * (travel.now - center) * joint.rad_per_tick - joint.home_rad)
    ends_rad = sorted(sign * (end - center) * joint.rad_per_tick for end in (travel.lowest, travel.highest))
    return max(ends_rad[0] - joint.lower_rad, joint.upper_rad - ends_rad[1], 0.0)


def _unswept_rad(joint: SweptJoint) -> float:
    return (1.0 - joint.least_travel) * (joint.upper_rad - joint.lower_rad)


def _placed(joint: SweptJoint, travel: Travel) -> tuple[int, int]:
    """By how much to shift the travel so that it lies within one turn, and the homing offset that does it."""
    if joint.turn is None:
        return 0, joint.homing_offset
    turns = -joint.turn * (((travel.lowest + travel.highest) // 2) // joint.turn)  # the middle lies within one turn
    if joint.largest_offset is None:
        return turns, joint.homing_offset
    lowest, highest = travel.lowest + turns, travel.highest + turns
    if lowest >= 0 and highest < joint.turn:
        return turns, joint.homing_offset
    for extra in (0, -joint.turn, joint.turn):
        least = max(-(lowest + extra), -joint.largest_offset - joint.homing_offset)
        most = min(joint.turn - 1 - (highest + extra), joint.largest_offset - joint.homing_offset)
        if least <= most:
            wanted = joint.turn // 2 - (lowest + highest) // 2 - extra
            added = min(max(wanted, least), most)
            return turns + extra + added, joint.homing_offset + added
    raise CalibrationError(
        f"its travel crosses the seam of its encoder, and no homing offset up to {joint.largest_offset} ticks moves it "
        "aside; take the horn off, turn it by about a quarter, and sweep again"
    )


def _nearest_alike(raw: int, near: int, turn: int) -> int:
    """Of the positions that read as `raw`, the one nearest to another."""
    return raw - turn * round((raw - near) / turn)


def _with(travel: Travel, *, refused: int, readings: int) -> Travel:
    return replace(travel, readings=readings, refused=refused)
