"""Reads an episode back, whole or cut off by a crash."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from envs.body import SOUND_WINDOW, Fault
from envs.episodes import messages
from envs.episodes.seal import changed_stretches
from envs.episodes.sheet import EpisodeSheet, read_sheet
from envs.episodes.stream_reader import Stream, Streams, read_streams
from envs.episodes.stream_writer import STREAM_NAME
from envs.episodes.video import decode_frames
from envs.errors import ArchiveError, EnvError, UnreadableError
from envs.snapshot import Snapshot

FloatArray = NDArray[np.float64]
Message = TypeVar("Message")


@dataclass(frozen=True)
class VideoTrack:
    """The encoded images of one camera, one a tick."""

    height: int
    width: int
    packets: tuple[bytes, ...]  # h264 access units, Annex B
    stamp_s: FloatArray  # (ticks,) when each image was taken


@dataclass(frozen=True)
class Episode:
    """One episode as arrays, row t being what was sensed, wished and sent at tick t."""

    path: Path
    sheet: EpisodeSheet
    step: NDArray[np.int64]  # (ticks,)
    stamp_s: FloatArray  # (ticks,) of the joints
    position_rad: FloatArray  # (ticks, joints)
    velocity_rad_s: FloatArray  # (ticks, joints)
    effort_nm: FloatArray  # (ticks, joints)
    sent_rad: FloatArray  # (ticks, joints)
    pilot_rad: FloatArray  # (ticks, joints), NaN where no pilot spoke
    policy_rad: FloatArray  # (ticks, joints), NaN where no policy spoke
    in_command: NDArray[np.str_]  # (ticks,) "nobody", "pilot" or "policy"
    instruction: NDArray[np.int64]  # (ticks,)
    doubt: FloatArray  # (ticks,), NaN where none was given
    touch_n: FloatArray  # (ticks, pads, rows, columns); no pads, no numbers
    touch_stamp_s: FloatArray  # (ticks,)
    imu: FloatArray  # (ticks, 6) rate then acceleration; (ticks, 0) without an IMU
    imu_stamp_s: FloatArray  # (ticks,)
    sound: NDArray[np.int16]  # (samples,) all that was heard, beginning with the window of the first tick
    sound_end: NDArray[np.int64]  # (ticks,) how many of these samples had been heard by each tick
    sound_stamp_s: FloatArray  # (ticks,) of the newest of them; of the joints before there is any
    video: Mapping[str, VideoTrack]
    snapshots: Mapping[int, Snapshot]  # by tick
    faults: tuple[tuple[int, Fault], ...]  # with the tick of each

    @property
    def ticks(self) -> int:
        return len(self.stamp_s)

    def sound_window(self, tick: int) -> NDArray[np.int16]:  # (SOUND_WINDOW,)
        """The last half second of sound as the robot had it at a tick, newest sample last; silence without sound."""
        window = np.zeros(SOUND_WINDOW, dtype=np.int16)
        end = int(self.sound_end[tick])
        heard = self.sound[max(end - SOUND_WINDOW, 0) : end]
        window[SOUND_WINDOW - len(heard) :] = heard
        return window

    def sound_windows(self) -> NDArray[np.int16]:  # (ticks, SOUND_WINDOW)
        """`sound_window` of every tick."""
        if not self.ticks:
            return np.zeros((0, SOUND_WINDOW), dtype=np.int16)
        return np.stack([self.sound_window(tick) for tick in range(self.ticks)])

    def decode_images(self, camera: str) -> NDArray[np.uint8]:  # (ticks, height, width, 3)
        """The RGB images of one camera, one a tick.

        Raises:
            ArchiveError: the episode has no such camera, or its video is damaged.
        """
        if camera not in self.video:
            raise ArchiveError(f"{self.path} has no images of {camera!r}; it has {sorted(self.video) or 'none at all'}")
        return decode_frames(self.video[camera].packets)

    @cached_property
    def was_alarmed_at(self) -> int | None:
        """The tick at which the policy's doubt raised an alarm, if it did."""
        step = self.sheet.outcome.alarm_step if self.sheet.outcome else None
        if step is None:
            return None
        found = np.flatnonzero(self.step >= step)
        return int(found[0]) if len(found) else None


def read_episode(path: Path | str) -> Episode:
    """The episode in a folder. Of a crashed recording, everything up to the last flushed tick.

    Raises:
        ArchiveError: a file is missing or damaged, or a finished episode holds fewer ticks than its sheet says.
    """
    folder = Path(path)
    sheet = read_sheet(folder)
    streams = read_streams(folder / STREAM_NAME)
    if sheet.status == "complete" and (not streams.is_whole or streams.ticks != sheet.ticks):
        raise ArchiveError(
            f"{folder / STREAM_NAME} holds {streams.ticks} of the {sheet.ticks} steps that were recorded; restore it "
            "from a copy"
        )
    return _assemble(folder, sheet, streams)


def refuse_altered(episode: Episode) -> None:
    """Compare the recording of an episode with its seal, byte for byte. One that was cut off has no seal.

    Raises:
        UnreadableError: it is not what was recorded.
    """
    path, seal = episode.path / STREAM_NAME, episode.sheet.seal
    if seal is None:
        return
    try:
        changed = changed_stretches(path, seal)
    except OSError as error:
        raise UnreadableError(f"cannot read {path}: {error.strerror}; restore it from a copy") from error
    if changed:
        first = changed[0]
        raise UnreadableError(
            f"{path} is not what was recorded: bytes {first.begin} to {first.end} were altered (steps "
            f"{first.first_tick} to {first.end_tick}); restore it from a copy"
        )


def _assemble(folder: Path, sheet: EpisodeSheet, streams: Streams) -> Episode:
    robot, ticks = sheet.header.robot, streams.ticks
    joints, command = _records(streams, "joints"), _records(streams, "command")
    if joints is None or command is None:
        layouts = messages.record_layouts(robot)
        joints, command = np.empty(0, layouts.joints), np.empty(0, layouts.command)
    touch, imu = _records(streams, "touch", every_tick=True), _records(streams, "imu", every_tick=True)
    sound, sound_end = _sound(streams)
    snapshots = streams.by_topic.get("snapshot", Stream())
    faults = streams.by_topic.get("fault", Stream())
    return Episode(
        path=folder,
        sheet=sheet,
        step=command["step"],
        stamp_s=joints["stamp_s"],
        position_rad=joints["position_rad"],
        velocity_rad_s=joints["velocity_rad_s"],
        effort_nm=joints["effort_nm"],
        sent_rad=command["sent_rad"],
        pilot_rad=command["pilot_rad"],
        policy_rad=command["policy_rad"],
        in_command=np.array(messages.COMMANDERS)[command["in_command"]],
        instruction=command["instruction"].astype(np.int64),
        doubt=command["doubt"],
        touch_n=np.zeros((ticks, 0, 0, 0)) if touch is None else touch["force_n"],
        touch_stamp_s=joints["stamp_s"] if touch is None else touch["stamp_s"],
        imu=np.zeros((ticks, 0)) if imu is None else np.hstack([imu["rate_rad_s"], imu["acceleration_m_s2"]]),
        imu_stamp_s=joints["stamp_s"] if imu is None else imu["stamp_s"],
        sound=sound,
        sound_end=sound_end,
        sound_stamp_s=_sound_stamps(streams, joints["stamp_s"]),
        video={
            topic.removeprefix(messages.CAMERA_TOPIC): _track(stream)
            for topic, stream in streams.by_topic.items()
            if topic.startswith(messages.CAMERA_TOPIC)
        },
        snapshots=dict(_decoded(folder, "snapshot", Snapshot.from_bytes, snapshots)),
        faults=tuple(_decoded(folder, "fault", messages.decode_fault, faults)),
    )


def _decoded(folder: Path, kind: str, decode: Callable[[bytes], Message], stream: Stream) -> list[tuple[int, Message]]:
    """The messages of a stream, each with its tick."""
    found = []
    for tick, data in zip(stream.ticks, stream.messages, strict=True):
        try:
            found.append((int(tick), decode(data)))
        except (EnvError, ValueError, KeyError, TypeError) as error:
            raise UnreadableError(
                f"the {kind} at step {tick} of {folder / STREAM_NAME} cannot be read ({error}); restore the file from "
                "a copy"
            ) from error
    return found


def _track(stream: Stream) -> VideoTrack:
    return VideoTrack(
        height=int(stream.facts["height"]),
        width=int(stream.facts["width"]),
        packets=tuple(messages.decode_frame(data) for data in stream.messages),
        stamp_s=np.array(stream.log_times_ns, dtype=np.float64) * 1e-9,
    )


def _records(streams: Streams, topic: str, every_tick: bool = False) -> NDArray[np.void] | None:
    """The records of a vector stream; with `every_tick`, the newest one at each tick."""
    stream = streams.by_topic.get(topic)
    if stream is None:
        return None
    records = messages.unpack_records(messages.layout_of_schema(stream.schema), stream.messages)
    if not every_tick:
        return records
    newest = np.searchsorted(stream.ticks, np.arange(streams.ticks), side="right") - 1
    return records[newest]


def _sound(streams: Streams) -> tuple[NDArray[np.int16], NDArray[np.int64]]:
    stream = streams.by_topic.get("sound")
    if stream is None or not stream.messages:
        return np.zeros(0, dtype=np.int16), np.zeros(streams.ticks, dtype=np.int64)
    blocks = [messages.decode_sound(data) for data in stream.messages]
    heard = np.concatenate([[0], np.cumsum([len(block) for block in blocks])])
    blocks_by_tick = np.searchsorted(stream.ticks, np.arange(streams.ticks), side="right")
    return np.concatenate(blocks), heard[blocks_by_tick]


def _sound_stamps(streams: Streams, otherwise_s: FloatArray) -> FloatArray:
    stream = streams.by_topic.get("sound")
    if stream is None or not stream.messages:
        return otherwise_s
    stamps_s = np.array(stream.log_times_ns, dtype=np.float64) * 1e-9
    blocks = np.searchsorted(stream.ticks, np.arange(streams.ticks), side="right")
    return np.where(blocks > 0, stamps_s[np.maximum(blocks - 1, 0)], otherwise_s)
