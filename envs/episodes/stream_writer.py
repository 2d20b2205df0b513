"""Writes the ticks of one episode to `raw.mcap`, so that a kill loses nothing that was written."""

from __future__ import annotations

from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Any, Protocol, cast

import numpy as np
from foxglove_schemas_protobuf.CompressedVideo_pb2 import CompressedVideo
from foxglove_schemas_protobuf.Log_pb2 import Log
from foxglove_schemas_protobuf.RawAudio_pb2 import RawAudio
from mcap.writer import Writer

from assets.robot import RobotSpec
from envs.body import BodyState, Fault
from envs.episodes import messages
from envs.episodes.records import LastFaults, Tick
from envs.episodes.seal import Seal
from envs.episodes.stream_reader import ABOUT_NAME
from envs.episodes.tick_file import TickFile
from envs.episodes.video import FrameEncoder, ImageEncoder
from envs.errors import ArchiveError

STREAM_NAME = "raw.mcap"
_READY = "going on to the next step"


class EncoderMaker(Protocol):
    """Makes the encoder of a camera, given its name, width, height and rate; `FrameEncoder` is one."""

    def __call__(self, camera: str, width: int, height: int, rate_hz: float, /) -> ImageEncoder: ...


class TickStream:
    """Turns ticks into messages. The command closes each tick: what follows is of the next, or the last faults.

    `about` says what the file is a recording of, so that it can be told without anything beside it. With `is_prepared`
    the encoders of the robot's cameras are opened now, for opening one keeps every other thread waiting.

    Raises:
        ArchiveError: a camera that is prepared for gives images that video cannot hold.
        OSError: the file cannot be made.
    """

    def __init__(
        self,
        path: Path,
        robot: RobotSpec,
        about: str = "",
        encoder: EncoderMaker = FrameEncoder,
        *,
        is_prepared: bool = False,
    ) -> None:
        self.counts: Counter[str] = Counter()  # messages by stream, of the ticks that are flushed
        self.busy_with = _READY  # what the writer does right now, for whoever waits for it
        self._make_encoder = encoder
        self._prepared: dict[tuple[str, int, int], ImageEncoder] = {}
        if is_prepared:
            for each in robot.cameras:
                key = each.name, each.width, each.height
                self._prepared[key] = encoder(*key, robot.control_hz)
        self._unflushed: list[str] = []
        self._robot = robot
        self._layouts = messages.record_layouts(robot)
        self._file = TickFile(path)
        # Chunks would be lost half full; a file without them can be read up to its last byte.
        self._mcap = Writer(cast(IO[bytes], self._file), use_chunking=False, enable_data_crcs=True)
        self._mcap.start(profile="", library="retake")
        self._channels: dict[str, int] = {}
        self._schemas: dict[str, int] = {}
        self._encoders: dict[str, ImageEncoder] | None = None
        self._tick = -1  # the one that is being written
        self._now_ns = 0
        self._touch_stamp_s = self._imu_stamp_s = -1.0
        self._sound_count = -1
        with ExitStack() as on_failure:
            on_failure.callback(self.close)
            self._open_record_channels()
            self._tell(about)
            self._file.flush()
            on_failure.pop_all()

    def write(self, tick: Tick) -> None:
        """Append one tick and flush it.

        Raises:
            ArchiveError: the tick does not fit the robot, or its cameras are not those of the first tick.
            OSError: the file cannot grow.
        """
        state = tick.state
        self._tick += 1
        self._now_ns = messages.nanoseconds(state.joints_stamp_s)
        self._write_senses(state)
        self._write_images(state)
        for fault in (*state.faults, *tick.faults):
            self._write_fault(fault, state.joints_stamp_s)
        if tick.snapshot is not None:
            self._put("snapshot", tick.snapshot.to_bytes(), state.joints_stamp_s)
        self._write_command(tick)
        self._flush()

    def sync(self) -> None:
        """Wait until all that was written is on the disk."""
        self.busy_with = "waiting for the disk"
        self._file.sync(self._tick + 1)
        self.busy_with = _READY

    def write_last(self, last: LastFaults) -> None:
        """Write what was found after the last tick; nothing, where there was no tick.

        Raises:
            ArchiveError: the last faults have no stamp that can be written.
            OSError: the file cannot grow.
        """
        if self._tick >= 0:
            for fault in last.faults:
                self._write_fault(fault, last.stamp_s)
            self._flush()

    def finish(self, about: str = "") -> Seal:
        """Write the summary that lets viewers seek, and return the seal of the file, which is whole then.

        Raises:
            OSError: the file cannot grow.
        """
        self._tell(about)
        self._mcap.finish()  # type: ignore[no-untyped-call]
        self._file.flush()
        self.sync()
        return self._file.seal(self._tick + 1)

    def close(self) -> None:
        """Release the file. May be called more than once."""
        self._file.close()

    def _tell(self, about: str) -> None:
        if about:
            self._mcap.add_metadata(ABOUT_NAME, {"sheet": about})

    def _flush(self) -> None:
        self.busy_with = "writing to the disk"
        self._file.flush()
        self.busy_with = _READY
        self.counts.update(self._unflushed)
        self._unflushed.clear()

    def _write_senses(self, state: BodyState) -> None:
        self._put_record(
            "joints",
            self._layouts.joints,
            state.joints_stamp_s,
            position_rad=state.position_rad,
            velocity_rad_s=state.velocity_rad_s,
            effort_nm=state.effort_nm,
        )
        if self._layouts.touch is not None and state.touch_stamp_s != self._touch_stamp_s:
            self._touch_stamp_s = state.touch_stamp_s
            self._put_record("touch", self._layouts.touch, state.touch_stamp_s, force_n=state.touch_n)
        imu = state.imu
        if self._layouts.imu is not None and imu.stamp_s != self._imu_stamp_s:
            self._imu_stamp_s = imu.stamp_s
            self._put_record(
                "imu",
                self._layouts.imu,
                imu.stamp_s,
                rate_rad_s=imu.rate_rad_s,
                acceleration_m_s2=imu.acceleration_m_s2,
            )
        if self._robot.sound_hz is not None:
            self._write_sound(state, self._robot.sound_hz)

    def _write_sound(self, state: BodyState, sound_hz: int) -> None:
        """The samples that are new; at the first tick the whole window, so that every window can be rebuilt."""
        window = len(state.sound)
        new = window if self._sound_count < 0 else state.sound_count - self._sound_count
        if new < 0:
            raise ArchiveError(f"sound_count went from {self._sound_count} back to {state.sound_count} in an episode")
        if new > window:
            lost = Fault("note", "recorder", f"{new - window} samples of sound lost between two steps")
            self._write_fault(lost, state.joints_stamp_s)
            new = window
        self._sound_count = state.sound_count
        if new:
            block = messages.encode_sound(state.sound[window - new :], state.sound_stamp_s, sound_hz)
            self._put("sound", block, state.sound_stamp_s)

    def _write_images(self, state: BodyState) -> None:
        if self._encoders is None:
            self._encoders = {camera: self._open_camera(camera, state) for camera in state.images}
        if state.images.keys() != self._encoders.keys():
            raise ArchiveError(
                f"the cameras of this episode are {sorted(self._encoders)}, this step has {sorted(state.images)}; a "
                "body that has no new image repeats the last one"
            )
        for camera, image in state.images.items():
            self.busy_with = f"encoding the images of {camera}"
            packet = self._encoders[camera].encode(image.pixels)
            topic = messages.CAMERA_TOPIC + camera
            self._put(topic, messages.encode_frame(packet, camera, image.stamp_s), image.stamp_s)

    def _write_fault(self, fault: Fault, stamp_s: float) -> None:
        self._put("fault", messages.encode_fault(fault, stamp_s), stamp_s)

    def _write_command(self, tick: Tick) -> None:
        silent = np.full(len(self._robot.joints), np.nan)
        record = messages.pack_record(
            self._layouts.command,
            step=tick.step,
            sent_rad=tick.sent_rad,
            pilot_rad=silent if tick.pilot_rad is None else tick.pilot_rad,
            policy_rad=silent if tick.policy_rad is None else tick.policy_rad,
            in_command=messages.COMMANDERS.index(tick.in_command),
            instruction=tick.instruction,
            doubt=np.nan if tick.doubt is None else tick.doubt,
        )
        self._put("command", record, tick.state.joints_stamp_s)

    def _put_record(self, topic: str, layout: np.dtype[np.void], stamp_s: float, **values: Any) -> None:
        self._put(topic, messages.pack_record(layout, stamp_s=stamp_s, **values), stamp_s)

    def _put(self, topic: str, data: bytes, stamp_s: float) -> None:
        log_ns = messages.nanoseconds(stamp_s)
        self._mcap.add_message(self._channels[topic], log_ns, data, publish_time=self._now_ns, sequence=self._tick)
        self._unflushed.append(topic)

    def _open_record_channels(self) -> None:
        layouts = self._layouts
        streams = {"joints": layouts.joints, "command": layouts.command, "touch": layouts.touch, "imu": layouts.imu}
        for topic, layout in streams.items():
            if layout is not None:
                schema = messages.record_schema(layout)
                self._open(topic, f"retake.{topic}", messages.RECORD_ENCODING, schema, messages.RECORD_ENCODING)
        self._open_protobuf("fault", Log)
        self._open("snapshot", "", "", b"", messages.SNAPSHOT_ENCODING)
        if self._robot.sound_hz is not None:
            self._open_protobuf("sound", RawAudio)

    def _open_camera(self, camera: str, state: BodyState) -> ImageEncoder:
        height, width = state.images[camera].pixels.shape[:2]
        self._open_protobuf(messages.CAMERA_TOPIC + camera, CompressedVideo, width=str(width), height=str(height))
        key = camera, width, height
        return self._prepared.pop(key, None) or self._make_encoder(*key, self._robot.control_hz)

    def _open_protobuf(self, topic: str, message: Any, **facts: str) -> None:
        schema = messages.descriptor_set(message)
        self._open(topic, message.DESCRIPTOR.full_name, "protobuf", schema, "protobuf", **facts)

    def _open(
        self, topic: str, name: str, schema_encoding: str, schema: bytes, message_encoding: str, **facts: str
    ) -> None:
        if name and name not in self._schemas:
            self._schemas[name] = self._mcap.register_schema(name, schema_encoding, schema)
        schema_id = self._schemas[name] if name else 0  # 0 means that there is none
        self._channels[topic] = self._mcap.register_channel(topic, message_encoding, schema_id, metadata=facts)
