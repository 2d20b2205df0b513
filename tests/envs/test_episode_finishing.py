"""The next episode begins at once; the last one is finished behind it, and what goes wrong there is said and marked."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from episode_samples import ROBOT, header_of, made_up_ticks, success

from envs.episodes.archive import Archive
from envs.episodes.catalogue import Catalogue
from envs.episodes.finishing import Finishing
from envs.episodes.recorder import Recorder
from envs.episodes.verification.archive import verify_order
from envs.episodes.verification.episode import verify_episode
from envs.errors import ArchiveError


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    return Archive(tmp_path / "archive")


def ended(archive: Archive, steps: int = 5) -> Recorder:
    recorder = archive.record(header_of())
    for tick in made_up_ticks(ROBOT, steps):
        recorder.tick(tick)
    recorder.end(success())
    return recorder


@pytest.fixture
def hanging_disk(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """The disk keeps everybody waiting who waits for it, until this is called."""
    may_go_on, sync = threading.Event(), os.fdatasync

    def hang(descriptor: int) -> None:
        may_go_on.wait(30.0)
        sync(descriptor)

    monkeypatch.setattr(os, "fdatasync", hang)
    return may_go_on.set


def test_the_next_episode_begins_while_the_last_one_waits_for_the_disk(
    archive: Archive, hanging_disk: Callable[[], None]
) -> None:
    with Finishing(archive) as finishing:
        first = ended(archive)
        finishing.take(first)
        second = archive.record(header_of())
        second.tick(made_up_ticks(ROBOT, 1)[0])
        assert archive.sheet(first.episode_id).status == "recording"
        hanging_disk()
        second.end(success())
        finishing.take(second)
    assert finishing.problems == []
    for recorder in (first, second):
        assert archive.sheet(recorder.episode_id).status == "complete"
        assert verify_episode(recorder.path) == []
    assert verify_order(archive) == []


def test_closing_waits_for_every_episode_and_each_is_in_the_catalogue(archive: Archive) -> None:
    with Finishing(archive) as finishing:
        for _ in range(6):
            finishing.take(ended(archive))
    with Catalogue(archive) as catalogue:
        assert [entry.id for entry in catalogue.query(status="complete")] == archive.ids()
        assert len(archive.ids()) == 6
        entries = catalogue.query()
        catalogue.rebuild()
        assert catalogue.query() == entries


def test_a_recording_that_is_not_whole_is_said_and_rejected(archive: Archive) -> None:
    told = []
    with Finishing(archive, on_problem=lambda *problem: told.append(problem)) as finishing:
        recorder = ended(archive)
        recorder.wait()
        path = recorder.path / "raw.mcap"
        path.write_bytes(path.read_bytes()[:-100])
        finishing.take(recorder)
        finishing.take(ended(archive))
    assert told == finishing.problems
    assert [episode for episode, _ in told] == [recorder.episode_id]
    assert "cut off" in told[0][1]
    sheet = archive.sheet(recorder.episode_id)
    assert (sheet.status, sheet.accepted) == ("interrupted", False)
    assert "not whole after recording" in sheet.outcome.verdict_reason
    with Catalogue(archive) as catalogue:
        assert [entry.status for entry in catalogue.query()] == ["interrupted", "complete"]


def test_an_episode_that_could_not_be_written_is_said_and_entered_as_interrupted(
    archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    with Finishing(archive) as finishing:
        monkeypatch.setattr(os, "fdatasync", full)
        broken = ended(archive)
        with pytest.raises(ArchiveError, match="the disk is full"):
            broken.wait()
        monkeypatch.undo()
        finishing.take(broken)
        finishing.wait()
        finishing.take(ended(archive))
    ((episode, problem),) = finishing.problems
    assert episode == broken.episode_id
    assert "the disk is full" in problem
    with Catalogue(archive) as catalogue:
        assert [(entry.status, entry.accepted) for entry in catalogue.query()] == [
            ("interrupted", False),
            ("complete", True),
        ]
