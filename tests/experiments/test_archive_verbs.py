"""`retake archive`: what people are told, and what the exit code says."""

from __future__ import annotations

import json
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from episode_samples import ROBOT, header_of, made_up_ticks, record_episode

from envs.episodes import catalogue as catalogue_module
from envs.episodes.archive import Archive
from envs.episodes.catalogue import Catalogue
from experiments import archive as verb
from experiments.archive_verify import FOUND_DAMAGE
from experiments.command import BAD_INPUT


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    made = Archive(tmp_path / "archive")
    for _ in range(3):
        record_episode(made, 4)
    return made


def verified(archive: Archive, capsys: pytest.CaptureFixture[str], *options: str) -> tuple[int, list[dict[str, str]]]:
    capsys.readouterr()
    code = verb.main(["verify", "--archive", str(archive.root), "--processes", "1", "--json", *options])
    held = json.loads(capsys.readouterr().out)
    assert held["archive"] == str(archive.root)
    return code, held["damages"]


def test_a_sound_archive_is_sound(archive: Archive, capsys: pytest.CaptureFixture[str]) -> None:
    assert verified(archive, capsys) == (0, [])
    assert verb.main(["verify", "--archive", str(archive.root), "--processes", "1"]) == 0
    assert "is sound; 3 episodes were looked at" in " ".join(capsys.readouterr().out.split())


def test_each_damage_is_told_with_its_place_and_kind(archive: Archive, capsys: pytest.CaptureFixture[str]) -> None:
    first, second, _ = archive.ids()
    path = archive.folder(first) / "raw.mcap"
    path.write_bytes(path.read_bytes()[:-50])
    (archive.folder(second) / "episode.json").unlink()
    code, damages = verified(archive, capsys)
    assert code == FOUND_DAMAGE == 1
    assert (f"{second}/episode.json", "missing") in {(damage["place"], damage["kind"]) for damage in damages}
    assert {"cut off"} == {damage["kind"] for damage in damages if damage["place"].startswith(first)}
    assert verified(archive, capsys, "--episodes", archive.ids()[-1]) == (0, [])


def test_what_crashed_is_recovered_and_the_archive_is_sound_again(
    archive: Archive, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with Catalogue(archive) as catalogue:
        catalogue.sync()
    with Archive(tmp_path / "other").record(header_of()) as recorder:
        for tick in made_up_ticks(ROBOT, 3):
            recorder.tick(tick)
        shutil.copytree(recorder.path, archive.folder(recorder.episode_id))
    (archive.folder(archive.ids()[0]) / "episode.json").unlink()
    assert verified(archive, capsys)[0] == FOUND_DAMAGE
    assert verb.main(["recover", "--archive", str(archive.root)]) == 0
    told = "".join(capsys.readouterr())
    assert f"{recorder.episode_id}: interrupted" in told
    assert "2 episodes of" in told
    assert verified(archive, capsys) == (0, [])


def test_the_catalogue_is_rebuilt_even_where_it_is_none_any_more(
    archive: Archive, capsys: pytest.CaptureFixture[str]
) -> None:
    with Catalogue(archive) as catalogue:
        catalogue.sync()
        entries = catalogue.query()
    (archive.root / "catalogue.sqlite").write_bytes(b"no database" * 100)
    assert verified(archive, capsys)[0] == FOUND_DAMAGE
    assert verb.main(["rebuild", "--archive", str(archive.root)]) == 0
    assert "knows 3 episodes" in "".join(capsys.readouterr())
    with Catalogue(archive) as catalogue:
        assert catalogue.query() == entries
    assert verified(archive, capsys) == (0, [])


def test_a_sound_catalogue_that_another_process_holds_is_not_deleted(
    archive: Archive, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catalogue_module, "LOCK_WAIT_MS", 100)
    with Catalogue(archive) as catalogue:
        catalogue.sync()
    path = archive.root / "catalogue.sqlite"
    before = path.stat().st_ino
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("begin exclusive")
        assert verb.main(["rebuild", "--archive", str(archive.root)]) == BAD_INPUT
        assert "another process is writing to it" in " ".join(capsys.readouterr().err.split())
        assert path.stat().st_ino == before


def test_a_journal_of_a_damaged_catalogue_goes_with_it(archive: Archive) -> None:
    for ending in ("", "-journal", "-wal"):
        (archive.root / f"catalogue.sqlite{ending}").write_bytes(b"no database" * 100)
    assert verb.main(["rebuild", "--archive", str(archive.root)]) == 0
    assert [path.name for path in archive.root.glob("catalogue.sqlite*")] == ["catalogue.sqlite"]


def test_what_is_no_archive_or_no_episode_is_said_in_one_line(
    archive: Archive, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert verb.main(["verify", "--archive", str(tmp_path / "nowhere")]) == BAD_INPUT
    assert "does not exist" in capsys.readouterr().err
    assert verb.main(["verify", "--archive", str(archive.root), "--episodes", "nope"]) == BAD_INPUT
    assert "has no episode 'nope'" in capsys.readouterr().err
