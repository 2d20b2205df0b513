"""Reads the messages of `raw.mcap`, also of one that breaks off."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from mcap.exceptions import EndOfFile, InvalidMagic, McapError
from mcap.opcode import Opcode
from mcap.records import Channel, McapRecord, Message, Metadata, Schema
from mcap.stream_reader import StreamReader

from envs.errors import UnreadableError

ABOUT_NAME = "retake.episode"  # of the metadata in which a file says what it is a recording of


@dataclass
class Stream:
    """The messages of one topic, as they lie in the file."""

    schema: bytes = b""
    schema_name: str = ""
    facts: dict[str, str] = field(default_factory=dict)  # what the writer said of the channel
    ticks: list[int] = field(default_factory=list)  # the tick that each message belongs to
    log_times_ns: list[int] = field(default_factory=list)
    publish_times_ns: list[int] = field(default_factory=list)
    messages: list[bytes] = field(default_factory=list)


@dataclass(frozen=True)
class Streams:
    """All streams of an episode up to its last whole tick."""

    by_topic: dict[str, Stream]
    ticks: int
    is_whole: bool  # False where the file breaks off
    broken_by: str = ""  # why it cannot be read to its end
    about: str = ""  # the newest sheet that the file carries, as JSON


class Records:
    """The records of a file one after the other, up to its end or to where it cannot be read any further.

    Raises:
        UnreadableError: on iteration, where the file is missing or is no recording.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.is_whole = False  # once iterated: whether the file was read to its proper end
        self.broken_by = ""

    def __iter__(self) -> Iterator[McapRecord]:
        path = self._path
        try:
            with path.open("rb") as file:
                # A flipped bit in a length must not ask for gigabytes.
                yield from StreamReader(file, record_size_limit=path.stat().st_size).records
                self.is_whole = True
        except OSError as error:
            raise UnreadableError(f"cannot read {path}: {error.strerror}; restore it from a copy") from error
        except InvalidMagic as error:
            if self._begins_badly():
                raise UnreadableError(
                    f"{path} is not a recording or is damaged ({error!r}); restore it from a copy"
                ) from error
            self.broken_by = "the end mark is damaged"
        except (EndOfFile, struct.error):
            self.broken_by = "it breaks off"
        except (McapError, UnicodeDecodeError) as error:
            self.broken_by = f"a record is damaged ({type(error).__name__}: {error})"

    def _begins_badly(self) -> bool:
        with self._path.open("rb") as file:
            return file.read(len(_MAGIC)) != _MAGIC


_MAGIC = b"\x89MCAP0\r\n"
_DATA_END = struct.Struct("<BQI")  # opcode, length, CRC-32 of all bytes before it
_FOOTER = struct.Struct("<BQQQI8s")  # opcode, length, where the summary and its offsets begin, CRC-32, magic
_PIECE = 1 << 20  # bytes


def is_as_written(path: Path) -> bool:
    """Whether a file that can be read to its end holds the checksums of its own bytes; True where it holds none.

    The layout is that of https://mcap.dev/spec: one checksum of the data, one of the summary.

    Raises:
        OSError: the file cannot be read.
    """
    with path.open("rb") as file:
        footer_begin = path.stat().st_size - _FOOTER.size
        file.seek(footer_begin)
        told = file.read(_FOOTER.size)
        _, _, summary_begin, _, summary_crc, _ = _FOOTER.unpack(told)
        data_end = (summary_begin or footer_begin) - _DATA_END.size
        if not len(_MAGIC) <= data_end <= footer_begin - _DATA_END.size:
            return False
        file.seek(data_end)
        opcode, _, data_crc = _DATA_END.unpack(file.read(_DATA_END.size))
        if opcode != Opcode.DATA_END:
            return False
        of_summary = _crc32(file, data_end + _DATA_END.size, footer_begin)
        checked = told[: _FOOTER.size - len(_MAGIC) - 4]  # all of the footer before its own checksum
        is_summary_right = summary_crc in (0, zlib.crc32(checked, of_summary))
        return is_summary_right and data_crc in (0, _crc32(file, 0, data_end))


def _crc32(file: IO[bytes], begin: int, end: int) -> int:
    file.seek(begin)
    crc = 0
    while begin < end and (piece := file.read(min(_PIECE, end - begin))):
        crc = zlib.crc32(piece, crc)
        begin += len(piece)
    return crc


def read_streams(path: Path) -> Streams:
    """The messages of `raw.mcap`, in order, up to the last whole tick.

    Raises:
        UnreadableError: the file is missing or is no recording.
    """
    schemas: dict[int, Schema] = {}
    channels: dict[int, Stream] = {}
    by_topic: dict[str, Stream] = {}
    about, stray = "", ""
    records = Records(path)
    for record in records:
        if isinstance(record, Message):
            stream = channels.get(record.channel_id)
            if stream is None:
                stray = f"a message belongs to channel {record.channel_id}, which there is not"
                break
            stream.ticks.append(record.sequence)
            stream.log_times_ns.append(record.log_time)
            stream.publish_times_ns.append(record.publish_time)
            stream.messages.append(record.data)
        elif isinstance(record, Channel) and record.topic not in by_topic:
            schema = schemas.get(record.schema_id, _NO_SCHEMA)
            channels[record.id] = by_topic[record.topic] = Stream(schema.data, schema.name, record.metadata)
        elif isinstance(record, Schema):
            schemas[record.id] = record
        elif isinstance(record, Metadata) and record.name == ABOUT_NAME:
            about = record.metadata.get("sheet", "")
    ticks = len(by_topic["command"].messages) if "command" in by_topic else 0
    for stream in by_topic.values():
        _cut(stream, ticks)
    return Streams(by_topic, ticks, records.is_whole and not stray, stray or records.broken_by, about)


_NO_SCHEMA = Schema(id=0, name="", encoding="", data=b"")


def _cut(stream: Stream, ticks: int) -> None:
    """Drop what belongs to a tick that was never completed."""
    while stream.ticks and stream.ticks[-1] >= ticks:
        del stream.ticks[-1], stream.log_times_ns[-1], stream.publish_times_ns[-1], stream.messages[-1]
