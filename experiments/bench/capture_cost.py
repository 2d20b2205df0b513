"""What recording costs: processor time of all threads, bytes, and how good the stored images are."""

from __future__ import annotations

import resource
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from assets.robot import RobotSpec
from envs.episodes.archive import Archive
from envs.episodes.records import Outcome
from experiments.bench.capture_pictures import CAMERAS, bare_robot, header, ticks, whole_robot
from experiments.bench.capture_rivals import Mode, Peer, figure, told
from experiments.bench.rows import Row
from experiments.workers import progress_bar

GOAL_MS = 4.0
DONE = Outcome(success=True, reason="", marks=(), accepted=True)


def cpu_s() -> float:
    """Processor time of this process with all its threads, and of all children that have ended."""
    own, children = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime


def cost_rows(folder: Path, shown: NDArray[np.uint8], peer: Peer, *, modes: Sequence[Mode]) -> list[Row]:
    """Fed as fast as the recorder takes steps, each episode until it is closed on the disk.

    An episode of ours before and after each of the peer's, which are of these modes.
    """
    height, width = shown.shape[2:4]
    ours_ms: list[float] = []
    whole_ms: list[float] = []
    archive = Archive(folder / "cost")
    episodes = len(modes) + 1
    _cpu_ms(archive, whole_robot(width, height), shown[:20])  # libraries are loaded once
    with progress_bar("episodes recorded", episodes) as advance:

        def ours() -> None:
            ours_ms.append(_cpu_ms(archive, bare_robot(width, height), shown))
            whole_ms.append(_cpu_ms(archive, whole_robot(width, height), shown))
            advance("")

        found = peer.alternate(ours, "cost", modes)
    streaming, default = found.get("streaming"), found.get("default")
    size, psnr_db = _stored(archive, shown)
    cameras = f"2 cameras of {width}x{height}"
    steps = f"the median of {episodes} episodes of {len(shown)} steps"
    is_left_out = peer.python is not None and "default" not in modes
    beside = "LeRobot's default is left out" if is_left_out else told(default, "PNG, then AV1 (its default)")
    return [
        Row(
            f"processor time a frame, {cameras}, 32 + 32 floats",
            float(np.median(ours_ms)),
            "ms",
            goal=GOAL_MS,
            peer=figure(default, "cpu_ms"),
            note=f"all threads and children; {steps}; {beside}",
        ),
        Row(
            "the same, beside video encoded at capture",
            float(np.median(ours_ms)),
            "ms",
            goal=GOAL_MS,
            peer=figure(streaming, "cpu_ms"),
            note=told(streaming, "streaming h264"),
        ),
        Row(
            "processor time a frame with all senses",
            float(np.median(whole_ms)),
            "ms",
            goal=GOAL_MS,
            note="touch, sound and IMU as well, velocities and efforts; LeRobot records none of them",
        ),
        Row(
            "fidelity of the stored images",
            psnr_db,
            "dB",
            wanted="at least",
            peer=figure(streaming, "psnr_db"),
            note=f"PSNR of RGB, first second of the first camera; {told(streaming, 'streaming h264, crf 30')}",
        ),
        Row(
            "on the disk",
            size / 1e3,
            "kB a step",
            peer=figure(streaming, "bytes_per_step", 1e-3),
            note=told(streaming, "streaming h264"),
        ),
    ]


def _cpu_ms(archive: Archive, robot: RobotSpec, shown: NDArray[np.uint8]) -> float:
    made = ticks(robot, shown)
    begin_s = cpu_s()
    with archive.record(header(robot)) as recorder:
        for tick in made:
            recorder.tick(tick)
        recorder.finish(DONE)
    return 1e3 * (cpu_s() - begin_s) / len(made)


def _stored(archive: Archive, shown: NDArray[np.uint8]) -> tuple[float, float]:
    """Bytes a step of the first measured episode, and the PSNR of its first second."""
    episode = archive.open(archive.ids()[1])
    size = sum(file.stat().st_size for file in episode.path.iterdir()) / episode.ticks
    decoded = episode.decode_images(CAMERAS[0])[:30].astype(np.float64)
    error = decoded - shown[: len(decoded), 0]
    return size, float(10 * np.log10(255**2 / np.square(error).mean()))
