"""What is asked for follows from what was found, and the queue forgets nothing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import planted
import pytest
from hypothesis import given
from hypothesis import strategies as st

from envs.scenario import Pool
from envs.tasks.fold_towel import FOLD_TOWEL
from policies.cases.allocation import Budget, expected_gain, targeted_scenarios, water_fill
from policies.cases.card import card
from policies.cases.modes import Mode
from policies.cases.planning import Plan, Planner, recovery_start
from policies.cases.rates import Interval, Rate
from policies.cases.request_queue import RequestQueue
from policies.cases.requests import set_up_sentences
from policies.cases.risk import RiskStudy
from policies.cases.rule import Clause, Counts, Rule
from policies.cases.weights import retraining_weights
from policies.errors import PoolError, RequestError

_SURE = RiskStudy(160, 45, 0.85, Interval(0.78, 0.91), 0.12)
_UNSURE = RiskStudy(80, 12, None, None, None)
_BUDGET = Budget(steps=6000, demonstration_steps=120, recovery_steps=80)
_RULE = Rule((Clause("radius", ">=", 6.0), Clause("friction", "<", 6.0)))
_COUNTS = Counts(Rate(30, 38), Rate(15, 122))
_MODE = Mode("grasp", _RULE, _RULE.text(planted.SPACE), _COUNTS, _COUNTS, 0.002, 0.24, True)


def _planner(**given: object) -> Planner:
    return Planner(planted.TASK, _BUDGET, 25.0, "round-1", **given)


def _plan(modes: list[Mode] | None = None, study: RiskStudy = _SURE, **given: object) -> Plan:
    modes = [_MODE] if modes is None else modes
    return _planner(**given).plan(study, modes, planted.rollouts(160, 0), np.random.default_rng(0))


def _steps(plan: Plan) -> dict[str, float]:
    spent = {"recovery": 0.0, "targeted": 0.0, "uniform": 0.0}
    for request in plan.requests:
        each = _BUDGET.recovery_steps if request.kind == "recovery" else _BUDGET.demonstration_steps
        spent[request.kind] += each * len(request.demonstrations)
    return spent


def test_the_steps_are_split_into_recovery_targeted_and_uniform() -> None:
    spent = _steps(_plan())
    assert spent["recovery"] == pytest.approx(3000, abs=80)
    assert spent["targeted"] == pytest.approx(2100, abs=120)
    assert spent["uniform"] == pytest.approx(900, abs=120)


def test_too_little_evidence_asks_for_uniform_coverage_only_and_says_so() -> None:
    plan = _plan(study=_UNSURE)
    assert [request.kind for request in plan.requests] == ["uniform"]
    assert _steps(plan)["uniform"] == pytest.approx(_BUDGET.steps, abs=120)
    assert "12 failures in 80 rollouts" in plan.reason
    assert "only uniform coverage" in plan.reason


def test_failures_without_a_confirmed_rule_become_recoveries_and_coverage() -> None:
    plan = _plan(modes=[replace(_MODE, confirmed=False)])
    assert {request.kind for request in plan.requests} == {"recovery", "uniform"}
    assert all(request.mode is None for request in plan.requests)
    assert "no rule is confirmed" in plan.reason


def test_targeted_scenes_lie_in_the_rule_or_just_outside_and_train() -> None:
    scenes = targeted_scenarios(planted.SPACE, _MODE, 20, np.random.default_rng(1))
    inside = [_RULE.matches(scene) for scene in scenes]
    assert sum(inside) == 16
    assert all(_RULE.widened(planted.SPACE, 0.10).matches(scene) for scene in scenes)
    assert {scene.pool for scene in scenes} == {Pool.TRAIN}
    assert len({scene.key for scene in scenes}) == 20


def test_a_recovery_starts_half_a_second_before_the_alarm_in_the_rollouts_own_pool() -> None:
    plan = _plan()
    rollouts = {rollout.episode_id: rollout for rollout in planted.rollouts(160, 0)}
    recoveries = [d for r in plan.requests if r.kind == "recovery" for d in r.demonstrations]
    assert recoveries
    for shown in recoveries:
        source = rollouts[shown.start.episode_id]
        assert not source.success
        assert shown.start.step == 40  # the last multiple of ten at or before 60 - 12.5
        assert (shown.scenario, shown.pool) == (source.scenario, source.pool)
    starts = [shown.start.episode_id for shown in recoveries]
    assert max(map(starts.count, starts)) <= 2


def test_a_task_that_needs_longer_to_make_it_good_asks_for_recoveries_from_earlier() -> None:
    planner = Planner(replace(planted.TASK, recovery_lead_s=1.5), _BUDGET, 25.0, "round-1")
    plan = planner.plan(_SURE, [_MODE], planted.rollouts(160, 0), np.random.default_rng(0))
    recoveries = [d for r in plan.requests if r.kind == "recovery" for d in r.demonstrations]
    assert recoveries
    assert {shown.start.step for shown in recoveries} == {20}  # the last multiple of ten at or before 60 - 37.5


def test_without_an_alarm_a_recovery_starts_before_the_failure() -> None:
    failed = replace(planted.rollouts(20, 0, inside=1.0, outside=1.0)[0], alarm_step=None)
    assert recovery_start(failed, 25.0, 0.5).step == 80
    assert recovery_start(replace(failed, snapshot_steps=()), 25.0, 0.5) is None


def test_where_the_rollout_began_later_than_the_lead_says_a_recovery_starts_at_its_beginning() -> None:
    failed = replace(planted.rollouts(1, 0)[0], alarm_step=60, snapshot_steps=(20, 30, 40, 50))
    assert recovery_start(failed, 25.0, 1.0).step == 30
    assert recovery_start(failed, 25.0, 1.6).step == 20
    assert recovery_start(failed, 25.0, 4.0).step == 20
    assert recovery_start(replace(failed, alarm_step=32), 25.0, 4.0) is None  # half a second before there was nothing


def test_a_rollout_from_a_pool_that_never_trains_is_refused() -> None:
    tainted = [*planted.rollouts(20, 0), replace(planted.rollouts(1, 9)[0], pool=Pool.VERIFY)]
    with pytest.raises(PoolError, match="verify"):
        _planner().plan(_SURE, [_MODE], tainted, np.random.default_rng(0))


def test_a_mode_in_which_the_expert_fails_as_well_is_not_a_matter_of_data() -> None:
    plan = _plan(expert_failures={_MODE.name: Rate(6, 10)})
    assert plan.not_data == (f"{_MODE.name}: the expert fails there as well",)
    assert not any(request.kind == "targeted" for request in plan.requests)
    recoveries = [d for request in plan.requests if request.kind == "recovery" for d in request.demonstrations]
    assert recoveries
    assert not any(_MODE.rule.matches(demonstration.scenario) for demonstration in recoveries)
    assert "the expert fails too" in plan.reason


def test_what_an_expert_fails_at_is_served_less() -> None:
    light = Rule((Clause("light", "<", 1.0),))
    other = Mode("place", light, light.text(planted.SPACE), _MODE.counts, _MODE.held_out, 0.02, _MODE.mass, True)
    alike = water_fill([_MODE, other], 30, [30, 30], {})
    fewer, more = water_fill([_MODE, other], 30, [30, 30], {_MODE.name: Rate(3, 10)})
    assert abs(alike[0] - alike[1]) <= 1
    assert fewer < alike[0] < more


def test_the_mode_that_gains_more_is_served_more_and_first() -> None:
    light = Rule((Clause("light", "<", 1.0),))
    rare = Mode("place", light, light.text(planted.SPACE), _COUNTS, Counts(Rate(8, 15), Rate(9, 90)), 0.02, 0.18, True)
    counts = water_fill([rare, _MODE], 30, [30, 30], {})
    assert sum(counts) == 30
    assert counts[1] > counts[0] > 0
    assert water_fill([rare, _MODE], 30, [30, 4], {}) == [26, 4]
    plan = _plan(modes=[rare, _MODE])
    gains = [request.expected_gain or 0.0 for request in plan.requests]
    assert plan.requests[0].mode == _MODE.name
    assert plan.requests[-1].expected_gain is None
    assert [request.priority for request in plan.requests] == list(range(1, len(gains) + 1))


def test_expected_gain_follows_the_power_law() -> None:
    # q = 0.24; Wilson lower 90 % limit of 30 in 38 is 0.6632; 1 - (1 + 30 / 10)^-0.5 = 1/2
    assert expected_gain(_MODE, 30) == pytest.approx(0.24 * 0.6632 / 2.0, abs=2e-4)
    assert expected_gain(_MODE, 30, Rate(9, 10)) == 0.0


def test_the_card_tells_scene_steps_and_reason_in_both_languages() -> None:
    request = next(r for r in _plan().requests if r.kind == "recovery")
    text = card(request, 0)
    scene = request.demonstrations[0]
    assert scene.set_up_en[0] == f"Set radius to {scene.scenario.number('radius'):.3g}."
    assert f"radius 设为 {scene.scenario.number('radius'):.3g}" in text
    assert "1. Close the hand." in text
    assert "1. 合手。" in text
    assert "30 of 38" in text
    assert f"episode {scene.start.episode_id}, step 40" in text
    assert "A real one starts from home" in text
    assert "真实机器人从初始姿态开始" in text


def test_a_scene_is_told_in_plain_numbers_and_in_words_of_each_language() -> None:
    middle = FOLD_TOWEL.space.at(np.full(len(FOLD_TOWEL.space.factors), 0.5), "nominal")
    asked = {"light_temperature": 5363.7, "crate_number": 6.6, "fabric": "linen", "turned_corner": "far_right"}
    scene = FOLD_TOWEL.space.scenario({**middle.values, **asked})
    english, chinese = (" ".join(lines) for lines in set_up_sentences(FOLD_TOWEL.space, scene, ("fabric",)))
    assert english.startswith("Take the towel of this fabric: linen.")
    for sentence in ("colour to 5360 K.", "Write crate number 7 on", "breadth: the far right one."):
        assert sentence in english
    for sentence in ("毛巾:亚麻布。", "5360 K。", "箱号 7。", "一掌宽:右侧远角。"):
        assert sentence in chinese


def test_the_queue_remembers_answers_over_restarts(tmp_path: Path) -> None:
    path = tmp_path / "requests.json"
    plan = _plan()
    RequestQueue(path).add(plan.requests)
    first = plan.requests[0]
    for place in range(len(first.demonstrations)):
        RequestQueue(path).answer(first.id, place, f"new-{place}", accepted=place != 1)
    held = {request.id: request for request in RequestQueue(path).all()}
    assert held[first.id].open_demonstrations == (1,)
    assert held[first.id].state == "open"
    done = RequestQueue(path).answer(first.id, 1, "again", accepted=True)
    assert done.state == "done"
    assert len(done.episodes) == len(first.demonstrations)
    assert first.id not in {request.id for request in RequestQueue(path).open()}
    assert {request.id for request in RequestQueue(path).all()} == {request.id for request in plan.requests}
    assert replace(held[plan.requests[1].id]) == plan.requests[1]
    assert [entry.name for entry in tmp_path.iterdir()] == ["requests.json"]


def test_a_demonstration_that_fails_twice_does_not_hold_a_request_open(tmp_path: Path) -> None:
    queue = RequestQueue(tmp_path / "requests.json")
    request = replace(_plan().requests[0], demonstrations=_plan().requests[0].demonstrations[:1])
    queue.add([request])
    assert queue.answer(request.id, 0, "one", accepted=False).state == "open"
    assert queue.answer(request.id, 0, "two", accepted=False).state == "done"
    assert queue.all()[0].episodes == ()


def test_a_queue_that_cannot_be_read_or_a_request_that_is_unknown_is_said_clearly(tmp_path: Path) -> None:
    path = tmp_path / "requests.json"
    queue = RequestQueue(path)
    queue.add(_plan().requests)
    with pytest.raises(RequestError, match="no request 'r9'"):
        queue.answer("r9", 0, "x", accepted=True)
    with pytest.raises(RequestError, match="has no demonstration 999"):
        queue.answer(queue.all()[0].id, 999, "x", accepted=True)
    with pytest.raises(RequestError, match="give new ones other ids"):
        queue.add(_plan().requests)
    path.write_text('{"requests": [{"id": 1}]}')
    with pytest.raises(RequestError, match="is not a queue of requests"):
        queue.all()


_EPISODES = st.dictionaries(st.text("abc", min_size=1, max_size=4), st.integers(1, 200), min_size=1, max_size=20)


@given(_EPISODES, _EPISODES)
def test_new_data_takes_half_of_the_samples_but_never_four_times_its_share(
    old: dict[str, int], new: dict[str, int]
) -> None:
    new = {f"new-{name}": steps for name, steps in new.items()}
    weights = retraining_weights(old, new)
    total = sum(old.values()) + sum(new.values())
    mass = sum(weights[name] * steps for name, steps in new.items()) / total
    assert sum(weights[name] * steps for name, steps in (old | new).items()) == pytest.approx(total)
    assert mass == pytest.approx(min(0.5, 4.0 * sum(new.values()) / total))
    assert max(weights[name] for name in new) <= 4.0 + 1e-9
    assert min(weights[name] for name in old) >= 0.5


def test_one_set_alone_is_sampled_as_it_is_and_a_doubled_episode_is_refused() -> None:
    assert retraining_weights({"a": 10}, {}) == {"a": 1.0}
    with pytest.raises(ValueError, match="two distinct sets"):
        retraining_weights({"a": 10}, {"a": 5})
