"""Reads the messages of `raw.mcap`, also of one that breaks off."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from pathlib import Path

from mcap.exceptions import EndOfFile, McapError
from mcap.records import Channel, Message, Schema
from mcap.stream_reader import StreamReader

from envs.errors import ArchiveError


@dataclass
class Stream:
    """The messages of one topic, as they lie in the file."""

    schema: bytes = b""
    facts: dict[str, str] = field(default_factory=dict)  # what the writer said of the channel
    ticks: list[int] = field(default_factory=list)  # the tick that each message belongs to
    log_times_ns: list[int] = field(default_factory=list)
    messages: list[bytes] = field(default_factory=list)


@dataclass(frozen=True)
class Streams:
    """All streams of an episode up to its last whole tick."""

    by_topic: dict[str, Stream]
    ticks: int
    is_whole: bool  # False where the file breaks off


def read_streams(path: Path) -> Streams:
    """The messages of `raw.mcap`, in order, up to the last whole tick.

    Raises:
        ArchiveError: the file is missing or is no recording.
    """
    schemas: dict[int, bytes] = {0: b""}
    channels: dict[int, Stream] = {}
    by_topic: dict[str, Stream] = {}
    is_whole = True
    try:
        with path.open("rb") as file:
            try:
                for record in StreamReader(file).records:
                    if isinstance(record, Message):
                        stream = channels[record.channel_id]
                        stream.ticks.append(record.sequence)
                        stream.log_times_ns.append(record.log_time)
                        stream.messages.append(record.data)
                    elif isinstance(record, Channel) and record.topic not in by_topic:
                        channels[record.id] = by_topic[record.topic] = Stream(
                            schemas[record.schema_id], record.metadata
                        )
                    elif isinstance(record, Schema):
                        schemas[record.id] = record.data
            except (EndOfFile, struct.error):
                is_whole = False
    except OSError as error:
        raise ArchiveError(f"cannot read {path}: {error.strerror}; restore it from a copy") from error
    except (McapError, KeyError, ValueError) as error:
        raise ArchiveError(f"{path} is not a recording or is damaged ({error!r}); restore it from a copy") from error
    ticks = len(by_topic["command"].messages) if "command" in by_topic else 0
    for stream in by_topic.values():
        _cut(stream, ticks)
    return Streams(by_topic, ticks, is_whole)


def _cut(stream: Stream, ticks: int) -> None:
    """Drop what belongs to a tick that was never completed."""
    while stream.ticks and stream.ticks[-1] >= ticks:
        del stream.ticks[-1], stream.log_times_ns[-1], stream.messages[-1]
