"""A policy is tried on what it learnt, and help names every task."""

from __future__ import annotations

from pathlib import Path

import pytest
from one_line import one_line
from still_policy import policy_that_stays_at_home

from assets.table import load_robot
from envs.errors import EnvError
from envs.tasks.known import TASK_NAMES
from experiments import cli, evaluate
from experiments.command import BAD_INPUT, UsageError
from experiments.task_option import task_to_try
from policies.checkpoint import save_policy

POLICY = Path("runs/mine/policy")


def test_a_policy_is_tried_on_the_task_that_it_learnt_unless_another_of_its_own_is_named() -> None:
    assert task_to_try(POLICY, ("brew_coffee",), None) == "brew_coffee"
    assert task_to_try(POLICY, ("brew_coffee", "fold_towel"), "fold_towel") == "fold_towel"


def test_a_policy_that_does_not_say_what_it_learnt_is_tried_on_what_is_named() -> None:
    assert task_to_try(POLICY, (), "fold_towel") == "fold_towel"
    with pytest.raises(UsageError, match=r"runs/mine/policy does not say .* --task, one of pick_fruit, fold_towel,"):
        task_to_try(POLICY, (), None)


def test_nobody_guesses_which_of_several_tasks_is_meant() -> None:
    with pytest.raises(UsageError, match=r"learnt brew_coffee and fold_towel; say with --task"):
        task_to_try(POLICY, ("brew_coffee", "fold_towel"), None)


def test_a_task_that_there_is_not_is_no_task_of_an_old_policy_either() -> None:
    with pytest.raises(EnvError, match="there is no task 'juggle'"):
        task_to_try(POLICY, (), "juggle")


@pytest.mark.parametrize(
    ("learnt", "words", "told"),
    [
        (("brew_coffee",), ["--task", "pick_fruit"], "learnt brew_coffee, never pick_fruit; give --task brew_coffee"),
        (("brew_coffee",), ["--task", "juggle"], "choose one of pick_fruit, fold_towel, brew_coffee, wash_dishes"),
        ((), [], "does not say which task it learnt"),
    ],
)
def test_a_wrong_task_is_refused_before_anything_is_flown(
    learnt: tuple[str, ...], words: list[str], told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    save_policy(policy_that_stays_at_home(load_robot("tudi"), learnt), tmp_path / "policy")
    common = ["--policy", str(tmp_path / "policy"), "--archive", str(tmp_path / "archive"), "--episodes", "1"]
    assert evaluate.main([*common, *words]) == BAD_INPUT
    assert told in one_line(capsys.readouterr().err)
    assert not (tmp_path / "archive").exists()


@pytest.mark.parametrize(
    "verb", ["collect", "dataset build", "evaluate", "quality learn", "twin", "view", "bench env", "bench expert"]
)
def test_help_names_every_task(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        cli.main([*verb.split(), "--help"])
    assert ",".join(TASK_NAMES) in capsys.readouterr().out
