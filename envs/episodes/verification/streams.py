"""The streams of an episode against its sheet and against each other."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np

from envs.episodes import messages
from envs.episodes.sheet import EpisodeSheet
from envs.episodes.stream_reader import Stream, Streams
from envs.episodes.verification.damage import Damage
from envs.episodes.verification.payloads import payload_damages

_EVERY_TICK = ("joints", "command")
_ENOUGH = 5  # damages of one kind in one stream; more say nothing new


def stream_damages(sheet: EpisodeSheet, streams: Streams, place: str, *, decode: bool) -> Iterator[Damage]:
    """All that is wrong with the streams of an episode that has ended."""
    if streams.ticks != sheet.ticks:
        yield Damage(place, "counts", f"it holds {streams.ticks} of the {sheet.ticks} steps that the sheet tells of")
    yield from _counts(sheet, streams, place)
    if not streams.ticks:
        return
    yield from _layouts(sheet, streams, place)
    yield from _ticks(streams, place)
    yield from _stamps(streams, place)
    yield from payload_damages(sheet, streams, place, decode=decode)


def _counts(sheet: EpisodeSheet, streams: Streams, place: str) -> Iterator[Damage]:
    for topic in sorted(set(sheet.counts) | set(streams.by_topic)):
        told = sheet.counts.get(topic, 0)
        if topic not in streams.by_topic:
            yield Damage(f"{place} {topic}", "missing", f"there is no such stream; the sheet tells of {told} messages")
        elif (found := len(streams.by_topic[topic].messages)) != told:
            yield Damage(f"{place} {topic}", "counts", f"there are {found} messages; the sheet tells of {told}")


def _layouts(sheet: EpisodeSheet, streams: Streams, place: str) -> Iterator[Damage]:
    layouts = messages.record_layouts(sheet.header.robot)
    for topic, layout in (("joints", layouts.joints), ("command", layouts.command), ("touch", layouts.touch),
                          ("imu", layouts.imu)):  # fmt: skip
        if layout is None:
            continue
        if topic not in streams.by_topic:
            yield Damage(f"{place} {topic}", "missing", "this robot has such a stream")
        elif streams.by_topic[topic].schema != messages.record_schema(layout):
            yield Damage(f"{place} {topic}", "values", "its records are not laid out as this robot's")
    if sheet.header.robot.sound_hz is not None and "sound" not in streams.by_topic:
        yield Damage(f"{place} sound", "missing", "this robot has such a stream")


def _ticks(streams: Streams, place: str) -> Iterator[Damage]:
    """Exactly one message a step where that is promised; in order, and of a step that there is, everywhere."""
    for topic, stream in streams.by_topic.items():
        is_video = topic.startswith(messages.CAMERA_TOPIC)
        ticks = np.array(stream.ticks, dtype=np.int64)
        if topic in _EVERY_TICK or is_video:
            found = np.bincount(ticks[(ticks >= 0) & (ticks < streams.ticks)], minlength=streams.ticks)
            for tick in np.flatnonzero(found != 1)[:_ENOUGH]:
                what = "images" if is_video else "records"
                told = f"there are {found[tick]} {what} of it"
                yield Damage(f"{place} {topic} step {tick}", "frames" if is_video else "steps", told)
        if len(ticks) and (np.diff(ticks) < 0).any():
            first = int(np.flatnonzero(np.diff(ticks) < 0)[0])
            told = f"a message of step {ticks[first + 1]} follows"
            yield Damage(f"{place} {topic} step {ticks[first]}", "steps", told)


def _stamps(streams: Streams, place: str) -> Iterator[Damage]:
    """Time goes on; no stream's stamps run backwards; what belongs to one step was published at one moment."""
    joints = streams.by_topic.get("joints", Stream())
    published = dict(zip(joints.ticks, joints.log_times_ns, strict=True))
    yield from _backwards(joints, place, "joints", strictly=True)
    for topic, stream in streams.by_topic.items():
        if topic not in ("joints", "fault"):  # a fault has the stamp of its finding
            yield from _backwards(stream, place, topic, strictly=False)
        for tick, publish_ns in zip(stream.ticks, stream.publish_times_ns, strict=True):
            if published.get(tick, publish_ns) != publish_ns:
                told = f"it was published at {publish_ns} ns, when the joints were read at {published[tick]} ns"
                yield Damage(f"{place} {topic} step {tick}", "stamps", told)
                break


def _backwards(stream: Stream, place: str, topic: str, *, strictly: bool) -> Iterator[Damage]:
    pairs = enumerate(pairwise(stream.log_times_ns))
    wrong = [row for row, (before, after) in pairs if after < before or (strictly and after == before)]
    if wrong:
        before, after = stream.log_times_ns[wrong[0]], stream.log_times_ns[wrong[0] + 1]
        told = f"{after} ns follows {before} ns, and so {len(wrong)} times"
        yield Damage(f"{place} {topic} step {stream.ticks[wrong[0] + 1]}", "stamps", told)
