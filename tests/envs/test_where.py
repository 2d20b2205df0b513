"""Conditions on episodes, held against python's own comparisons."""

import operator
from contextlib import suppress
from dataclasses import replace

import pytest
from episode_samples import header_of
from hypothesis import given
from hypothesis import strategies as st

from envs.episodes.catalogue import entry_of_sheet
from envs.episodes.sheet import EpisodeSheet
from envs.episodes.where import Where, allowed_columns, column_kinds
from envs.errors import QueryError

SHEET = EpisodeSheet("e1", "complete", "2026-03-04T23:30:00+00:00", header_of(operator="Li Na"), {})
ENTRY = replace(entry_of_sheet(SHEET), ticks=120, quality_score=0.5, quality_verdict="good", accepted=True)
SIGNS = {"=": operator.eq, "!=": operator.ne, "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}


def holds(text, entry=ENTRY):
    return Where.parse(text).admits(entry)


@pytest.mark.parametrize(
    "text",
    [
        "task = pick_fruit and quality >= 0.5 and day >= 2026-01-01",
        "task == pick_fruit",
        "day = 2026-03-04",
        "day < 2026-03-05 and started_at > 2026-03-04T23",
        "operator = 'Li Na'",
        'operator in (Wang, "Li Na")',
        "accepted",
        "not success",
        "success = no and accepted = TRUE",
        "request = none and quality_score != none",
        "factors.colour = red and factors.mass_g >= 0",
        "verdict in (good, fair)",
        "ticks in (1, 120)",
        "task = other or (body = sim and not pool = test)",
        "NOT task = other AND accepted",
    ],
)
def test_a_condition_that_is_true_admits(text):
    assert holds(text)
    assert not holds(f"not ({text})")


@pytest.mark.parametrize(
    "text", ["quality > 0.5", "factors.colour < 3", "factors.nothing = 1", "policy >= a", "day > 2026-03-04"]
)
def test_what_is_unknown_or_of_another_kind_is_neither_more_nor_less(text):
    assert not holds(text)


@given(
    first=st.tuples(st.sampled_from(sorted(SIGNS)), st.integers(118, 122)),
    second=st.tuples(st.sampled_from(sorted(SIGNS)), st.floats(0, 1).map(lambda value: round(value, 2))),
    third=st.booleans(),
)
def test_and_binds_closer_than_or_and_not_closest(first, second, third):
    ticks, quality = SIGNS[first[0]](120, first[1]), SIGNS[second[0]](0.5, second[1])
    text = f"ticks{first[0]}{first[1]} or not quality {second[0]} {second[1]} and accepted = {str(third).lower()}"
    assert holds(text) == (ticks or (not quality and third))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "the end stands where the name of a column is wanted"),
        ("colour = red", "there is no column 'colour'"),
        ("factors = red", "there is no column 'factors'"),
        ("task.name = red", "there is no column 'task.name'"),
        ("task", "'task' is text; compare it by"),
        ("task =", "the end stands where a value for 'task'"),
        ("quality >= good", "'quality' is a number; 'good' is none"),
        ("quality >= inf", "'quality' is a number; 'inf' is none"),
        ("accepted = maybe", "must be one of true, yes, false, no"),
        ("accepted > no", "'accepted' cannot be compared by >"),
        ("ticks > none", "'ticks' cannot be compared by > with None"),
        ("task = a b", "'b' is one word too many"),
        ("(task = a", "the end stands where ')' is wanted"),
        ("task in a", "'a' stands where '(' is wanted"),
        ("task = 'a", "is not understood"),
        ("1 = 1; drop table episodes", "there is no column '1'"),
        ("__class__ = x", "there is no column '__class__'"),
        ("factors.__class__ > 1 and id.upper = x", "there is no column 'id.upper'"),
    ],
)
def test_what_is_not_understood_is_refused_with_what_is_allowed(text, says):
    with pytest.raises(QueryError) as refused:
        Where.parse(text)
    assert says in str(refused.value)
    assert "quality_score (number)" in str(refused.value)


@given(st.text(max_size=40))
def test_no_text_is_worse_than_refused(text):
    with suppress(QueryError):
        assert isinstance(holds(text), bool)


def test_every_column_of_the_catalogue_can_be_asked_for():
    values = {bool: "yes", int: "1", float: "1", str: "x"}
    for name, kind in column_kinds().items():
        asked = f"{name}.a" if kind is dict else name
        assert isinstance(holds(f"{asked} = {values.get(kind, 'x')}"), bool)
        assert name in allowed_columns()
