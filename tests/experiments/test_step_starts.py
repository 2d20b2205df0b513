"""Trials that begin in the midst of a task begin where the expert has done all before, and nothing of the rest."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice
from typing import Any

import numpy as np
import pytest

from envs.errors import UnstableError
from envs.humanoid import HumanoidEnv
from envs.tasks.pick_fruit import PICK_FRUIT
from experiments.command import UsageError
from experiments.orders import orders
from experiments.step_starts import begun_with

WANTED = orders(
    list(islice(PICK_FRUIT.space.draw(None, np.random.default_rng(0), distribution="nominal"), 2)), 0, "rollout", "x"
)


def test_each_order_goes_on_from_the_moment_in_which_the_step_begins() -> None:
    begun = begun_with("grasp", "pick_fruit", WANTED, 1)
    assert [order.scenario for order in begun] == [order.scenario for order in WANTED]
    for order in begun:
        assert order.start is not None
        assert order.start.scenario == order.scenario
        assert order.start.step > 5
    later = begun_with("carry", "pick_fruit", WANTED, 1)
    for early, late in zip(begun, later, strict=True):
        assert early.start is not None
        assert late.start is not None
        assert late.start.step > early.start.step


def test_where_the_expert_does_not_get_that_far_there_is_no_trial_and_nowhere_is_told_in_words() -> None:
    numbers = {factor.name: factor for factor in PICK_FRUIT.space.factors if not factor.choices}
    slips = {name: numbers[name].upper for name in ("stem_strength", "fruit_mass", "fruit_radius", "fruit_x")}
    slips |= {"fruit_height": numbers["fruit_height"].upper, "fruit_y": numbers["fruit_y"].lower, "friction": 0.3}
    hopeless = replace(WANTED[0], scenario=PICK_FRUIT.space.scenario({**WANTED[0].scenario.values, **slips}))
    begun = begun_with("carry", "pick_fruit", [hopeless, WANTED[1]], 1)
    assert [order.scenario for order in begun] == [WANTED[1].scenario]
    with pytest.raises(UsageError, match="the expert did not reach carry in any of 1 trials of pick_fruit"):
        begun_with("carry", "pick_fruit", [hopeless], 1)


def test_a_step_that_the_task_does_not_have_is_refused_with_those_it_has() -> None:
    with pytest.raises(UsageError, match=r"no step 'fly'; its steps are reach, grasp"):
        begun_with("fly", "pick_fruit", WANTED, 1)


def test_the_first_step_begins_where_every_episode_does() -> None:
    assert begun_with("reach", "pick_fruit", WANTED, 1) == WANTED


def test_a_scene_that_becomes_unstable_costs_its_own_trial_only(monkeypatch: pytest.MonkeyPatch) -> None:
    reset = HumanoidEnv.reset

    def breaks_down_in_the_first(env: HumanoidEnv, **options: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        if options["options"]["scenario"] == WANTED[0].scenario:
            raise UnstableError("it became unstable")
        return reset(env, **options)

    monkeypatch.setattr(HumanoidEnv, "reset", breaks_down_in_the_first)
    begun = begun_with("grasp", "pick_fruit", WANTED, 1)
    assert [order.scenario for order in begun] == [WANTED[1].scenario]
