"""What is wrong with an archive beside its episodes: strays, leavings, and an index that is out of date."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

from episode_samples import header_of, record_episode

from envs.episodes.archive import Archive
from envs.episodes.catalogue import Catalogue
from envs.episodes.verification.archive import verify_order
from envs.episodes.verification.episode import verify_episode


def test_what_lies_in_the_wrong_place_is_named(tmp_path: Path) -> None:
    archive = Archive(tmp_path / "archive")
    folder = archive.folder(record_episode(archive, 2))
    assert verify_order(archive) == []
    (folder.parent / "holiday").mkdir()
    shutil.copytree(folder, folder.parents[1] / "2020-01-01" / folder.name)
    shutil.copytree(folder, folder.with_name(".new-20250101-000000"))
    (folder / ".episode.json.77.tmp").touch()
    found = {damage.place.rpartition("/")[2]: damage.kind for damage in verify_order(archive)}
    assert found == {
        "holiday": "misplaced",
        folder.name: "misplaced",
        ".new-20250101-000000": "left open",
        ".episode.json.77.tmp": "misplaced",
    }


def test_an_archive_that_somebody_records_into_is_sound(tmp_path: Path) -> None:
    archive = Archive(tmp_path / "archive")
    record_episode(archive, 2)
    with Catalogue(archive) as catalogue:
        catalogue.sync()
    with archive.record(header_of()) as recorder:
        assert verify_order(archive) == []
        assert verify_episode(recorder.path) == []


def test_a_catalogue_that_disagrees_with_the_files_is_found(tmp_path: Path) -> None:
    archive = Archive(tmp_path / "archive")
    ids = [record_episode(archive, 2) for _ in range(4)]
    with Catalogue(archive) as catalogue:
        catalogue.sync()
        assert verify_order(archive) == []
        shutil.rmtree(archive.folder(ids[0]))
        archive.reject(ids[1], "dropped")
        catalogue.add(replace(archive.sheet(ids[2]), id="20990101-000000-000000-000000"))
        unknown = record_episode(archive, 2)
        found = {(damage.place, damage.kind) for damage in verify_order(archive)}
        assert found == {
            (ids[0], "missing"),
            (ids[1], "catalogue"),
            ("20990101-000000-000000-000000", "missing"),
            (unknown, "catalogue"),
        }
        catalogue.rebuild()
        assert verify_order(archive) == []
    (archive.root / "catalogue.sqlite").write_bytes(b"no database" * 100)
    assert [damage.kind for damage in verify_order(archive)] == ["catalogue"]
