"""Every task goes from demonstration to trial by the commands that a person types."""

from __future__ import annotations

from pathlib import Path

import pytest

from envs.episodes.archive import Archive
from envs.tasks.known import TASK_NAMES
from experiments import cli
from experiments.rollout_files import load_rollouts
from policies.dataset.reader import open_dataset

TINY = "--steps 10 --batch 8 --image-size 16 --device cpu"


@pytest.mark.slow
@pytest.mark.parametrize("task", TASK_NAMES)
def test_a_task_is_collected_built_trained_and_tried_from_the_command_line(
    task: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    def retake(words: str) -> None:
        assert cli.main(words.split()) == 0

    retake(f"collect --task {task} --episodes 1 --processes 1 --archive archive")
    # How often the expert succeeds is measured elsewhere: what it did trains in any case.
    retake("dataset build --archive archive --out set --no-accepted")
    retake(f"train --datasets set --out policy {TINY}")
    retake("evaluate --policy policy --archive archive --episodes 1 --processes 1 --out rollouts.json")

    (demonstration, trial) = Archive(tmp_path / "archive").episodes()
    assert [sheet.header.task for sheet in (demonstration, trial)] == [task, task]
    (learnt,) = open_dataset(tmp_path / "set").episodes
    assert (learnt.identity, learnt.length) == (demonstration.id, demonstration.ticks)
    kept = load_rollouts(tmp_path / "rollouts.json")
    assert kept.task == task
    assert [rollout.episode_id for rollout in kept.rollouts] == [trial.id]
    assert trial.ticks == kept.rollouts[0].steps > 10
