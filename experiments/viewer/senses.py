"""What the robot saw, felt and heard, as rerun shows it: video as it was encoded, touch as heat maps, sound to play."""

from __future__ import annotations

import io
import wave

import numpy as np
from numpy.typing import NDArray

from assets.robot import PadSpec
from envs.episodes.reading import Episode
from experiments.viewer.log import EpisodeLog, import_rerun

FloatArray = NDArray[np.float64]

CAMERA, TOUCH, SOUND, IMU, AGE = "camera", "touch", "sound", "imu", "age"
HEAT = f"{TOUCH}/heat"
_GAP = 1  # taxels between two pads of the heat map
_SILENCE_DB = -96.0  # of 16 bits
_LEAST_SCALE_N = 1.0
_LOST_S = 0.1  # so much less sound than time has passed from one step to the next: blocks are shorter


def log_camera(log: EpisodeLog, episode: Episode, camera: str) -> None:
    """The recorded access units as they are, each at the step in which the robot had the image.

    When each image was taken is told by `log_ages`; two steps may hold the same one.
    """
    rr = import_rerun()
    track = episode.video[camera]
    ticks = np.arange(min(len(track.packets), episode.ticks))
    log.static(f"{CAMERA}/{camera}", rr.VideoStream(codec=rr.VideoCodec.H264))
    log.rows(f"{CAMERA}/{camera}", rr.VideoStream.columns(sample=list(track.packets[: len(ticks)])), ticks)


def log_touch(log: EpisodeLog, episode: Episode) -> None:
    """All pads side by side as one heat map in newton, and the sum of each pad."""
    rr = import_rerun()
    pads = episode.sheet.header.robot.pads
    heat_n = heat_map_n(episode.touch_n)
    scale_n = max(float(heat_n.max()), _LEAST_SCALE_N)
    count, height, width = heat_n.shape
    log.static(HEAT, rr.DepthImage.from_fields(colormap="inferno", depth_range=[0.0, scale_n], meter=1.0))
    picture = rr.components.ImageFormat(width=width, height=height, channel_datatype="F32")
    buffers = heat_n.astype(np.float32).reshape(count, -1).view(np.uint8)
    log.rows(HEAT, rr.DepthImage.columns(buffer=buffers, format=[picture] * count))
    corners, sizes = pad_places(pads)
    names = [pad.name.replace("_", " ") for pad in pads]
    frames = rr.Boxes2D(mins=corners, sizes=sizes, labels=names, colors=[180, 190, 200], show_labels=True)
    log.static(f"{TOUCH}/pads", frames)
    for number, pad in enumerate(pads):
        log.static(f"{TOUCH}/force/{pad.name}", rr.SeriesLines(names=f"{pad.name} (N)"))
        log.rows(f"{TOUCH}/force/{pad.name}", rr.Scalars.columns(scalars=episode.touch_n[:, number].sum(axis=(1, 2))))


def heat_map_n(touch_n: FloatArray) -> FloatArray:  # (ticks, rows, pads * columns + gaps)
    """The pads of each tick, (ticks, pads, rows, columns), side by side with a gap between two of them."""
    spaced = np.pad(touch_n, ((0, 0), (0, 0), (0, 0), (0, _GAP)))
    ticks, pads, rows, columns = spaced.shape
    return np.ascontiguousarray(spaced.transpose(0, 2, 1, 3).reshape(ticks, rows, pads * columns)[:, :, :-_GAP])


def pad_places(pads: tuple[PadSpec, ...]) -> tuple[FloatArray, FloatArray]:  # (pads, 2) corners, (pads, 2) sizes
    """Where `heat_map_n` puts each pad, in pixels."""
    corners = np.array([[number * (pad.columns + _GAP), 0.0] for number, pad in enumerate(pads)])
    return corners, np.array([[pad.columns, pad.rows] for pad in pads], dtype=np.float64)


def log_sound(log: EpisodeLog, episode: Episode) -> None:
    """All that was heard, to look at and to listen to, and how loud each step was.

    The sound begins before the first step, by as much as the robot had heard by then. Where samples were lost, it goes
    on as a piece of its own, so that what is heard stays beside what is seen.
    """
    rr = import_rerun()
    rate_hz = episode.sheet.header.robot.sound_hz
    if not rate_hz or not len(episode.sound) or not episode.ticks:
        return
    pieces = sound_pieces(episode.sound_end, log.time_s, rate_hz)
    files = [wav_file(episode.sound[first:end], rate_hz) for _, first, end in pieces]
    columns = rr.AssetAudio.columns(blob=files, media_type=["audio/wav"] * len(files))
    log.at_times(SOUND, [starts_s for starts_s, _, _ in pieces], columns)
    log.static(f"{SOUND}/level", rr.SeriesLines(names="loudness (dB of full scale)"))
    log.rows(f"{SOUND}/level", rr.Scalars.columns(scalars=loudness_db(episode)))


def sound_pieces(sound_end: NDArray[np.int64], time_s: FloatArray, rate_hz: int) -> list[tuple[float, int, int]]:
    """When each unbroken piece of sound begins, and its first and last sample; the last one is not of it.

    Args:
        sound_end: (ticks,) samples that had been heard by each tick.
        time_s: (ticks,) of the ticks.
        rate_hz: of the sound.
    """
    behind_s = time_s - sound_end / rate_hz
    breaks = np.flatnonzero(np.diff(behind_s) > _LOST_S)
    firsts = [0, *sound_end[breaks].tolist()]
    ends = [*sound_end[breaks].tolist(), int(sound_end[-1])]
    # A piece ends with what is heard at a tick, so the samples of its first tick tell when it begins.
    heard_by = [0, *(breaks + 1).tolist()]
    starts_s = [
        float(time_s[tick]) - (int(sound_end[tick]) - first) / rate_hz
        for tick, first in zip(heard_by, firsts, strict=True)
    ]
    return list(zip(starts_s, firsts, ends, strict=True))


def wav_file(samples: NDArray[np.int16], rate_hz: int) -> bytes:
    """One channel of sound as the bytes of a WAV file."""
    held = io.BytesIO()
    with wave.open(held, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate_hz)
        file.writeframes(samples.astype("<i2").tobytes())
    return held.getvalue()


def loudness_db(episode: Episode) -> FloatArray:  # (ticks,)
    """Root mean square of what was newly heard by each step, in decibels of full scale."""
    ends = episode.sound_end
    begins = np.concatenate([[0], ends[:-1]])
    energy = np.concatenate([[0.0], np.cumsum((episode.sound / 2.0**15) ** 2)])
    heard = np.maximum(ends - begins, 1)
    mean_square = np.maximum(energy[ends] - energy[begins], 0.0) / heard
    return np.asarray(10.0 * np.log10(np.maximum(mean_square, 10.0 ** (_SILENCE_DB / 10.0))))


def log_imu(log: EpisodeLog, episode: Episode) -> None:
    rr = import_rerun()
    for name, unit, first in (("rate", "rad/s", 0), ("acceleration", "m/s²", 3)):
        log.static(f"{IMU}/{name}", rr.SeriesLines(names=[f"{name} {axis} ({unit})" for axis in "xyz"]))
        values = np.ascontiguousarray(episode.imu[:, first : first + 3])
        log.rows(f"{IMU}/{name}", rr.Scalars.columns(scalars=values.reshape(-1)).partition([3] * len(values)))


def log_ages(log: EpisodeLog, episode: Episode) -> None:
    """How much older than the joints each other reading was, in milliseconds."""
    rr = import_rerun()
    stamps_s = {f"{CAMERA}/{name}": track.stamp_s for name, track in episode.video.items()}
    if episode.touch_n.size:
        stamps_s[TOUCH] = episode.touch_stamp_s
    if episode.imu.size:
        stamps_s[IMU] = episode.imu_stamp_s
    for stream, stamp_s in stamps_s.items():
        ticks = np.arange(min(len(stamp_s), episode.ticks))
        log.static(f"{AGE}/{stream}", rr.SeriesLines(names=f"{stream} (ms)"))
        age_ms = 1000.0 * (episode.stamp_s[ticks] - stamp_s[ticks])
        log.rows(f"{AGE}/{stream}", rr.Scalars.columns(scalars=age_ms), ticks)
