"""An encoder that stalls four times for a second: is any image at a wrong row, and is what is lost told?"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from envs.episodes.archive import Archive
from envs.episodes.reading import Episode
from envs.episodes.video import FrameEncoder
from experiments.bench.capture_cost import DONE
from experiments.bench.capture_peer import FPS, STALL_STEPS
from experiments.bench.capture_pictures import CAMERAS, bare_robot, header, number_of, ticks
from experiments.bench.capture_rivals import Peer, told
from experiments.bench.rows import Row
from experiments.workers import progress_bar

STALLS = (20, 45, 70, 95)  # the encoder sleeps before these frames
_STALL_S = 1.0
_SHORT_QUEUE = 30  # steps, a second: LeRobot's own


class StallingEncoder:
    """The real encoder, with a sleep before some frames of the first camera."""

    def __init__(self, camera: str, width: int, height: int, rate_hz: float) -> None:
        self._encoder = FrameEncoder(camera, width, height, rate_hz)
        self._stalls = STALLS if camera == CAMERAS[0] else ()
        self._count = 0

    def encode(self, pixels: NDArray[np.uint8]) -> bytes:
        if self._count in self._stalls:
            time.sleep(_STALL_S)
        self._count += 1
        return self._encoder.encode(pixels)


@dataclass(frozen=True)
class Stalled:
    """What came of an episode with stalls. `untold` steps are missing, and nothing in the sheet says so."""

    wrong: int
    lost: int
    untold: int
    is_marked: bool


def stall_rows(folder: Path, shown: NDArray[np.uint8], peer: Peer, *, is_quick: bool) -> list[Row]:
    """The same stalls with our queue (unless quick), with a queue of one second, and with LeRobot's."""
    with progress_bar("episodes with a slow encoder", 1 + (not is_quick) + (peer.python is not None)) as advance:
        long = None
        if not is_quick:
            long = stalled_episode(Archive(folder / "stalls", encoder=StallingEncoder), shown)
            advance("")
        short = stalled_episode(Archive(folder / "short", encoder=StallingEncoder, queue_ticks=_SHORT_QUEUE), shown)
        advance("")
        found = peer.measure("stall", "streaming", ",".join(map(str, STALLS)))
        if found:
            advance("")
    wrong = None
    if found:
        seen = found["shown"] + [-1] * (found["rows"] - len(found["shown"]))
        wrong = float(sum(number != row for row, number in enumerate(seen)))
    marked = "marked and not accepted" if short.is_marked else "NOT marked"
    both = [short] if long is None else [long, short]
    queues = f"with a queue of {_SHORT_QUEUE} steps" + ("" if long is None else " and with our own")
    rows = [
        Row(
            f"wrong images of {STALL_STEPS}, encoder with 4 stalls of {_STALL_S:g} s",
            sum(one.wrong for one in both),
            "images",
            goal=0.0,
            peer=wrong,
            note=f"{queues}; {told(found, 'its queue holds 30')}",
        ),
        Row(
            f"steps lost with a queue of {_SHORT_QUEUE}",
            short.lost,
            "steps",
            note=f"counted by stream in the sheet, a fault in the recording, {marked}",
        ),
        Row("steps lost that nothing tells of", sum(one.untold for one in both), "steps", goal=0.0),
    ]
    if long is not None:
        note = "our queue holds 8.5 s at this rate"
        rows.append(Row("steps lost with our own queue", long.lost, "steps", goal=0.0, note=note))
    return rows


def stalled_episode(archive: Archive, shown: NDArray[np.uint8]) -> Stalled:
    """Record an episode in real time, and hold its images against the numbers of the steps they stand at."""
    height, width = shown.shape[2:4]
    robot = bare_robot(width, height)
    with archive.record(header(robot), is_real_time=True) as recorder:
        due_s = time.monotonic()
        for tick in ticks(robot, shown[:STALL_STEPS]):
            recorder.tick(tick)
            due_s += 1 / FPS
            time.sleep(max(0.0, due_s - time.monotonic()))
        recorder.finish(DONE)
    episode = archive.open(recorder.episode_id)
    losses = episode.sheet.losses
    lost = STALL_STEPS - episode.ticks
    is_marked = losses.steps == lost and not (lost and episode.sheet.accepted)
    return Stalled(wrong_images(episode), lost, abs(lost - losses.steps), is_marked)


def wrong_images(episode: Episode) -> int:
    """How many images of the first camera do not belong to the step at which they stand."""
    decoded = episode.decode_images(CAMERAS[0])
    return sum(number_of(picture) != int(step) for picture, step in zip(decoded, episode.step, strict=True))
