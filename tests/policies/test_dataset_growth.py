"""Datasets that grow, and builds that break off: what stands on the disk can always be read, and is taken up again."""

import json
import multiprocessing
import resource
import time

import pandas as pd
import pytest
from episode_samples import record_episode
from hand_made_dataset import write_dataset

from envs.episodes.archive import Archive
from envs.scenario import Pool
from policies.dataset.importing import import_dataset
from policies.dataset.lerobot import build_dataset
from policies.dataset.reader import open_dataset
from policies.dataset.verify import verify_dataset
from policies.errors import DatasetError


@pytest.fixture
def archive(tmp_path):
    return Archive(tmp_path / "archive")


def rows_of(root):
    return pd.concat([pd.read_parquet(path) for path in sorted(root.glob("data/*/*.parquet"))], ignore_index=True)


def test_a_second_build_appends_only_what_is_new(archive, tmp_path):
    first = record_episode(archive, 4, seed=1)
    out = tmp_path / "dataset"
    assert build_dataset(archive, out).added == (first,)
    before = {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in out.rglob("*-000.*")}
    second = record_episode(archive, 6, seed=2)
    report = build_dataset(archive, out)
    assert (report.added, report.kept, report.frames) == ((second,), 1, 10)
    assert {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in before} == before
    assert build_dataset(archive, out).added == ()
    assert verify_dataset(out) == []
    fresh = build_dataset(archive, tmp_path / "fresh").root
    assert json.loads((fresh / "meta/stats.json").read_text()) == json.loads((out / "meta/stats.json").read_text())
    pd.testing.assert_frame_equal(rows_of(fresh), rows_of(out))


def test_a_build_that_broke_off_is_taken_up_where_it_was_last_whole(archive, tmp_path):
    for seed in range(3):
        record_episode(archive, 4, seed=seed)
    out = tmp_path / "dataset"
    build_dataset(archive, out, archive.ids()[:1])

    class BrokenOffError(Exception):
        pass

    def break_off(done, total):
        raise BrokenOffError

    with pytest.raises(BrokenOffError):
        build_dataset(archive, out, progress=break_off)
    assert [episode.identity for episode in open_dataset(out).episodes] == archive.ids()[:2], "what was built counts"
    assert verify_dataset(out) == []
    report = build_dataset(archive, out)
    assert (report.added, report.kept) == ((archive.ids()[2],), 2)
    assert len(list(out.glob("videos/*/*/*.mp4"))) == 6
    assert verify_dataset(out) == []


@pytest.fixture(scope="module")
def three_episodes(tmp_path_factory):
    archive = Archive(tmp_path_factory.mktemp("three") / "archive")
    for seed in range(3):
        record_episode(archive, 4, seed=seed)
    return archive


@pytest.mark.parametrize("files", [1, 4, 7, 11])
def test_a_build_that_is_killed_leaves_what_it_had_finished(three_episodes, tmp_path, files):
    """SIGKILL, as soon as so many files of episodes are there, whole or not."""
    archive, out = three_episodes, tmp_path / "dataset"
    build = multiprocessing.get_context("fork").Process(target=build_dataset, args=(archive, out))
    build.start()
    while build.is_alive() and sum(1 for _ in out.glob("*/*/*/*")) < files:
        time.sleep(0.0005)
    build.kill()
    build.join()
    if (out / "meta/info.json").exists():
        dataset = open_dataset(out)
        assert [episode.identity for episode in dataset.episodes] == archive.ids()[: len(dataset.episodes)]
        assert len(dataset.column("action")) == 4 * len(dataset.episodes)
        for camera in dataset.cameras:
            assert dataset.frames(camera, 16).gather(dataset.rows).shape == (len(dataset.rows), 16, 16, 3)
    report = build_dataset(archive, out)
    assert report.episodes == 3
    assert not list(out.rglob("*.tmp"))
    assert verify_dataset(out) == []


def test_two_builds_do_not_write_to_one_dataset_at_once(archive, tmp_path):
    record_episode(archive, 4)
    record_episode(archive, 4, seed=1)

    def again(done, total):
        with pytest.raises(DatasetError, match="another program is writing"):
            build_dataset(archive, tmp_path / "dataset")

    assert len(build_dataset(archive, tmp_path / "dataset", progress=again).added) == 2


def test_a_disk_that_takes_no_more_leaves_the_dataset_as_it_was(archive, tmp_path):
    """A real limit of the kernel on the size of a file stands in for a full disk."""
    first = record_episode(archive, 4, seed=1)
    out = tmp_path / "dataset"
    build_dataset(archive, out)
    second = record_episode(archive, 200, seed=2)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (120_000, hard))
    try:
        with pytest.raises(DatasetError, match=r"cannot write .*; check the disk"):
            build_dataset(archive, out)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert open_dataset(out).episodes[0].identity == first
    assert not list(out.rglob("*.tmp"))
    assert build_dataset(archive, out).added == (second,)
    assert verify_dataset(out) == []


def contents(root):
    return {path.relative_to(root): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def test_a_dataset_that_lost_its_info_is_not_built_over(archive, tmp_path):
    for seed in range(2):
        record_episode(archive, 4, seed=seed)
    built = build_dataset(archive, tmp_path / "built").root
    imported = tmp_path / "imported"
    import_dataset(write_dataset(tmp_path / "made"), imported, Pool.TRAIN)
    for root in (built, imported):
        (root / "meta/info.json").unlink()
        before = contents(root)
        with pytest.raises(DatasetError, match=r"without its meta/info\.json; restore that from a copy"):
            build_dataset(archive, root)
        assert {path: data for path, data in contents(root).items() if path.name != ".writing"} == {
            path: data for path, data in before.items() if path.name != ".writing"
        }


@pytest.mark.parametrize(
    "lost",
    [
        "data/chunk-000/file-000.parquet",
        "meta/episodes/chunk-000/file-000.parquet",
        "videos/observation.images.wrist/chunk-000/file-000.mp4",
    ],
)
def test_a_dataset_that_lost_a_file_is_not_added_to(archive, tmp_path, lost):
    record_episode(archive, 4)
    out = build_dataset(archive, tmp_path / "dataset").root
    (out / lost).unlink()
    record_episode(archive, 4, seed=1)
    with pytest.raises(DatasetError, match=f"damaged dataset: {lost} is missing; remove it and build it again"):
        build_dataset(archive, out)
