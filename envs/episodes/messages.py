"""The wire schema of `raw.mcap`: how each kind of reading becomes bytes and comes back.

Vectors are packed little-endian numpy records. Their MCAP schema has the encoding `numpy-record` and holds JSON, a list
of `{"name", "dtype", "shape"}` in the order of the bytes, so that a file explains itself. Sound, video and faults are
`foxglove.RawAudio`, `foxglove.CompressedVideo` and `foxglove.Log` protobufs, which viewers open as they are. A snapshot
is the bytes of `Snapshot.to_bytes`.

A message's sequence number is the tick it belongs to; faults that were found after the last tick belong to that one.
Its log time is the reading's own stamp and its publish time the stamp of the joints in the same tick, both in
nanoseconds of the body's clock.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from foxglove_schemas_protobuf.CompressedVideo_pb2 import CompressedVideo
from foxglove_schemas_protobuf.Log_pb2 import Log
from foxglove_schemas_protobuf.RawAudio_pb2 import RawAudio
from google.protobuf.descriptor import FileDescriptor
from google.protobuf.descriptor_pb2 import FileDescriptorSet
from google.protobuf.timestamp_pb2 import Timestamp
from numpy.typing import NDArray

from assets.robot import RobotSpec
from envs.body import Fault, Severity
from envs.episodes.records import Commander
from envs.errors import ArchiveError

RECORD_ENCODING = "numpy-record"
SNAPSHOT_ENCODING = "retake-snapshot"
CAMERA_TOPIC = "camera/"
COMMANDERS: tuple[Commander, ...] = ("nobody", "pilot", "policy")
_LEVEL_OF_SEVERITY: dict[Severity, int] = {"note": Log.INFO, "soft": Log.WARNING, "hard": Log.ERROR}
_SEVERITY_OF_LEVEL = {level: severity for severity, level in _LEVEL_OF_SEVERITY.items()}


@dataclass(frozen=True)
class RecordLayouts:
    """The numpy records of one robot; a stream that the robot lacks is None."""

    joints: np.dtype[np.void]
    command: np.dtype[np.void]
    touch: np.dtype[np.void] | None
    imu: np.dtype[np.void] | None


def record_layouts(robot: RobotSpec) -> RecordLayouts:
    """What a record of each vector stream looks like for this robot."""
    vector = ("<f8", (len(robot.joints),))
    joints = [("stamp_s", "<f8"), ("position_rad", *vector), ("velocity_rad_s", *vector), ("effort_nm", *vector)]
    command = [
        ("step", "<i8"),
        ("sent_rad", *vector),
        ("pilot_rad", *vector),  # NaN where no pilot spoke
        ("policy_rad", *vector),  # NaN where no policy spoke
        ("in_command", "<i1"),  # index into COMMANDERS
        ("instruction", "<i4"),
        ("doubt", "<f8"),  # NaN where none was given
    ]
    pads = (len(robot.pads), robot.pads[0].rows, robot.pads[0].columns) if robot.pads else None
    imu = [("stamp_s", "<f8"), ("rate_rad_s", "<f8", (3,)), ("acceleration_m_s2", "<f8", (3,))]
    return RecordLayouts(
        joints=np.dtype(joints),
        command=np.dtype(command),
        touch=np.dtype([("stamp_s", "<f8"), ("force_n", "<f8", pads)]) if pads else None,
        imu=np.dtype(imu) if robot.has_imu else None,
    )


def record_schema(layout: np.dtype[np.void]) -> bytes:
    """The MCAP schema data of a record."""
    fields = []
    for name in layout.names or ():
        base, shape = layout[name].base, layout[name].shape
        fields.append({"name": name, "dtype": base.str, "shape": list(shape)})
    return json.dumps(fields).encode()


def layout_of_schema(data: bytes) -> np.dtype[np.void]:
    """The inverse of `record_schema`."""
    return np.dtype([(field["name"], field["dtype"], tuple(field["shape"])) for field in json.loads(data)])


def pack_record(layout: np.dtype[np.void], **values: Any) -> bytes:
    """One record as bytes.

    Raises:
        ArchiveError: a value does not have the shape that the robot gives it.
    """
    record = np.zeros((), dtype=layout)
    for name, value in values.items():
        if np.shape(value) != layout[name].shape:
            raise ArchiveError(f"{name} has shape {np.shape(value)}; this robot needs {layout[name].shape}")
        record[name] = value
    return record.tobytes()


def unpack_records(layout: np.dtype[np.void], messages: list[bytes]) -> NDArray[np.void]:  # (messages,)
    """Many records at once."""
    return np.frombuffer(b"".join(messages), dtype=layout)


def encode_sound(samples: NDArray[np.int16], newest_stamp_s: float, sound_hz: int) -> bytes:
    """A block of samples as RawAudio. Its timestamp is that of its first sample."""
    first_stamp_s = newest_stamp_s - (len(samples) - 1) / sound_hz
    message = RawAudio(
        timestamp=_timestamp(first_stamp_s),
        data=samples.astype("<i2").tobytes(),
        format="pcm-s16",
        sample_rate=sound_hz,
        number_of_channels=1,
    )
    return message.SerializeToString()


def decode_sound(data: bytes) -> NDArray[np.int16]:  # (samples,)
    """The samples of a RawAudio block."""
    return np.frombuffer(RawAudio.FromString(data).data, dtype="<i2").astype(np.int16)


def encode_frame(packet: bytes, camera: str, stamp_s: float) -> bytes:
    """One h264 access unit as CompressedVideo."""
    return CompressedVideo(
        timestamp=_timestamp(stamp_s), frame_id=camera, data=packet, format="h264"
    ).SerializeToString()


def decode_frame(data: bytes) -> bytes:
    """The h264 access unit of a CompressedVideo."""
    return CompressedVideo.FromString(data).data


def encode_fault(fault: Fault, stamp_s: float) -> bytes:
    """A fault as Log: note, soft and hard become the levels INFO, WARNING and ERROR."""
    return Log(
        timestamp=_timestamp(stamp_s),
        level=_LEVEL_OF_SEVERITY[fault.severity],  # type: ignore[arg-type]  # protobuf enums are plain ints at run time
        message=fault.message,
        name=fault.source,
    ).SerializeToString()


def decode_fault(data: bytes) -> Fault:
    """The inverse of `encode_fault`."""
    message = Log.FromString(data)
    return Fault(_SEVERITY_OF_LEVEL[message.level], message.name, message.message)


def descriptor_set(message_type: Any) -> bytes:
    """The MCAP schema data of a protobuf: its file and all that it imports."""
    files: dict[str, FileDescriptor] = {}

    def visit(file: FileDescriptor) -> None:
        for dependency in file.dependencies:
            visit(dependency)
        files.setdefault(file.name, file)

    visit(message_type.DESCRIPTOR.file)
    result = FileDescriptorSet()
    for file in files.values():
        file.CopyToProto(result.file.add())
    return result.SerializeToString()


def nanoseconds(stamp_s: float) -> int:
    """A stamp as MCAP wants it.

    Raises:
        ArchiveError: the stamp is negative or not finite.
    """
    if not math.isfinite(stamp_s) or stamp_s < 0.0:
        raise ArchiveError(f"a reading is stamped {stamp_s!r} s; stamps are finite and not negative")
    return round(stamp_s * 1e9)


def _timestamp(stamp_s: float) -> Timestamp:
    seconds, rest = divmod(round(stamp_s * 1e9), 1_000_000_000)
    return Timestamp(seconds=seconds, nanos=rest)
