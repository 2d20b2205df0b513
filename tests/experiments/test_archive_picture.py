"""The picture of a recording shows every message that the sheet counts."""

from __future__ import annotations

from pathlib import Path

import pytest
from episode_samples import ROBOT, header_of, made_up_ticks, success

from envs.episodes.archive import Archive
from envs.episodes.stream_writer import STREAM_NAME
from experiments.archive_picture import main, messages_of


@pytest.fixture
def episode(tmp_path: Path) -> Path:
    archive = Archive(tmp_path / "archive")
    with archive.record(header_of()) as recorder:
        for tick in made_up_ticks(ROBOT, 40):
            recorder.tick(tick)
        recorder.finish(success())
    return archive.folder(recorder.episode_id)


def test_every_message_is_found_under_its_stream(episode: Path) -> None:
    counts = Archive(episode.parents[2], create=False).sheet(episode.name).counts
    assert {topic: len(found) for topic, found in messages_of(episode / STREAM_NAME).items()} == counts


def test_the_picture_is_drawn_and_a_folder_without_a_recording_is_refused(
    episode: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--episode", str(episode), "--out", str(tmp_path / "streams.png")]) == 0
    assert (tmp_path / "streams.png").read_bytes().startswith(b"\x89PNG")
    assert main(["--episode", str(tmp_path), "--out", str(tmp_path / "other.png")]) == 2
    assert "holds no raw.mcap" in capsys.readouterr().err
