"""Samples for training: the cache's budget, decoding without one, forked workers, and batches that go on."""

import io
import itertools
import json
import logging

import numpy as np
import pytest
import torch
from hand_made_dataset import write_dataset

from policies.batches import Augmentation, BatchStream, RowSampler
from policies.dataset.film import Decoders, decode_video, film_shape
from policies.dataset.frame_cache import FrameCache
from policies.dataset.reader import open_dataset
from policies.dataset.samples import ChunkSamples, SeededRows
from policies.dataset.table import tabulate
from policies.errors import DatasetError
from policies.scaling import fit_scaler, relative_joints

FRAME_BYTES = 3 * 16 * 16
FILMS = (71, 25)  # frames


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return write_dataset(tmp_path_factory.mktemp("dataset") / "made")


def films(root):
    return sorted(root.glob("videos/*/*/*.mp4"))


def held(folder):
    return sum(path.stat().st_size for path in folder.glob("*.npy"))


def test_any_frame_can_be_had_without_those_before_it(root):
    decoders, path = Decoders(), films(root)[0]
    expected = list(decode_video(path, 25.0))
    for frame in (70, 0, 1, 2, 40, 39, 41, 70):
        np.testing.assert_array_equal(decoders.frame(path, 25.0, frame), expected[frame])
    with pytest.raises(DatasetError, match=r"no frame at 2\.8400 s"):
        decoders.frame(path, 25.0, 71)
    np.testing.assert_array_equal(decoders.frame(path, 25.0, 5), expected[5])


def test_no_more_videos_stay_open_than_allowed(root):
    decoders = Decoders(limit=1)
    for path in films(root) * 2:
        assert decoders.frame(path, 25.0, 3).shape == (48, 64, 3)
    assert len(decoders._open) == 1


def test_frames_may_stay_as_they_were_recorded(root, tmp_path):
    store = open_dataset(root).frames("head", None, cache=tmp_path)
    expected = np.concatenate([list(decode_video(path, 25.0)) for path in films(root)])
    np.testing.assert_array_equal(store.gather(np.arange(96)), expected)
    assert (film_shape(films(root)[0]).frames, store.height, store.width) == (71, 48, 64)


def test_what_does_not_fit_the_cache_is_decoded_at_every_use_and_said(root, tmp_path, caplog):
    dataset = open_dataset(root)
    whole = dataset.frames("head", 16, cache=tmp_path / "whole").gather(dataset.rows)
    small = FrameCache(tmp_path / "small", budget_bytes=FILMS[1] * FRAME_BYTES + 500)
    with caplog.at_level(logging.WARNING):
        store = dataset.frames("head", 16, cache=small)
    assert "1 of 2 videos do not fit the image cache" in caplog.text
    assert held(tmp_path / "small") <= small.budget_bytes
    np.testing.assert_array_equal(store.gather(dataset.rows), whole)


def test_what_nobody_asked_for_makes_room(root, tmp_path):
    dataset = open_dataset(root)
    dataset.frames("head", 16, cache=tmp_path)
    budget = sum(FILMS) * 3 * 8 * 8 + 1000
    dataset.frames("head", 8, cache=FrameCache(tmp_path, budget))
    assert {path.stem.rpartition("-")[2] for path in tmp_path.glob("*.npy")} == {"8"}
    assert held(tmp_path) <= budget


@pytest.mark.parametrize("budget", [10**9, 0])
def test_forked_workers_read_after_the_parent_has_read(root, tmp_path, budget):
    """With and without a cache; without one, parent and workers decode the same files."""
    table = tabulate([open_dataset(root)], None, cache=FrameCache(tmp_path, budget))
    samples = ChunkSamples(table, 5)
    before = samples[np.arange(96)]  # opens every decoder
    rows = SeededRows(RowSampler(np.ones(96)), 8, seed=3)
    loader = torch.utils.data.DataLoader(samples, sampler=rows, batch_size=None, num_workers=2)
    for batch, wanted in zip(itertools.islice(loader, 12), rows, strict=False):
        for name, values in batch.items():
            np.testing.assert_array_equal(values.numpy(), before[name][wanted])
    after = samples[np.arange(95, -1, -1)]
    np.testing.assert_array_equal(after["observation.images.head"][::-1], before["observation.images.head"])


def test_a_sample_ends_with_its_episode(root, tmp_path):
    dataset = open_dataset(root)
    sample = ChunkSamples(tabulate([dataset], 16, cache=tmp_path), 4)[np.array([28])]
    np.testing.assert_array_equal(sample["action_is_pad"], [[False, False, True, True]])
    np.testing.assert_array_equal(sample["action"][0], dataset.column("action")[[28, 29, 29, 29]])


def test_seeded_rows_go_on_where_they_were(root):
    rows = SeededRows(RowSampler(np.arange(96.0)), 8, seed=1)
    first = list(itertools.islice(rows, 6))
    again = list(itertools.islice(SeededRows(rows.sampler, 8, seed=1, first=4), 2))
    np.testing.assert_array_equal(again, first[4:])
    assert not np.array_equal(next(iter(SeededRows(rows.sampler, 8, seed=2))), first[0])


def stream_of(table, weights, seed):
    rows = np.arange(len(table.action))
    chunk, valid = table.chunks(rows, 8)
    state = table.vectors["observation.state"]
    scaler = fit_scaler(table.vectors, chunk, valid, state, relative_joints(table.robot))
    return BatchStream(table, scaler, RowSampler(weights), 4, 8, Augmentation(), np.random.default_rng(seed))


def test_a_stream_that_is_restored_gives_the_batches_that_would_have_followed(root, tmp_path):
    table = tabulate([open_dataset(root)], 16, cache=tmp_path)
    stream = stream_of(table, np.ones(96), 5)
    next(stream)
    state = json.loads(json.dumps(stream.state()))
    expected = [next(stream), next(stream)]
    other = stream_of(table, np.ones(96), 99)
    other.restore(state)
    for wanted in expected:
        batch = next(other)
        np.testing.assert_array_equal(batch.rows, wanted.rows)
        for name, values in wanted.observation.items():
            assert torch.equal(batch.observation[name], values)
    with pytest.raises(DatasetError, match="other rows, or with other weights"):
        stream_of(table, np.arange(96.0), 5).restore(state)


def test_columns_are_mapped_and_follow_their_files(tmp_path):
    root = write_dataset(tmp_path / "made", (6, 5))
    first = open_dataset(root).column("action")
    base = first
    while isinstance(base.base, np.ndarray):
        base = base.base
    assert isinstance(base, np.memmap)
    assert not first.flags.writeable
    write_dataset(tmp_path / "other", (6, 5), seed=4)
    data = "data/chunk-000/file-000.parquet"
    (root / data).write_bytes((tmp_path / "other" / data).read_bytes())
    second = open_dataset(root).column("action")
    assert not np.array_equal(second, first)
    assert len(list((root / ".cache/columns").glob("action-*.npy"))) == 1
    before = set(root.rglob("*"))
    open_dataset(root, mapped=False).column("observation.state")
    assert set(root.rglob("*")) == before


def of_another_shape(data):
    return as_file(np.load(io.BytesIO(data))[:, :-1])


def as_file(array):
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


@pytest.mark.parametrize(
    "damage",
    [lambda data: b"", lambda data: b"x" * len(data), lambda data: data[: len(data) // 2], of_another_shape],
    ids=["empty", "overwritten", "cut short", "of another shape"],
)
def test_a_damaged_image_cache_is_made_anew(root, tmp_path, caplog, damage):
    dataset = open_dataset(root)
    whole = dataset.frames("head", 16, cache=tmp_path).gather(dataset.rows)
    spoilt = sorted(tmp_path.glob("*.npy"))[0]
    spoilt.write_bytes(damage(spoilt.read_bytes()))
    again = open_dataset(root).frames("head", 16, cache=tmp_path).gather(dataset.rows)
    np.testing.assert_array_equal(again, whole)
    assert f"{spoilt} of the image cache is damaged" in caplog.text


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: b"",
        lambda data: b"x" * len(data),
        lambda data: data[: len(data) // 2],
        lambda data: data[:20],
        lambda data: as_file(np.load(io.BytesIO(data))[:-1]),
        lambda data: as_file(np.float32(0.5)),
    ],
    ids=["empty", "overwritten", "cut short", "cut within its header", "of fewer rows", "one number"],
)
def test_a_damaged_column_cache_is_made_anew(root, caplog, damage):
    whole = open_dataset(root).column("action").copy()
    (spoilt,) = (root / ".cache/columns").glob("action-*.npy")
    spoilt.write_bytes(damage(spoilt.read_bytes()))
    np.testing.assert_array_equal(open_dataset(root).column("action"), whole)
    assert f"{spoilt} of the column cache is damaged" in caplog.text
    caplog.clear()
    np.testing.assert_array_equal(open_dataset(root).column("action"), whole)
    assert not caplog.records
