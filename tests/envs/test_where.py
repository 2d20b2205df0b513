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
        "verdict in (good, coach)",
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
        ("day >= 2026-13-45", "'2026-13-45' is no day; write it as 2026-01-31"),
        ("day >= 20260101", "'20260101' is no day"),
        ("quality >= 80", "'quality' runs from 0 to 1, 80 is beyond"),
        ("verdict = fair", "'verdict' is never 'fair'; it is one of good, coach, reject, unjudged"),
        ("pool in (train, tests)", "'pool' is never 'tests'"),
        ("body = simulated", "it is one of sim, fast-twin, serial"),
        ("purpose = normal", "'purpose' is never 'normal'"),
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
    words = {"quality_verdict": "good", "pool": "train", "body": "sim", "purpose": "nominal", "status": "complete"}
    for name, kind in column_kinds().items():
        asked = f"{name}.a" if kind is dict else name
        assert isinstance(holds(f"{asked} = {words.get(name, values.get(kind, 'x'))}"), bool)
        assert name in allowed_columns()


def test_a_task_or_a_factor_that_there_is_not_is_refused_with_those_that_there_are():
    for fine in ("task = pick_fruit or task = fold_towel", "factors.colour = red and factors.mass_g > 0"):
        Where.parse(fine).refuse_unknown([ENTRY])
    Where.parse("task = mine").refuse_unknown([ENTRY, replace(ENTRY, task="mine")])
    with pytest.raises(QueryError, match=r"there is no task 'pick_friut'; there are .*pick_fruit"):
        Where.parse("not task = pick_friut").refuse_unknown([ENTRY])
    with pytest.raises(QueryError, match=r"there is no factor 'nope'; there are colour, mass_g"):
        Where.parse("factors.nope = 3").refuse_unknown([ENTRY])
