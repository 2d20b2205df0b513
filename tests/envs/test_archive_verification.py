"""What is wrong with an archive beside its episodes: strays, leavings, and an index that is out of date."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

from episode_samples import header_of, record_episode

from envs.episodes.archive import Archive
from envs.episodes.catalogue import Catalogue
from envs.episodes.quality.references import References, references_path, write_references
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


def test_files_of_others_are_named_wherever_they_lie(tmp_path: Path) -> None:
    archive = Archive(tmp_path / "archive")
    folder = archive.folder(record_episode(archive, 2))
    for name in ("notes.txt", ".DS_Store", "raw.mcap.bak", "episodes/todo.txt", "references/pick_fruit-sim.csv"):
        path = archive.root / name
        path.parent.mkdir(exist_ok=True)
        path.touch()
    for name in ("dataset", "evidence", "episodes/holiday", "references/old.json"):
        (archive.root / name).mkdir()
    (folder / "video.mp4").touch()
    (folder / "labels").mkdir()
    (folder / "evidence").touch()  # a file, where a folder would be ours
    inside = f"episodes/{folder.parent.name}/{folder.name}"
    found = verify_order(archive)
    assert {damage.kind for damage in found} == {"misplaced"}
    assert {damage.place for damage in found} == {
        *("notes.txt", ".DS_Store", "raw.mcap.bak", "dataset", "evidence", "episodes/todo.txt", "episodes/holiday"),
        *("references/pick_fruit-sim.csv", "references/old.json"),
        *(f"{inside}/video.mp4", f"{inside}/labels", f"{inside}/evidence"),
    }
    assert all("move it out of the archive" in damage.message for damage in found)


def test_all_that_we_write_belongs_there(tmp_path: Path) -> None:
    archive = Archive(tmp_path / "archive")
    folder = archive.folder(record_episode(archive, 2))
    (folder / "evidence").mkdir()
    (folder / "evidence" / "model.mjb").touch()
    write_references(references_path(archive.root, "pick_fruit", "sim"), References("pick_fruit", "small", "sim", ()))
    with Catalogue(archive) as catalogue:
        catalogue.sync()
    for ending in ("-journal", "-wal", "-shm"):
        (archive.root / f"catalogue.sqlite{ending}").touch()
    assert verify_order(archive) == []


def test_references_that_are_damaged_or_of_something_else_are_named(tmp_path: Path) -> None:
    archive = Archive(tmp_path / "archive")
    for task in ("fold_towel", "wash_dishes"):
        write_references(references_path(archive.root, task, "sim"), References(task, "small", "sim", ()))
    damaged = references_path(archive.root, "fold_towel", "sim")
    damaged.write_bytes(damaged.read_bytes()[:50])
    (other := references_path(archive.root, "wash_dishes", "sim")).rename(other.with_name("pick_fruit-sim.json"))
    (archive.root / "references" / ".pick_fruit-sim.json.77.tmp").touch()
    found = {damage.place: damage for damage in verify_order(archive)}
    assert {place: damage.kind for place, damage in found.items()} == {
        "references/fold_towel-sim.json": "unreadable",
        "references/pick_fruit-sim.json": "misplaced",
        "references/.pick_fruit-sim.json.77.tmp": "misplaced",
    }
    assert "retake quality learn" in found["references/fold_towel-sim.json"].message
    assert f"belong in {other}" in found["references/pick_fruit-sim.json"].message


def test_an_archive_that_somebody_records_into_is_sound(tmp_path: Path) -> None:
    archive = Archive(tmp_path / "archive")
    record_episode(archive, 2)
    with Catalogue(archive) as catalogue:
        catalogue.sync()
    with archive.record(header_of()) as recorder:
        (recorder.path / ".episode.json.77.tmp").touch()  # as its sheet is while it is written
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
