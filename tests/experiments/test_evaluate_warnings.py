"""A policy that is tried on what the archive knows already is told so."""

from __future__ import annotations

from pathlib import Path

import pytest
from episode_samples import record_episode, scenario_of

from envs.episodes.archive import Archive
from envs.scenario import Pool
from experiments.evaluate import warn_of_known


def test_scenarios_that_were_demonstrated_or_tried_before_are_called_not_fresh(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    archive = Archive(tmp_path / "archive")
    known = scenario_of(Pool.TRAIN)
    fresh = scenario_of(Pool.VERIFY)
    record_episode(archive, seed=0)
    warn_of_known(archive.root, [fresh], "policy")
    warn_of_known(tmp_path / "none", [known], "policy")
    assert capsys.readouterr().out == ""
    assert not (tmp_path / "none").exists()
    warn_of_known(archive.root, [known, fresh], "policy")
    assert "1 of these 2 scenarios" in capsys.readouterr().out


def test_the_rollouts_of_another_policy_are_what_a_proof_is_paired_with(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    archive = Archive(tmp_path / "archive")
    record_episode(archive, seed=0, purpose="rollout", policy="before")
    known = [scenario_of(Pool.TRAIN)]
    warn_of_known(archive.root, known, "after")
    assert capsys.readouterr().out == ""
    warn_of_known(archive.root, known, "before")
    assert "1 of these 1 scenarios" in capsys.readouterr().out
