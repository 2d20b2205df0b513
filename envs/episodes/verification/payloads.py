"""What stands in the messages of an episode: values that can be, video that decodes, sound and snapshots that read."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from foxglove_schemas_protobuf.CompressedVideo_pb2 import CompressedVideo
from foxglove_schemas_protobuf.RawAudio_pb2 import RawAudio
from google.protobuf.message import DecodeError
from numpy.typing import NDArray

from envs.episodes import messages
from envs.episodes.sheet import EpisodeSheet
from envs.episodes.stream_reader import Stream, Streams
from envs.episodes.verification.damage import Damage
from envs.episodes.video import first_undecodable
from envs.errors import EnvError
from envs.snapshot import Snapshot

_SAME_S = 2e-9  # a message's time is whole nanoseconds, a record's a float of seconds


def payload_damages(sheet: EpisodeSheet, streams: Streams, place: str, *, decode: bool) -> Iterator[Damage]:
    """All that is wrong inside the messages."""
    robot = sheet.header.robot
    for topic, stream in streams.by_topic.items():
        where = f"{place} {topic}"
        if topic.startswith(messages.CAMERA_TOPIC):
            yield from _video(stream, topic.removeprefix(messages.CAMERA_TOPIC), where, decode=decode)
        elif topic == "sound":
            yield from _each(stream, where, lambda data: _check_sound(data, robot.sound_hz or 0))
        elif topic == "snapshot":
            yield from _each(stream, where, Snapshot.from_bytes)
        elif topic == "fault":
            yield from _each(stream, where, messages.decode_fault)
        elif stream.messages:
            yield from _records(stream, topic, sheet, where)


def _records(stream: Stream, topic: str, sheet: EpisodeSheet, where: str) -> Iterator[Damage]:
    layout = getattr(messages.record_layouts(sheet.header.robot), topic, None)
    if layout is None or stream.schema != messages.record_schema(layout):  # that is told where the streams are counted
        return
    sizes = {len(message) for message in stream.messages}
    if sizes != {layout.itemsize}:
        yield Damage(where, "unreadable", f"its records have {sizes} bytes; they must have {layout.itemsize}")
        return
    records = messages.unpack_records(layout, stream.messages)
    if topic == "command":
        yield from _command(records, sheet, where)
        return
    apart_s = records["stamp_s"] - np.array(stream.log_times_ns, dtype=np.float64) * 1e-9
    for row in np.flatnonzero(~(np.abs(apart_s) < _SAME_S))[:1]:
        told = f"it says {records['stamp_s'][row]!r} s, its message {stream.log_times_ns[row]} ns"
        yield Damage(f"{where} step {stream.ticks[row]}", "stamps", told)
    for name in layout.names or ():
        yield from _not_finite(records[name], name, stream, where)


def _command(records: NDArray[np.void], sheet: EpisodeSheet, where: str) -> Iterator[Damage]:
    steps = records["step"]
    told = {gap.after_step: gap.steps for gap in sheet.losses.gaps}
    for row in np.flatnonzero(np.diff(steps) != 1 + np.array([told.get(int(step), 0) for step in steps[:-1]])):
        missing, lost = int(steps[row + 1] - steps[row] - 1), told.get(int(steps[row]), 0)
        found = f"step {steps[row + 1]} follows step {steps[row]}: {missing} are missing, {lost} are told as lost"
        yield Damage(f"{where} step {row}", "steps", found)
        break
    sent = records["sent_rad"]
    for row in np.flatnonzero(~np.isfinite(sent).reshape(len(sent), -1).all(axis=1))[:1]:
        yield Damage(f"{where} step {row}", "values", "what was sent is no number")
    for name, count in (("in_command", len(messages.COMMANDERS)), ("instruction", len(sheet.header.instructions))):
        for row in np.flatnonzero((records[name] < 0) | (records[name] >= count))[:1]:
            yield Damage(f"{where} step {row}", "values", f"{name} is {records[name][row]}; it must be below {count}")


def _not_finite(values: NDArray[np.float64], name: str, stream: Stream, where: str) -> Iterator[Damage]:
    wrong = ~np.isfinite(values).reshape(len(values), -1).all(axis=1)
    for row in np.flatnonzero(wrong)[:1]:
        yield Damage(f"{where} step {stream.ticks[row]}", "values", f"{name} is no number in {wrong.sum()} steps")


def _video(stream: Stream, camera: str, where: str, *, decode: bool) -> Iterator[Damage]:
    packets = []
    for tick, stamp_ns, data in zip(stream.ticks, stream.log_times_ns, stream.messages, strict=True):
        try:
            frame = CompressedVideo.FromString(data)
        except DecodeError as error:
            yield Damage(f"{where} step {tick}", "unreadable", f"it holds no video frame ({error})")
            return
        if (frame.frame_id, frame.format) != (camera, "h264"):
            yield Damage(f"{where} step {tick}", "values", f"it is a {frame.format} frame of {frame.frame_id!r}")
            return
        if frame.timestamp.ToNanoseconds() != stamp_ns:
            told = f"it was taken at {frame.timestamp.ToNanoseconds()} ns, its message says {stamp_ns} ns"
            yield Damage(f"{where} step {tick}", "stamps", told)
            return
        packets.append(frame.data)
    if not decode:
        return
    size = (stream.facts.get("width", ""), stream.facts.get("height", ""))
    if not all(number.isdecimal() for number in size):
        yield Damage(where, "unreadable", f"it says that its images are {' x '.join(size)}")
        return
    found = first_undecodable(packets, int(size[0]), int(size[1]))
    if found is not None:
        row, why = found
        yield Damage(f"{where} step {stream.ticks[row]}", "frames", why)


def _check_sound(data: bytes, sound_hz: int) -> None:
    block = RawAudio.FromString(data)
    if (block.format, block.sample_rate, block.number_of_channels) != ("pcm-s16", sound_hz, 1) or len(block.data) % 2:
        raise ValueError(f"it is {block.format} at {block.sample_rate} Hz; this robot's is pcm-s16 at {sound_hz} Hz")


def _each(stream: Stream, where: str, read: Callable[[bytes], object]) -> Iterator[Damage]:
    for tick, data in zip(stream.ticks, stream.messages, strict=True):
        try:
            read(data)
        except (DecodeError, EnvError, KeyError, ValueError, TypeError, OSError) as error:
            yield Damage(f"{where} step {tick}", "unreadable", f"{type(error).__name__}: {error}")
            return
