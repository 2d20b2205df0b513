"""A sweep by hand becomes travel and centre, wherever the seam of the encoder lies; what cannot be is refused."""

from __future__ import annotations

from dataclasses import replace
from math import pi

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from assets.calibration import ChannelCalibration
from assets.errors import CalibrationError
from hardware.calibrating import Sweep, SweptJoint, Zero

PERIOD_S = 0.02
TICK_RAD = 2 * pi / 4096
ELBOW = SweptJoint("elbow", 1, 0.0, 2.3, 1.45)
WORN = SweptJoint("elbow", 1, 0.0, 2.3, 1.45, largest_offset=None)


def swept(
    joint: SweptJoint,
    center: float,
    start_rad: float,
    ends_rad: tuple[float, ...],
    end_rad: float,
    turns_by: int | None = None,
) -> Sweep:
    """Move a joint, whose zero is at the encoder's tick `center`, by way of both ends to where it is held at last.

    Its encoder turns by the joint's sign, unless told otherwise.
    """
    sign = joint.sign if turns_by is None else turns_by
    sweep, stamp_s, at = Sweep([joint]), 0.0, start_rad
    for goal in (*ends_rad, end_rad):
        steps = max(1, round(abs(goal - at) / 0.04))
        for step in range(steps + 1):
            rad = at + (goal - at) * step / steps
            encoder = round(center + sign * rad / TICK_RAD) % 4096
            sweep.add({joint.joint: encoder + joint.homing_offset}, stamp_s)
            stamp_s += PERIOD_S
        at = goal
    return sweep


def whole(joint: SweptJoint, center: float, zero: Zero = "ends") -> ChannelCalibration:
    (channel,) = swept(joint, center, joint.home_rad, (joint.lower_rad, joint.upper_rad), joint.home_rad).channels(zero)
    return channel


@given(
    center=st.integers(0, 4095),
    sign=st.sampled_from((-1, 1)),
    lower=st.floats(-2.5, -0.3),
    upper=st.floats(0.3, 2.5),
    home=st.floats(0.0, 1.0),
    zero=st.sampled_from(("ends", "home")),
)
def test_a_joint_that_crosses_the_seam_anywhere_gives_the_right_centre_and_travel(
    center: int, sign: int, lower: float, upper: float, home: float, zero: Zero
) -> None:
    home_rad = lower + home * (upper - lower)
    joint = SweptJoint("any", sign, lower, upper, home_rad, largest_offset=None)
    channel = whole(joint, center, zero)
    assert channel.highest - channel.lowest == pytest.approx((upper - lower) / TICK_RAD, abs=1.5)
    assert 0 <= (channel.lowest + channel.highest) // 2 < 4096
    off = (channel.center - center) % 4096
    assert min(off, 4096 - off) <= 2
    ends_rad = sorted(sign * (end - channel.center) * TICK_RAD for end in (channel.lowest, channel.highest))
    assert ends_rad == pytest.approx([lower, upper], abs=4 * TICK_RAD)


@given(center=st.integers(0, 4095), before=st.sampled_from((0, 300, -900)), upper=st.sampled_from((2.3, 5.0)))
def test_a_robots_travel_ends_up_within_one_turn_or_is_refused_with_what_to_do(
    center: int, before: int, upper: float
) -> None:
    joint = replace(ELBOW, homing_offset=before, upper_rad=upper)
    ticks = round(upper / TICK_RAD)

    def fits(margin: int) -> bool:
        return any(
            center + turn + offset >= margin and center + ticks + turn + offset <= 4095 - margin
            for turn in (-4096, 0)
            for offset in range(-1024, 1025)
        )

    assume(fits(3) == fits(-3))  # where rounding decides, nothing is claimed
    if not fits(0):
        with pytest.raises(CalibrationError, match="take the horn off"):
            whole(joint, center)
        return
    channel = whole(joint, center)
    assert 0 <= channel.lowest < channel.highest <= 4095
    assert abs(channel.homing_offset) <= 1024
    # The same position, told by the same encoder with the new offset.
    assert (channel.center - channel.homing_offset - center) % 4096 in (0, 1, 2, 4094, 4095)


def test_a_travel_that_lies_well_already_keeps_its_homing_offset() -> None:
    channel = whole(ELBOW, 2048)
    assert (channel.homing_offset, channel.center) == (0, 2048)


@pytest.mark.parametrize(
    ("sweep", "complaint"),
    [
        (swept(ELBOW, 900, 1.45, (1.45, 1.46) * 8, 1.45), "not moved"),
        (swept(ELBOW, 900, 1.0, (0.0, 1.5), 1.45), r"moved by 1\.50 rad only, the table has 2\.30"),
        (swept(ELBOW, 900, 1.0, (-3.0, 3.5), 1.45), "more than one turn"),
        (swept(ELBOW, 900, 1.0, (-1.0, 2.5), 1.45), "--zero home"),
        (swept(ELBOW, 900, 1.0, (0.0, 2.3), 0.1), "not at home at the end"),
        (Sweep([ELBOW]), "hardly read"),
    ],
    ids=["unmoved", "half", "two turns", "beyond the limits", "not home", "unread"],
)
def test_ranges_that_cannot_be_are_refused_by_joint(sweep: Sweep, complaint: str) -> None:
    with pytest.raises(CalibrationError, match=f"elbow: .*{complaint}"):
        sweep.channels("ends")


@pytest.mark.parametrize("zero", ["ends", "home"])
def test_ends_that_fit_the_other_sign_only_are_told_as_that(zero: Zero) -> None:
    joint = replace(ELBOW, home_rad=0.3)
    sweep = swept(joint, 2500, 1.0, (0.0, 2.3), 0.3, turns_by=-1)
    with pytest.raises(CalibrationError, match=r"do not fit sign \+1, but they fit -1"):
        sweep.channels(zero)


@given(st.lists(st.integers(0, 4095), min_size=1, max_size=4), st.integers(0, 4095))
def test_single_garbage_readings_do_not_widen_the_travel(garbage: list[int], center: int) -> None:
    sweep = Sweep([WORN])
    stamp_s = 0.0
    for number in range(200):
        rad = 1.15 - 1.15 * ((number % 80) / 40 - 1) if number < 160 else 1.45
        sweep.add({"elbow": round(center + rad / TICK_RAD) % 4096}, stamp_s)
        stamp_s += PERIOD_S
    travel = sweep.travel["elbow"]
    for raw in garbage:
        sweep.add({"elbow": raw}, stamp_s)
    after = sweep.travel["elbow"]
    step = 200 + 20_000 * PERIOD_S
    assert after.lowest >= travel.lowest - len(garbage) * step
    assert after.highest <= travel.highest + len(garbage) * step


def test_a_sensor_of_noise_is_refused() -> None:
    sweep = Sweep([ELBOW])
    for number in range(200):
        sweep.add({"elbow": (number * 1777) % 4096}, number * PERIOD_S)
    with pytest.raises(CalibrationError, match="jumped as no hand can"):
        sweep.channels()


def test_a_joint_that_was_not_seen_for_long_is_refused() -> None:
    sweep = swept(ELBOW, 900, 1.0, (0.0, 2.3), 1.45)
    sweep.add({"elbow": round(900 + 1.45 / TICK_RAD)}, 60.0)
    with pytest.raises(CalibrationError, match="gave nothing for"):
        sweep.channels()


def test_every_bad_joint_is_named_at_once() -> None:
    with pytest.raises(CalibrationError, match=r"elbow: .*; wrist: "):
        Sweep([ELBOW, replace(ELBOW, joint="wrist")]).channels()
