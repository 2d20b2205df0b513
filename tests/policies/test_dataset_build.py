"""Datasets that we build, read back with pyarrow, pandas, json and PyAV alone."""

import json
from dataclasses import asdict
from fractions import Fraction

import av
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from episode_samples import ROBOT, record_episode

from envs.episodes.archive import Archive
from envs.episodes.catalogue import Catalogue
from envs.scenario import Pool
from policies.dataset.lerobot import build_dataset
from policies.dataset.reader import open_dataset
from policies.dataset.verify import verify_dataset


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """An archive of two accepted episodes of 11 and 14 steps, and the dataset of both."""
    folder = tmp_path_factory.mktemp("built")
    archive = Archive(folder / "archive")
    record_episode(archive, 11, seed=1)
    record_episode(archive, 14, seed=2, pool=Pool.DISCOVER, body="serial", purpose="targeted", request="r-3")
    record_episode(archive, 5, seed=3, accepted=False)
    return archive, build_dataset(archive, folder / "dataset")


@pytest.fixture
def archive(tmp_path):
    return Archive(tmp_path / "archive")


def rows_of(root):
    return pd.concat([pd.read_parquet(path) for path in sorted(root.glob("data/*/*.parquet"))], ignore_index=True)


def planes_of(path):
    with av.open(str(path)) as container:
        return np.stack([frame.to_ndarray() for frame in container.decode(video=0)])


def planes_of_packets(packets):
    codec = av.CodecContext.create("h264", "r")
    frames = [frame for packet in packets for frame in codec.decode(av.Packet(packet))] + codec.decode(None)
    return np.stack([frame.to_ndarray() for frame in frames])


def test_only_accepted_episodes_are_built(built):
    archive, report = built
    assert report.added == tuple(archive.ids()[:2])
    assert (report.episodes, report.frames, report.kept, report.left_out) == (2, 25, 0, ())


def test_rows_hold_what_was_sensed_and_really_sent(built):
    archive, report = built
    rows = rows_of(report.root)
    episodes = [archive.open(episode_id) for episode_id in report.added]

    def recorded(field):
        return np.concatenate([getattr(episode, field).reshape(episode.ticks, -1) for episode in episodes])

    np.testing.assert_array_equal(np.stack(rows["action"]), recorded("sent_rad").astype(np.float32))
    np.testing.assert_array_equal(np.stack(rows["observation.touch"]), recorded("touch_n").astype(np.float32))
    within_space = np.clip(recorded("position_rad"), ROBOT.lower - 0.2, ROBOT.upper + 0.2)
    np.testing.assert_array_equal(np.stack(rows["observation.state"]), within_space.astype(np.float32))
    assert rows["sample_weight"].tolist() == [1.0] * 25


def test_counters_run_as_lerobot_wants_them(built):
    _, report = built
    rows = rows_of(report.root)
    frame = [*range(11), *range(14)]
    assert rows["index"].tolist() == list(range(25))
    assert rows["episode_index"].tolist() == [0] * 11 + [1] * 14
    assert rows["frame_index"].tolist() == frame
    np.testing.assert_array_equal(rows["timestamp"], (np.array(frame) / 25).astype(np.float32))
    tasks = pd.read_parquet(report.root / "meta" / "tasks.parquet")
    assert tasks.index.name == "task"
    assert tasks.iloc[rows["task_index"][0]].name == "Reach for the fruit"
    assert tasks.iloc[rows["task_index"][10]].name == "Grasp the fruit"
    assert tasks["task_index"].tolist() == [0, 1]


def test_columns_are_those_declared_in_their_order_and_type(built):
    _, report = built
    info = json.loads((report.root / "meta" / "info.json").read_text())
    assert (info["codebase_version"], info["fps"], info["total_episodes"], info["total_frames"]) == ("v3.0", 25, 2, 25)
    file = pq.ParquetFile(report.root / "data" / "chunk-000" / "file-001.parquet")
    declared = {name: feature for name, feature in info["features"].items() if feature["dtype"] != "video"}
    assert file.schema_arrow.names == list(declared)
    assert file.num_row_groups == 1
    for field in file.schema_arrow:
        count = field.type.list_size if declared[field.name]["shape"] != [1] else 1
        value = field.type.value_type if count > 1 else field.type
        assert [count] == declared[field.name]["shape"]
        assert {"float": "float32", "double": "float64"}.get(str(value), str(value)) == declared[field.name]["dtype"]


def test_each_episode_says_where_it_lies_and_what_it_is(built):
    archive, report = built
    rows = [pq.read_table(path).to_pylist()[0] for path in sorted(report.root.glob("meta/episodes/*/*.parquet"))]
    assert [row["episode_index"] for row in rows] == [0, 1]
    assert [(row["dataset_from_index"], row["dataset_to_index"], row["length"]) for row in rows] == [
        (0, 11, 11),
        (11, 25, 14),
    ]
    second = rows[1]
    assert second["tasks"] == ["Reach for the fruit", "Grasp the fruit"]
    assert (second["data/chunk_index"], second["data/file_index"]) == (0, 1)
    assert second["videos/observation.images.wrist/to_timestamp"] == pytest.approx(14 / 25)
    labels = {name.removeprefix("retake/"): value for name, value in second.items() if name.startswith("retake/")}
    scenario = json.loads(labels.pop("scenario"))
    assert scenario == archive.sheet(report.added[1]).header.scenario.to_dict()
    assert report.added[1] in labels.values()
    assert {"pool": "discover", "purpose": "targeted", "body": "serial", "success": True}.items() <= labels.items()
    assert (labels["request"], labels["parent"], rows[0]["retake/request"]) == ("r-3", None, None)
    with Catalogue(archive) as catalogue:
        known = asdict(catalogue.query(id=report.added[1])[0])
    known["episode_id"] = known.pop("id")
    known.pop("factors")  # the scenario has them
    assert labels == {**known, "first_stamp_s": archive.open(report.added[1]).stamp_s[0]}


def test_every_stream_keeps_the_stamps_of_its_readings(built):
    archive, report = built
    rows = rows_of(report.root)
    episodes = [archive.open(episode_id) for episode_id in report.added]
    for feature, stamps in {
        "stamp_s": [episode.stamp_s for episode in episodes],
        "stamp_s.touch": [episode.touch_stamp_s for episode in episodes],
        "stamp_s.imu": [episode.imu_stamp_s for episode in episodes],
        "stamp_s.sound": [episode.sound_stamp_s for episode in episodes],
        "stamp_s.images.wrist": [episode.video["wrist"].stamp_s for episode in episodes],
    }.items():
        since = [each - episode.stamp_s[0] for each, episode in zip(stamps, episodes, strict=True)]
        np.testing.assert_array_equal(rows[feature], np.concatenate(since))
        np.testing.assert_array_equal(open_dataset(report.root).column(feature), rows[feature])
    heard = [tick / 25 for tick in range(11)]
    assert np.isclose(np.array(rows["stamp_s.sound"][:11])[:, None], heard).any(axis=1).all()


def test_video_is_the_recorded_stream_on_the_grid(built):
    archive, report = built
    for number, episode_id in enumerate(report.added):
        episode = archive.open(episode_id)
        for camera in ("head", "wrist"):
            path = report.root / f"videos/observation.images.{camera}/chunk-000/file-{number:03d}.mp4"
            with av.open(str(path)) as container:
                stream = container.streams.video[0]
                assert (stream.average_rate, stream.frames) == (Fraction(25), episode.ticks)
                assert stream.duration * stream.time_base == Fraction(episode.ticks, 25)
                packets = [packet for packet in container.demux(stream) if packet.size]
            assert [packet.pts * packet.time_base for packet in packets] == [
                Fraction(frame, 25) for frame in range(episode.ticks)
            ]
            assert [packet.is_keyframe for packet in packets] == [frame % 2 == 0 for frame in range(episode.ticks)]
            np.testing.assert_array_equal(planes_of(path), planes_of_packets(episode.video[camera].packets))


def test_a_player_can_seek_to_any_frame(built):
    archive, report = built
    path = report.root / "videos/observation.images.head/chunk-000/file-001.mp4"
    expected = planes_of_packets(archive.open(report.added[1]).video["head"].packets)
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        for wanted in (9, 3, 13, 0):
            container.seek(int(Fraction(wanted, 25) / stream.time_base), stream=stream)
            frame = next(frame for frame in container.decode(stream) if frame.time >= wanted / 25 - 1e-6)
            np.testing.assert_array_equal(frame.to_ndarray(), expected[wanted])


def test_statistics_are_those_of_all_rows(built):
    archive, report = built
    stats = json.loads((report.root / "meta" / "stats.json").read_text())
    rows = rows_of(report.root)
    for name in ("observation.state", "observation.touch", "action"):
        values = np.stack(rows[name]).astype(np.float64)
        for statistic, expected in {
            "mean": values.mean(axis=0),
            "std": values.std(axis=0),
            "min": values.min(axis=0),
            "max": values.max(axis=0),
        }.items():
            np.testing.assert_allclose(stats[name][statistic], expected, rtol=1e-9, atol=1e-12)
        assert stats[name]["count"] == [25]
    images = np.concatenate([archive.open(episode_id).decode_images("head")[::2] for episode_id in report.added]) / 255
    image = {name: np.array(value) for name, value in stats["observation.images.head"].items()}
    assert image["mean"].shape == (3, 1, 1)
    np.testing.assert_allclose(image["mean"].ravel(), images.mean(axis=(0, 1, 2)), atol=1e-9)
    np.testing.assert_allclose(image["std"].ravel(), images.std(axis=(0, 1, 2)), atol=1e-9)
    np.testing.assert_allclose(image["max"].ravel(), images.max(axis=(0, 1, 2)), atol=1e-9)


def test_our_reader_reads_it_and_the_verifier_finds_nothing(built):
    _, report = built
    assert verify_dataset(report.root) == []
    dataset = open_dataset(report.root)
    assert (dataset.robot, dataset.cameras, len(dataset.rows)) == (ROBOT, ("head", "wrist"), 25)
    assert [episode.identity for episode in dataset.episodes] == list(report.added)
    assert [episode.pool for episode in dataset.episodes] == ["train", "discover"]


def test_steps_that_shall_not_train_keep_their_row_and_image(archive, tmp_path):
    record_episode(archive, 6)
    report = build_dataset(archive, tmp_path / "dataset", weigh=lambda episode: (episode.step % 2).astype(np.float32))
    assert rows_of(report.root)["sample_weight"].tolist() == [0, 1, 0, 1, 0, 1]
    assert verify_dataset(report.root) == []
