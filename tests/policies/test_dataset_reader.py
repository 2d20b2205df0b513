"""The reader against pyarrow and PyAV, and what it refuses."""

import json

import av
import cv2
import numpy as np
import pyarrow.parquet as pq
import pytest
from hand_made_dataset import CAMERA, write_dataset

from policies.dataset.reader import open_dataset
from policies.dataset.table import tabulate
from policies.errors import DatasetError, PoolError


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return write_dataset(tmp_path_factory.mktemp("dataset") / "made")


def test_columns_are_those_that_pyarrow_reads(root):
    dataset = open_dataset(root)
    table = pq.read_table(root / "data/chunk-000/file-000.parquet")
    for name in ("action", "observation.state", "frame_index"):
        np.testing.assert_array_equal(dataset.column(name), np.array(table[name].to_pylist()))


def test_frames_are_those_that_pyav_decodes_and_opencv_shrinks(root):
    dataset = open_dataset(root)
    frames = dataset.frames("head", 32).gather(dataset.rows).astype(float)
    decoded = []
    for number in (0, 1):
        with av.open(str(root / f"videos/{CAMERA}/chunk-000/file-{number:03d}.mp4")) as container:
            decoded += [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    expected = np.array([cv2.resize(image, (32, 32), interpolation=cv2.INTER_AREA) for image in decoded], dtype=float)
    apart = np.abs(frames[:, None] - expected[None]).mean(axis=(2, 3, 4))  # each frame to each
    assert apart.diagonal().max() < 2.5  # the plain conversion of colours errs by as much
    assert apart.diagonal().mean() < 0.5 * min(apart.diagonal(-2).mean(), apart.diagonal(2).mean())


def test_a_second_opening_decodes_nothing(root, tmp_path, monkeypatch):
    dataset = open_dataset(root)
    first = dataset.frames("head", 16, cache=tmp_path).gather(dataset.rows)
    stamps = {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    monkeypatch.setattr("av.open", lambda *_: pytest.fail("decoded again"))
    np.testing.assert_array_equal(dataset.frames("head", 16, cache=tmp_path).gather(dataset.rows), first)
    assert {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()} == stamps


def test_frames_of_an_episode_that_was_not_selected_are_refused(root, tmp_path):
    store = open_dataset(root, episodes=[2]).frames("head", 16, cache=tmp_path)
    with pytest.raises(DatasetError, match="row 3 has no frame"):
        store.gather(np.array([3]))


def test_chunks_stop_at_the_end_of_their_episode(root):
    dataset = open_dataset(root)
    action = dataset.column("action")
    values, valid = dataset.chunks("action", np.array([0, 28, 70]), 4)
    assert valid.tolist() == [[True] * 4, [True, True, False, False], [True, False, False, False]]
    np.testing.assert_array_equal(values[0], action[:4])
    np.testing.assert_array_equal(values[1], action[[28, 29, 29, 29]])
    np.testing.assert_array_equal(values[2], action[[70] * 4])


def test_a_table_of_some_episodes_has_their_chunks_and_frames(root, tmp_path):
    dataset = open_dataset(root)
    table = tabulate([dataset.select([0, 2])], 16, cache=tmp_path)
    rows = np.array([0, 29, 30, 54])  # first and last of both episodes
    there = np.array([0, 29, 71, 95])
    np.testing.assert_array_equal(table.chunks(rows, 5)[0], dataset.chunks("action", there, 5)[0])
    np.testing.assert_array_equal(table.chunks(rows, 5)[1], dataset.chunks("action", there, 5)[1])
    whole = dataset.frames("head", 16, cache=tmp_path)
    np.testing.assert_array_equal(table.frames["head"].gather(rows), whole.gather(there))


def test_two_datasets_lie_end_to_end(root, tmp_path):
    other = write_dataset(tmp_path / "other", (20, 22), seed=1)
    datasets = [open_dataset(root), open_dataset(other)]
    table = tabulate(datasets, 16, cache=tmp_path / "cache")
    assert len(table.action) == 96 + 42
    last = datasets[1].frames("head", 16, cache=tmp_path / "cache").gather(np.array([41]))
    np.testing.assert_array_equal(table.frames["head"].gather(np.array([137])), last)
    np.testing.assert_array_equal(table.chunks(np.array([137]), 3)[1], [[True, False, False]])


@pytest.mark.parametrize("pool", ["calibrate", "verify", "regress", "test", None])
def test_what_must_not_train_is_refused_unless_only_evaluated(tmp_path, pool):
    root = write_dataset(tmp_path / "made", pools=("train", "discover", pool))
    with pytest.raises(PoolError, match="1 of 3 episodes must not train"):
        open_dataset(root)
    with pytest.raises(PoolError):
        open_dataset(root, episodes=[1, 2])
    assert len(open_dataset(root, episodes=[0, 1]).episodes) == 2
    assert len(open_dataset(root, purpose="evaluation").episodes) == 3


def test_the_identity_is_that_of_the_episodes_not_of_their_order(root):
    dataset = open_dataset(root)
    assert dataset.select([2, 0]).identity == dataset.select([0, 2]).identity
    assert len({dataset.identity, dataset.select([0, 2]).identity, dataset.select([0, 1]).identity}) == 3


def test_weights_are_one_where_none_are_declared(root, tmp_path):
    assert set(open_dataset(root).sample_weight) == {1.0}
    weighted = write_dataset(tmp_path / "weighted", (5, 4), weights=True)
    assert open_dataset(weighted).sample_weight.tolist() == [1, 0, 1, 0, 1, 0, 1, 0, 1]


def damage(root, kind):
    info_path, data = root / "meta/info.json", root / "data/chunk-000/file-000.parquet"
    info = json.loads(info_path.read_text())
    table = pq.read_table(data)
    if kind == "old version":
        info_path.write_text(json.dumps({**info, "codebase_version": "v2.1"}))
    elif kind == "no rate":
        info_path.write_text(json.dumps({k: v for k, v in info.items() if k != "fps"}))
    elif kind == "no footer":
        data.write_bytes(data.read_bytes()[:-20])
    elif kind == "rows lost":
        pq.write_table(table.slice(0, 90), data)
    elif kind == "not finite":
        action = np.array(table["action"].to_pylist())
        action[7, 1] = np.nan
        pq.write_table(table.set_column(table.column_names.index("action"), "action", [list(action)]), data)
    elif kind == "short video":
        video = root / f"videos/{CAMERA}/chunk-000/file-001.mp4"
        video.write_bytes((root / f"videos/{CAMERA}/chunk-000/file-000.mp4").read_bytes()[:2000])


@pytest.mark.parametrize(
    ("kind", "says"),
    [
        ("old version", "format v2.1"),
        ("no rate", "lacks fps"),
        ("no footer", "no whole parquet file"),
        ("rows lost", "episodes end at row 96 of 90"),
        ("not finite", "not finite in row 7"),
        ("short video", "cannot be decoded"),
    ],
)
def test_a_damaged_dataset_is_refused_with_the_reason(tmp_path, kind, says):
    root = write_dataset(tmp_path / "made")
    damage(root, kind)
    with pytest.raises(DatasetError, match=says):
        tabulate([open_dataset(root)], 16)


def test_a_folder_that_is_no_dataset_is_named(tmp_path):
    with pytest.raises(DatasetError, match=r"nowhere/meta/info\.json does not exist"):
        open_dataset(tmp_path / "nowhere")


def test_unknown_episodes_and_cameras_are_named(root):
    with pytest.raises(DatasetError, match=r"no episodes \[9\]; it has 0 to 2"):
        open_dataset(root, episodes=[1, 9])
    with pytest.raises(DatasetError, match="no camera 'wrist'; it has head"):
        open_dataset(root).frames("wrist", 16)
