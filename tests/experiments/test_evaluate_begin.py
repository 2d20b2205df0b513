"""A policy may be tried from a later step on: the expert does those before it."""

from __future__ import annotations

from pathlib import Path

import pytest
from one_line import one_line
from still_policy import policy_that_stays_at_home

from assets.table import load_robot
from envs.episodes.archive import Archive
from experiments import evaluate
from experiments.command import BAD_INPUT
from experiments.rollout_files import load_rollouts
from policies.checkpoint import save_policy


@pytest.fixture
def words(tmp_path: Path) -> list[str]:
    save_policy(policy_that_stays_at_home(load_robot("tudi"), ("pick_fruit",)), tmp_path / "policy")
    common = ["--policy", str(tmp_path / "policy"), "--archive", str(tmp_path / "archive"), "--processes", "1"]
    return [*common, "--episodes", "2", "--distribution", "nominal", "--seed", "3"]


def test_rollouts_begin_where_the_expert_has_done_all_before(
    words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "rollouts.json"
    assert evaluate.main([*words, "--begin", "carry", "--out", str(out)]) == 0
    assert "the expert came to carry in 2 of 2 scenarios" in capsys.readouterr().out
    rollouts = load_rollouts(out).rollouts
    assert len(rollouts) == 2
    for rollout in rollouts:
        assert rollout.steps_done is not None
        assert rollout.steps_done >= 3  # reach, grasp, pick
        assert not rollout.success  # the policy only stays at home
        assert 0 < rollout.first_step <= rollout.snapshot_steps[0]
    sheets = Archive(tmp_path / "archive").episodes()
    assert [sheet.header.extra["restart"] for sheet in sheets] == ["exact", "exact"]


def test_the_first_step_is_where_every_rollout_begins(words: list[str], tmp_path: Path) -> None:
    out = tmp_path / "rollouts.json"
    assert evaluate.main([*words, "--episodes", "1", "--begin", "reach", "--out", str(out)]) == 0
    assert [rollout.steps_done for rollout in load_rollouts(out).rollouts] == [0]


@pytest.mark.parametrize(
    ("more", "told"),
    [
        (["--begin", "fly"], "pick_fruit has no step 'fly'; its steps are reach, grasp, pick, carry, place"),
        (["--begin", "carry", "--body", "fast-twin"], "--body sim, not fast-twin"),
    ],
)
def test_a_beginning_that_cannot_be_is_refused_before_anything_is_flown(
    more: list[str], told: str, words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert evaluate.main([*words, *more]) == BAD_INPUT
    assert told in one_line(capsys.readouterr().err)
    assert not (tmp_path / "archive").exists()
