"""A sheet that was changed by hand never comes to pass for what was recorded, whatever is written to it later."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from episode_samples import header_of, record_episode
from verdicts import QUALITY

from envs.episodes.archive import Archive
from envs.episodes.verification.episode import verify_episode
from envs.errors import ArchiveError


def change(folder: Path, **fields: object) -> None:
    path = folder / "episode.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **fields}))


def forget_digest(folder: Path) -> None:
    path = folder / "episode.json"
    fields = json.loads(path.read_text())
    del fields["sheet_sha256"]
    path.write_text(json.dumps(fields))


@pytest.mark.parametrize("is_digest_gone", [False, True])
def test_an_altered_sheet_takes_no_judgement(tmp_path: Path, is_digest_gone: bool) -> None:
    archive = Archive(tmp_path / "archive")
    folder = archive.folder(record_episode(archive, 2))
    if is_digest_gone:
        forget_digest(folder)
    else:
        change(folder, ended_at="2001-01-01T00:00:00+00:00")
    before = (folder / "episode.json").read_bytes()
    with pytest.raises(ArchiveError, match=r"was altered: .*restore it from a copy"):
        archive.keep_quality(folder.name, QUALITY)
    assert (folder / "episode.json").read_bytes() == before


def test_a_sound_sheet_takes_judgements_and_stays_sound(tmp_path: Path) -> None:
    archive = Archive(tmp_path / "archive")
    folder = archive.folder(record_episode(archive, 2))
    archive.keep_quality(folder.name, QUALITY)
    archive.keep_quality(folder.name, QUALITY)
    archive.reject(folder.name, "dropped")
    assert verify_episode(folder) == []


def test_an_altered_sheet_is_rejected_and_stays_altered(tmp_path: Path) -> None:
    archive = Archive(tmp_path / "archive")
    folder = archive.folder(record_episode(archive, 2))
    change(folder, ended_at="2001-01-01T00:00:00+00:00")
    archive.reject(folder.name, "dropped")
    assert not archive.sheet(folder.name).accepted
    assert [damage.kind for damage in verify_episode(folder)] == ["altered"]


def test_what_was_altered_in_the_sheet_of_a_crash_comes_from_the_recording(tmp_path: Path) -> None:
    living, archive = Archive(tmp_path / "living"), Archive(tmp_path / "archive")
    with living.record(header_of()) as recorder:
        folder = archive.folder(recorder.episode_id)
        shutil.copytree(recorder.path, folder)
    change(folder, operator="somebody else")
    assert archive.recover() == [folder.name]
    assert archive.sheet(folder.name).header.operator == header_of().operator
    assert verify_episode(folder) == []
