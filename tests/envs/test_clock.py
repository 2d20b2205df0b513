"""Periods must divide; simulated time never waits, wall time keeps an absolute schedule."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from envs.clock import SimClock, WallClock, substeps
from envs.errors import ClockError


class _Hand:
    """Time that passes only when somebody lets it."""

    def __init__(self) -> None:
        self.time_s = 100.0

    def now(self) -> float:
        return self.time_s

    def pass_by(self, seconds: float) -> None:
        assert seconds >= 0.0
        self.time_s += seconds


@pytest.mark.parametrize(
    ("control_s", "physics_s", "steps"), [(0.03, 0.002, 15), (0.06, 0.002, 30), (0.3, 0.1, 3), (0.04, 0.004, 10)]
)
def test_periods_that_divide_on_paper_divide_in_floats(control_s: float, physics_s: float, steps: int) -> None:
    assert substeps(1.0 / control_s, physics_s) == steps


@given(steps=st.integers(1, 1000), physics_s=st.floats(1e-4, 0.1))
def test_every_whole_number_of_steps_is_found(steps: int, physics_s: float) -> None:
    assert substeps(1.0 / (steps * physics_s), physics_s) == steps


@pytest.mark.parametrize(
    ("control_hz", "physics_s"), [(25.0, 0.003), (25.0, 0.08), (0.0, 0.004), (25.0, -1.0), (float("nan"), 0.004)]
)
def test_periods_that_do_not_divide_are_refused(control_hz: float, physics_s: float) -> None:
    with pytest.raises(ClockError):
        substeps(control_hz, physics_s)


def test_simulated_time_advances_by_exact_periods_from_the_first_stamp() -> None:
    clock = SimClock(0.04)
    clock.start(1.2)
    for _ in range(100):
        clock.wait()
    assert clock.now_s == 1.2 + 100 * 0.04
    assert (clock.report.periods, clock.report.overruns) == (100, 0)


def test_small_delays_do_not_add_up_on_the_wall() -> None:
    hand = _Hand()
    clock = WallClock(0.04, now=hand.now, sleep=hand.pass_by)
    clock.start(hand.time_s)
    hand.pass_by(60.0)  # a person takes a minute before the first step
    began_s = hand.time_s
    for _ in range(250):
        hand.pass_by(0.013)
        clock.wait()
    assert hand.time_s - began_s == pytest.approx(0.013 + 250 * 0.04)
    assert clock.report.overruns == 0


def test_a_late_period_is_counted_and_followed_by_no_burst() -> None:
    hand = _Hand()
    clock = WallClock(0.04, now=hand.now, sleep=hand.pass_by)
    clock.start(hand.time_s)
    clock.wait()
    hand.pass_by(0.13)  # 90 ms beyond the deadline: two whole slots are missed
    clock.wait()
    assert clock.lateness_s == pytest.approx(0.09)
    late_s = hand.time_s
    clock.wait()
    assert clock.lateness_s == 0.0
    assert hand.time_s - late_s == pytest.approx(0.03)  # back on the grid of the schedule
    clock.wait()
    assert hand.time_s - late_s == pytest.approx(0.07)
    assert clock.report.overruns == 1
    assert clock.report.worst_lateness_s == pytest.approx(0.09)


def test_simulation_at_wall_pace_keeps_simulated_stamps() -> None:
    hand = _Hand()
    clock = SimClock(0.04, pace=WallClock(0.04, now=hand.now, sleep=hand.pass_by))
    clock.start(0.0)
    for _ in range(5):
        clock.wait()
    assert clock.now_s == pytest.approx(0.2)
    assert hand.time_s == pytest.approx(100.2)


@pytest.mark.parametrize("kind", [SimClock, WallClock])
def test_a_period_must_be_positive(kind: type[SimClock] | type[WallClock]) -> None:
    with pytest.raises(ClockError, match="positive"):
        kind(0.0)
