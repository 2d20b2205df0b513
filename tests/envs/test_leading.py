"""Whatever a leader's device shows, the command never jumps; a clutch engages at a press and never by itself."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_robot import SMALL_ROBOT

from envs.errors import PilotError
from envs.pilots.clutch import Clutch
from envs.pilots.exoskeleton import GIVE_UP_AFTER_S, ExoskeletonPilot
from envs.pilots.handover import BLEND_S, MAX_GAP_RAD
from envs.pilots.lead import LEAP_SHARE, LEAP_SLACK_RAD, SAME_RAD
from envs.scenario import Scenario
from hardware.errors import PortError, StaleDeviceError
from hardware.exoskeleton_reading import ExoskeletonReading

PERIOD_S = 0.04
SCENARIO = Scenario("pointing", {"mark": 0.0, "colour": "red"})
RNG = np.random.default_rng(0)
# The leader's own fastest, and the steepest of a minimum-jerk blend over the largest gap.
LARGEST_STEP_RAD = (
    LEAP_SHARE * SMALL_ROBOT.max_rate + MAX_GAP_RAD * 15 / 8 / BLEND_S
) * PERIOD_S + LEAP_SLACK_RAD + SAME_RAD  # fmt: skip


@dataclass
class Shown:
    """An exoskeleton that shows what the test says: positions, or an error."""

    next: np.ndarray | Exception = field(default_factory=lambda: SMALL_ROBOT.home.copy())
    joint_names: tuple[str, ...] = SMALL_ROBOT.joint_names
    connects: int = 0
    calibration_digest: str | None = None

    @property
    def robot_index(self) -> np.ndarray:
        return np.arange(3)

    def connect(self) -> ExoskeletonReading:
        self.connects += 1
        return self.read()

    def read(self) -> ExoskeletonReading:
        if isinstance(self.next, Exception):
            raise self.next
        return ExoskeletonReading(self.next, self.next, 0.0, {})

    def close(self) -> None:
        pass


@dataclass
class Pressed:
    is_on: bool = False


class Rig:
    def __init__(self, clutch: Pressed | None = None) -> None:
        self.now_s = 10.0
        self.shown = Shown()
        self.pilot = ExoskeletonPilot(SMALL_ROBOT, self.shown, clutch=clutch, now=lambda: self.now_s)
        self.pilot.reset(SCENARIO, RNG)
        self.sent_rad = SMALL_ROBOT.home.copy()

    def step(self, shown: np.ndarray | Exception) -> np.ndarray | None:
        self.shown.next = shown
        self.now_s += PERIOD_S
        target = self.pilot.command({}, {"sent_rad": self.sent_rad})
        if target is None:
            return None
        self.sent_rad = target.position_rad
        return target.position_rad


STALE = StaleDeviceError("old")
readings = st.lists(
    st.one_of(
        st.just(STALE),
        st.just(None),  # the last one again
        st.lists(st.floats(-4.0, 4.0), min_size=3, max_size=3).map(np.array),
        st.tuples(st.integers(0, 2), st.floats(-0.3, 0.3)),  # a joint moves a little
        st.tuples(st.integers(0, 2), st.sampled_from([np.pi, -2 * np.pi, 0.5, np.nan, np.inf])),
    ),
    max_size=40,
)


@settings(max_examples=60, deadline=None)
@given(readings, st.lists(st.booleans(), min_size=40, max_size=40), st.booleans())
def test_whatever_the_readings_do_the_command_never_jumps(shown: list, pressed: list[bool], has_clutch: bool) -> None:
    switch = Pressed()
    rig = Rig(switch if has_clutch else None)
    worn_rad = SMALL_ROBOT.home.copy()
    for each, is_on in zip(shown, pressed, strict=False):
        switch.is_on = is_on
        if isinstance(each, tuple):
            worn_rad = worn_rad.copy()
            worn_rad[each[0]] += each[1]
        elif isinstance(each, np.ndarray):
            worn_rad = each
        before_rad = rig.sent_rad
        try:
            command_rad = rig.step(STALE if each is STALE else worn_rad)
        except PilotError:
            return  # the command ends, and the robot holds
        if command_rad is not None:
            assert np.isfinite(command_rad).all()
            assert (np.abs(command_rad - before_rad) <= LARGEST_STEP_RAD).all()


def test_one_reading_from_elsewhere_costs_one_period_and_no_motion() -> None:
    rig = Rig()
    home_rad = SMALL_ROBOT.home
    rig.step(home_rad)
    assert rig.step(home_rad + np.array([2.5, 0.0, 0.0])) is None
    np.testing.assert_allclose(rig.step(home_rad), home_rad, atol=SAME_RAD)


def test_a_leader_who_stays_elsewhere_is_refused_by_joint() -> None:
    rig = Rig()
    rig.step(SMALL_ROBOT.home)
    elsewhere_rad = SMALL_ROBOT.home + np.array([1.2, 0.0, 0.0])
    assert rig.step(elsewhere_rad) is None
    with pytest.raises(PilotError, match=r"shoulder \(-1\.20 rad\)"):
        rig.step(elsewhere_rad)


def test_a_clutch_makes_the_leaders_motion_from_wherever_both_were() -> None:
    switch = Pressed()
    rig = Rig(switch)
    leader_rad = np.array([1.4, 1.9, 1.0])  # far from the robot, which a clutch does not mind
    assert rig.step(leader_rad) is None
    switch.is_on = True
    np.testing.assert_allclose(rig.step(leader_rad), SMALL_ROBOT.home)
    moved_rad = np.array([-0.1, -0.05, 0.2])
    np.testing.assert_allclose(rig.step(leader_rad + moved_rad), SMALL_ROBOT.home + moved_rad)
    switch.is_on = False
    assert rig.step(leader_rad) is None
    switch.is_on = True
    rig.step(leader_rad)
    np.testing.assert_allclose(rig.step(leader_rad + moved_rad), SMALL_ROBOT.home + 2 * moved_rad)


def test_a_clutched_command_is_clipped_to_the_joint_limits() -> None:
    switch = Pressed()
    rig = Rig(switch)
    rig.step(SMALL_ROBOT.home)
    switch.is_on = True
    worn_rad = SMALL_ROBOT.home.copy()
    for _ in range(30):
        command_rad = rig.step(worn_rad)
        worn_rad = worn_rad - np.array([0.0, 0.1, 0.0])
    assert command_rad is not None
    assert command_rad[1] == SMALL_ROBOT.lower[1]


def test_a_stale_leader_holds_and_in_the_end_has_to_be_engaged_anew() -> None:
    switch = Pressed()
    rig = Rig(switch)
    rig.step(SMALL_ROBOT.home)
    switch.is_on = True
    assert rig.step(SMALL_ROBOT.home) is not None
    assert rig.step(STALE) is None
    assert rig.step(SMALL_ROBOT.home) is not None
    for _ in range(int(GIVE_UP_AFTER_S / PERIOD_S) + 2):
        assert rig.step(STALE) is None
    assert rig.step(SMALL_ROBOT.home) is None  # still pressed, and no longer engaged
    switch.is_on = False
    assert rig.step(SMALL_ROBOT.home) is None
    switch.is_on = True
    assert rig.step(SMALL_ROBOT.home) is not None


def test_a_switch_that_was_held_all_along_does_not_engage() -> None:
    switch = Pressed(True)
    clutch = Clutch(switch)
    assert not clutch.is_engaged()
    switch.is_on = False
    assert not clutch.is_engaged()
    switch.is_on = True
    assert clutch.is_engaged()
    clutch.disengage()
    assert not clutch.is_engaged()


def test_a_device_that_gave_up_or_failed_is_connected_anew_at_the_next_reset() -> None:
    rig = Rig()
    assert rig.shown.connects == 1
    with pytest.raises(PilotError, match="cannot lead"):
        rig.step(PortError("unplugged"))
    rig.shown.next = SMALL_ROBOT.home
    rig.pilot.reset(SCENARIO, RNG)
    assert rig.shown.connects == 2
    for _ in range(12):
        assert rig.step(STALE) is None
    rig.now_s += 1.0
    with pytest.raises(PilotError, match="has gone"):
        rig.step(STALE)
    rig.shown.next = SMALL_ROBOT.home
    rig.pilot.reset(SCENARIO, RNG)
    assert rig.shown.connects == 3
