"""Verdicts: gates reject, style is compared with what is usual in the same step, and too few references say so."""

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from moved import ARM, good_episode, with_pause

from envs.episodes.quality.judging import judge, style_score
from envs.episodes.quality.measuring import measure
from envs.episodes.quality.references import (
    FEWEST,
    Reference,
    References,
    find_references,
    read_references,
    references_path,
    write_references,
)
from envs.episodes.skew import StreamSkew
from envs.episodes.verdict import QualityVerdict
from envs.errors import ArchiveError


def references_of(count):
    episodes = tuple(Reference.of(str(seed), measure(good_episode(seed))) for seed in range(count))
    return References("made_up", ARM.name, "sim", episodes)


@pytest.fixture(scope="module")
def references():
    return references_of(24)


def test_an_episode_like_the_others_is_good(references):
    verdicts = [judge(good_episode(seed), references) for seed in range(100, 120)]
    assert sum(verdict.verdict == "good" for verdict in verdicts) >= 18
    assert all(0.8 < verdict.score <= 1.0 and len(verdict.figures) == 3 for verdict in verdicts)
    assert verdicts[0].references == {"": 24, "reach": 24, "wait": 24, "carry": 24}


def test_a_pause_is_coached_with_its_place_in_both_languages(references):
    verdict = judge(with_pause(good_episode(7), 20, 15), references)
    assert verdict.verdict == "coach"
    assert verdict.where.step == "reach"
    assert verdict.where.start_s == pytest.approx(0.8, abs=0.3)
    assert verdict.score < judge(good_episode(7), references).score
    assert "'reach'" in verdict.english
    assert "第 1 步" in verdict.chinese
    assert verdict.english.count(". ") == 0, "one sentence"
    assert QualityVerdict.from_dict(json.loads(json.dumps(verdict.to_dict()))) == verdict


def test_standing_still_while_one_has_to_wait_is_no_fault(references):
    longer = with_pause(good_episode(7), 50, 20)
    verdict = judge(longer, references)
    assert "pause" not in {moment.kind for moment in verdict.moments}


def test_a_firmer_grip_is_told_where_it_is(references):
    good = good_episode(3)
    verdict = judge(replace(good, touch_n=1.4 * good.touch_n), references)
    assert verdict.verdict == "coach"
    assert verdict.figures[0].metric == "grip_n"
    assert "carry" in verdict.english


@pytest.mark.parametrize("count", [0, FEWEST - 1])
def test_without_enough_references_no_word_is_said_on_style(count):
    verdict = judge(with_pause(good_episode(50), 20, 15), references_of(count))
    assert (verdict.verdict, verdict.score) == ("unjudged", None)
    assert f"{count} references" in verdict.english
    assert len(verdict.figures) == 3
    assert verdict.metrics["reach"]["pause_count"] == 1, "it is measured all the same"


def test_an_episode_too_short_to_be_measured_is_not_told_that_references_are_missing(references):
    fields = ("stamp_s", "position_rad", "sent_rad", "touch_n", "instruction")
    good = good_episode(5)
    verdict = judge(replace(good, **{name: getattr(good, name)[:7] for name in fields}), references)
    assert (verdict.verdict, verdict.score) == ("unjudged", None)
    assert "7 readings are too few" in verdict.english
    assert "references" not in verdict.english


def _late(good):
    stamps = good.stamp_s.copy()
    stamps[10:20] = stamps[10]
    return replace(good, stamp_s=stamps)


def _out_of_order(good):
    labels = good.instruction.copy()
    labels[good.instruction == 1], labels[good.instruction == 2] = 2, 1
    return replace(good, instruction=labels)


def _beyond(good):
    position = good.position_rad.copy()
    position[30, 1] = ARM.upper[1] + 0.1
    return replace(good, position_rad=position)


def _stalled(good):
    stamps = good.stamp_s.copy()
    stamps[30:] += 2.0
    return replace(good, stamp_s=stamps)


def _three_readings_missing(good):
    fields = ("stamp_s", "position_rad", "sent_rad", "touch_n", "instruction")
    return replace(good, **{name: np.delete(getattr(good, name), [40, 41, 42], axis=0) for name in fields})


def _no_number(good):
    position = good.position_rad.copy()
    position[30, 1] = np.nan
    return replace(good, position_rad=position)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (_late, "late"),
        (_out_of_order, "wrong order"),
        (_beyond, "elbow was 0.10 rad beyond"),
        (_stalled, "Nothing was read for 2.04 s at 1.2 s"),
        (_three_readings_missing, "Nothing was read for 0.16 s at 1.6 s"),
        (_no_number, "elbow has readings that are no number"),
    ],
)
def test_a_gate_rejects_whatever_the_style(references, change, said):
    verdict = judge(change(good_episode(5)), references)
    assert verdict.verdict == "reject"
    assert said in verdict.english
    assert verdict.gates == (verdict.english,)


def test_two_readings_that_are_missing_in_a_row_close_no_gate(references):
    good = good_episode(5)
    stamps = np.delete(good.stamp_s, [40, 41])
    assert judge(replace(good, stamp_s=np.r_[stamps, stamps[-1] + [0.04, 0.08]]), references).gates == ()


def test_skew_and_missing_senses_and_failure_reject_without_any_reference():
    fine = StreamSkew(100, 0, 0, 0.001, 0.002, 0.003, 0.0, 0.005)
    good, none = good_episode(5), references_of(0)
    assert judge(good, none, skew={"touch": fine}).verdict == "unjudged"
    assert "touch lies 80 ms apart" in judge(good, none, skew={"touch": replace(fine, p95_s=0.08)}).english
    assert "touch is missing in 10 of 100" in judge(good, none, skew={"touch": replace(fine, missing=10)}).english
    failed = judge(good, none, failure="the fruit fell")
    assert (failed.verdict, "the fruit fell" in failed.english) == ("reject", True)


def test_duration_alone_is_no_fault():
    """LDLJ grows with the cube of the duration; a slower reach as smooth as the others must not be worse for it."""
    references = references_of(24)
    slow = references.deviations(measure(good_episode(101)))
    usual = references.usual["reach"]["ldlj"]
    assert usual.duration.slope < -1.0
    assert abs(slow["reach", "ldlj"]) < 3.0


def test_references_come_back_from_their_file_and_another_robots_are_not_taken(tmp_path, references):
    path = references_path(tmp_path, "made_up", "sim")
    write_references(path, references)
    assert read_references(path) == references
    assert find_references([tmp_path], "made_up", ARM.name, "sim") == references
    assert find_references([tmp_path], "made_up", "another", "sim").episodes == ()
    assert find_references([tmp_path], "made_up", ARM.name, "serial").episodes == ()
    path.write_text('{"kind": "else"}')
    with pytest.raises(ArchiveError, match="learn"):
        read_references(path)


def test_an_episode_among_the_references_can_be_judged_by_the_others(references):
    assert [one.episode for one in references.without("3").episodes] == [str(n) for n in range(24) if n != 3]


@settings(max_examples=30)
@given(
    st.dictionaries(
        st.tuples(st.sampled_from("ab"), st.sampled_from(["sparc", "ldlj"])), st.floats(-50, 50), min_size=1
    )
)
def test_the_score_lies_between_nothing_and_all_and_falls_with_every_fault(deviations):
    score = style_score(deviations)
    assert 0.0 <= score <= 1.0
    assert style_score({place: away + 1.0 for place, away in deviations.items()}) <= score + 1e-12
    assert style_score(dict.fromkeys(deviations, -1.0)) == 1.0


def test_what_is_never_touched_has_no_grip(references):
    good = good_episode(5)
    verdict = judge(replace(good, touch_n=np.zeros_like(good.touch_n)), references)
    assert "grip_n" not in verdict.metrics["carry"]


def test_steps_that_the_recorder_lost_reject_the_best_of_motions(references):
    assert judge(good_episode(7), references).verdict == "good"
    verdict = judge(good_episode(7), references, lost_steps=3)
    assert verdict.verdict == "reject"
    assert verdict.english.startswith("3 steps were lost while recording")
    assert "3 步" in verdict.chinese
