"""Recorded h264 packets become an mp4 with frame k at exactly k / fps. Nothing is encoded again."""

from __future__ import annotations

import io
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av

from policies.errors import DatasetError


def remux(packets: Sequence[bytes], fps: int, path: Path) -> tuple[int, int]:
    """Write access units (Annex B, no B-frames) as a constant-rate mp4; return the height and width.

    Raises:
        DatasetError: the packets are not one h264 frame each.
        OSError: `path` cannot be written.
    """
    stream_bytes = io.BytesIO(b"".join(packets))
    try:
        with av.open(stream_bytes, "r", format="h264") as source:
            recorded = source.streams.video[0]
            # faststart puts the index first, so that a viewer can begin before it has the whole file.
            with av.open(str(path), "w", format="mp4", options={"movflags": "+faststart"}) as target:
                video = target.add_stream_from_template(recorded)
                video.time_base = Fraction(1, fps)
                count = 0
                for packet in source.demux(recorded):
                    if not packet.size:
                        continue
                    packet.stream = video
                    packet.time_base = Fraction(1, fps)
                    packet.pts = packet.dts = count
                    packet.duration = 1
                    target.mux(packet)
                    count += 1
            height, width = recorded.codec_context.height, recorded.codec_context.width
    except av.FFmpegError as error:
        if isinstance(error, OSError):
            raise
        raise DatasetError(f"the recorded video cannot be written to {path}: {error}") from error
    if count != len(packets):
        raise DatasetError(f"{len(packets)} recorded video packets hold {count} frames; the recording is damaged")
    return height, width
