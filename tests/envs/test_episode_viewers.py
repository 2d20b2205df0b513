"""What a viewer does with a recording: the mcap library, the schemas in the file, and a decoder of its own."""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from episode_samples import ROBOT, made_up_ticks, record_episode
from google.protobuf import descriptor_pool
from google.protobuf.descriptor_pb2 import FileDescriptorSet
from google.protobuf.message_factory import GetMessageClass
from mcap.reader import make_reader
from mcap.stream_reader import StreamReader

from envs.episodes.archive import Archive

STEPS = 10
# https://docs.foxglove.dev/docs/sdk/schemas: what each topic must be for a viewer to show it unasked.
FOXGLOVE = {
    "camera/head": "foxglove.CompressedVideo",
    "camera/wrist": "foxglove.CompressedVideo",
    "sound": "foxglove.RawAudio",
    "fault": "foxglove.Log",
}


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    archive = Archive(tmp_path_factory.mktemp("viewers") / "archive")
    return archive.folder(record_episode(archive, STEPS)) / "raw.mcap"


def messages_of(path: Path) -> dict[str, list[tuple[Any, Any]]]:
    """Message records with what the schemas in the file make of their bytes, by topic; our code has no part in it."""
    found: dict[str, list[tuple[Any, Any]]] = defaultdict(list)
    with path.open("rb") as file:
        for schema, channel, message in make_reader(file, validate_crcs=True).iter_messages(log_time_order=False):
            value = None
            if schema is not None and schema.encoding == "protobuf":
                pool = descriptor_pool.DescriptorPool()
                for each in FileDescriptorSet.FromString(schema.data).file:
                    pool.Add(each)
                assert channel.message_encoding == "protobuf"
                value = GetMessageClass(pool.FindMessageTypeByName(schema.name)).FromString(message.data)
            found[channel.topic].append((message, value))
    return found


def test_every_stream_that_a_viewer_knows_has_its_schema(path: Path) -> None:
    with path.open("rb") as file:
        summary = make_reader(file).get_summary()
    names = {channel.topic: summary.schemas[channel.schema_id].name for channel in summary.channels.values()
             if channel.schema_id}  # fmt: skip
    assert FOXGLOVE.items() <= names.items()
    assert {topic: name for topic, name in names.items() if topic not in FOXGLOVE} == {
        topic: f"retake.{topic}" for topic in ("joints", "command", "touch", "imu")
    }


def test_the_check_sums_of_the_file_are_right(path: Path) -> None:
    with path.open("rb") as file:
        records = list(StreamReader(file, validate_crcs=True).records)
    assert next(record for record in records if type(record).__name__ == "DataEnd").data_section_crc != 0


def test_video_decodes_to_the_images_that_were_shown_with_their_stamps(path: Path) -> None:
    ticks = made_up_ticks(ROBOT, STEPS)
    for camera in ("head", "wrist"):
        found = messages_of(path)[f"camera/{camera}"]
        assert [message.sequence for message, _ in found] == list(range(STEPS))
        codec = av.CodecContext.create("h264", "r")
        shown = [
            frame.to_ndarray(format="rgb24") for _, value in found for frame in codec.decode(av.Packet(value.data))
        ]
        shown += [frame.to_ndarray(format="rgb24") for frame in codec.decode(None)]
        assert len(shown) == STEPS
        for tick, (message, value), picture in zip(ticks, found, shown, strict=True):
            image = tick.state.images[camera]
            assert (value.frame_id, value.format) == (camera, "h264")
            assert value.timestamp.ToNanoseconds() == message.log_time == round(image.stamp_s * 1e9)
            # PyAV's own conversion errs by some levels; another picture would by dozens.
            assert np.abs(picture.astype(int) - image.pixels).mean() < 8.0


def test_sound_is_what_was_heard_each_sample_once(path: Path) -> None:
    ticks = made_up_ticks(ROBOT, STEPS)
    found = messages_of(path)["sound"]
    heard = np.concatenate([np.frombuffer(value.data, "<i2") for _, value in found])
    first, last = ticks[0].state, ticks[-1].state
    np.testing.assert_array_equal(heard[: len(first.sound)], first.sound)
    np.testing.assert_array_equal(heard[-len(last.sound) :], last.sound)
    assert len(heard) == len(first.sound) + last.sound_count - first.sound_count
    assert {(value.format, value.sample_rate, value.number_of_channels) for _, value in found} == {
        ("pcm-s16", ROBOT.sound_hz, 1)
    }


def test_a_fault_is_a_line_of_the_viewers_log(path: Path) -> None:
    ((message, value),) = messages_of(path)["fault"]
    assert (message.sequence, value.name, value.message) == (3, "camera head", "the image is late")
    assert value.DESCRIPTOR.fields_by_name["level"].enum_type.values_by_number[value.level].name == "INFO"


def test_our_own_streams_are_read_by_the_schema_in_the_file(path: Path) -> None:
    ticks = made_up_ticks(ROBOT, STEPS)
    with path.open("rb") as file:
        summary = make_reader(file).get_summary()
    schemas = {schema.name: schema for schema in summary.schemas.values()}
    assert {schemas[f"retake.{topic}"].encoding for topic in ("joints", "command")} == {"numpy-record"}
    fields = [
        (field["name"], field["dtype"], tuple(field["shape"])) for field in json.loads(schemas["retake.joints"].data)
    ]
    for tick, (message, _) in zip(ticks, messages_of(path)["joints"], strict=True):
        (record,) = np.frombuffer(message.data, np.dtype(fields))
        np.testing.assert_array_equal(record["position_rad"], tick.state.position_rad)
        assert record["stamp_s"] == tick.state.joints_stamp_s


def test_the_file_says_what_it_is_a_recording_of(path: Path) -> None:
    with path.open("rb") as file:
        words = [record.metadata["sheet"] for record in make_reader(file).iter_metadata()]
    began, ended = map(json.loads, words)
    assert (began["status"], ended["status"]) == ("recording", "complete")
    beside = json.loads(path.with_name("episode.json").read_text())
    del beside["sheet_sha256"]
    assert {**beside, "seal": None} == ended
    assert began["robot"]["joints"] == beside["robot"]["joints"]
