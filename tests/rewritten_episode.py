"""Recordings with something wrong in them, under a seal that fits: what is left then must be seen in the streams."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from mcap.reader import make_reader
from mcap.writer import Writer

from envs.episodes.seal import seal_file
from envs.episodes.sheet import read_sheet, write_sheet


@dataclass(frozen=True)
class Told:
    """One message, as the mcap library reads it."""

    topic: str
    tick: int
    log_ns: int
    publish_ns: int
    data: bytes


Change = Callable[[list[Told]], list[Told]]


def rewrite(folder: Path, change: Change, *, about: Callable[[str], str] = lambda text: text) -> None:
    """Write an episode's recording anew with other messages or another word about itself, and seal it again."""
    path = folder / "raw.mcap"
    with path.open("rb") as file:
        reader = make_reader(file)
        summary = reader.get_summary()
        told = [
            Told(channel.topic, message.sequence, message.log_time, message.publish_time, message.data)
            for _, channel, message in reader.iter_messages(log_time_order=False)
        ]
        word = [record.metadata for record in reader.iter_metadata()][-1]["sheet"]
    with path.open("wb") as file:
        writer = Writer(file, use_chunking=False)
        writer.start(profile="", library="test")
        schemas = {0: 0}
        for number, schema in sorted(summary.schemas.items()):
            schemas[number] = writer.register_schema(schema.name, schema.encoding, schema.data)
        channels = {
            channel.topic: writer.register_channel(
                channel.topic, channel.message_encoding, schemas[channel.schema_id], channel.metadata
            )
            for _, channel in sorted(summary.channels.items())
        }
        for one in change(told):
            writer.add_message(channels[one.topic], one.log_ns, one.data, one.publish_ns, one.tick)
        writer.add_metadata("retake.episode", {"sheet": about(word)})
        writer.finish()
    sheet = read_sheet(folder)
    write_sheet(folder, replace(sheet, seal=seal_file(path, sheet.ticks)))


def at(topic: str, tick: int, change: Callable[[Told], Told | None]) -> Change:
    """Change the messages of one stream and tick; None takes one away."""

    def changed(told: list[Told]) -> list[Told]:
        made = [change(one) if (one.topic, one.tick) == (topic, tick) else one for one in told]
        return [one for one in made if one is not None]

    return changed
