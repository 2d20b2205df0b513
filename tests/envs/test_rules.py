"""What is told of a task's rules."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from envs.tasks.rules import above, at_most, below, check, judge, reading, told


@given(
    limit=st.sampled_from([0.06, 0.25, 0.6, 5.0, 12.0, 12.5, 35.0]),
    off=st.floats(1e-5, 3.0),
    way=st.sampled_from([-1.0, 1.0]),
    decimals=st.integers(0, 3),
)
def test_a_reading_lies_on_the_same_side_of_its_limit_as_the_value(
    limit: float, off: float, way: float, decimals: int
) -> None:
    value = limit + way * off
    read = reading(value, limit, decimals)
    assert math.copysign(1.0, float(read) - limit) == way
    assert float(read) != limit
    assert float(read) == pytest.approx(value, abs=0.5001 * 10.0**-decimals)


@pytest.mark.parametrize(
    ("value", "limit", "decimals", "told"),
    [
        (41.7, 35.0, 0, "42"),
        (35.2, 35.0, 0, "35.2"),
        (0.6004, 0.6, 1, "0.6004"),
        (0.6, 0.6, 1, "0.6"),
        (-0.2, 8.0, 0, "0"),
    ],
)
def test_a_reading_has_no_more_decimals_than_it_takes(value: float, limit: float, decimals: int, told: str) -> None:
    assert reading(value, limit, decimals) == told


def test_words_without_a_place_for_the_value_are_refused() -> None:
    with pytest.raises(ValueError, match="no place for the value"):
        told("the fruit is {:d} mm away", 3.0, "below", 2.0)


def test_only_what_does_not_hold_is_told_of_the_first_step_that_is_not_done() -> None:
    reach = check("reach", below(19.0, 20.0, "{:.0f} mm away"))
    grasp = check(
        "grasp",
        above(0.58, 0.6, "thumb {:.1f} N"),
        above(2.0, 0.6, "fingers {:.1f} N"),
        at_most(0.63, 0.6, "and {:.1f} N"),
    )
    judgement = judge([reach, grasp, check("lift", below(2.0, 1.0, "{:.0f}"))], None)
    assert judgement.unmet == "grasp: thumb 0.58 N (above 0.6), and 0.63 N (at most 0.6)"
    assert judgement.done == (True, False, False)
