"""A policy may be tried from a later step on: the expert does those before it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from one_line import one_line
from still_policy import policy_that_stays_at_home

from assets.table import load_robot
from envs.episodes.archive import Archive
from experiments import evaluate
from experiments.bench.expert import recovery_orders
from experiments.bench.kept_trials import fly_kept
from experiments.command import BAD_INPUT
from experiments.rollout_files import load_rollouts
from policies.cases.doubt import DoubtBand
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
    assert "2 of 2 scenarios can begin with carry" in capsys.readouterr().out
    rollouts = load_rollouts(out).rollouts
    assert len(rollouts) == 2
    for rollout in rollouts:
        assert rollout.steps_done is not None
        assert rollout.steps_done >= 3  # reach, grasp, pick
        assert not rollout.success  # the policy only stays at home
        assert 0 < rollout.first_step == rollout.snapshot_steps[0]
    sheets = list(Archive(tmp_path / "archive").episodes())
    assert [sheet.header.extra["restart"] for sheet in sheets] == ["exact", "exact"]
    assert {sheet.header.extra["first_step"] for sheet in sheets} == {rollout.first_step for rollout in rollouts}


def test_the_expert_recovers_from_within_a_rollout_that_began_midway(words: list[str], tmp_path: Path) -> None:
    out = tmp_path / "rollouts.json"
    assert evaluate.main([*words, "--episodes", "1", "--begin", "grasp", "--out", str(out)]) == 0
    found = load_rollouts(out)
    (wanted,) = recovery_orders(found, found.archive, 1, seed=0, lead_s=0.5)
    assert wanted.start is not None
    assert wanted.start.step > found.rollouts[0].first_step
    (trial,) = fly_kept("pick_fruit", [wanted], "recoveries", 1, None)
    assert trial.success


@pytest.mark.parametrize(
    ("begins_midway", "more", "told"),
    [
        (False, ["--begin", "carry"], "learnt from rollouts that began at home, and these begin midway"),
        (True, ["--begin", "reach"], "learnt from rollouts that began midway, and these begin at home"),
        (True, [], "learnt from rollouts that began midway, and these begin at home"),
    ],
)
def test_a_band_of_the_other_kind_is_refused_before_anything_is_flown(
    begins_midway: bool,
    more: list[str],
    told: str,
    words: list[str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    band = DoubtBand("doubt", 0.1, None, np.ones(3), np.ones(3), 1.0, 3, 9, begins_midway)
    (tmp_path / "band.json").write_text(json.dumps(band.to_dict()))
    assert evaluate.main([*words, *more, "--band", str(tmp_path / "band.json")]) == BAD_INPUT
    assert told in one_line(capsys.readouterr().err)
    assert not (tmp_path / "archive").exists()


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
