"""How long a person waits after an episode, and how long until it is whole, verified and in the catalogue."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from envs.episodes.archive import Archive
from envs.episodes.catalogue import Catalogue
from envs.episodes.finishing import Finishing
from experiments.bench.capture_cost import DONE, GOAL_MS, cpu_s
from experiments.bench.capture_peer import FPS
from experiments.bench.capture_pictures import bare_robot, header, ticks
from experiments.bench.capture_rivals import Mode, Peer, figure, told
from experiments.bench.rows import Row
from experiments.workers import progress_bar

WAIT_GOAL_S, WHOLE_GOAL_S = 0.2, 2.0


def wait_rows(folder: Path, shown: NDArray[np.uint8], peer: Peer, *, modes: Sequence[Mode]) -> list[Row]:
    """Episodes in real time, the next one begun as the last one ends, which is finished behind it.

    An episode of ours before and after each of the peer's, which are of these modes.
    """
    height, width = shown.shape[2:4]
    robot, archive = bare_robot(width, height), Archive(folder / "wait")
    made = ticks(robot, shown)
    episodes = len(modes) + 1
    waits_s: list[float] = []
    wholes_s: list[float] = []
    tick_ms: list[float] = []
    used_s: list[float] = []  # processor time; the peer's is none of ours
    Catalogue(archive).close()  # libraries are loaded once
    with Finishing(archive) as finishing, progress_bar("episodes in real time", episodes) as advance:
        recorder = archive.record(header(robot), is_real_time=True)

        def ours() -> None:
            nonlocal recorder
            begin_s = cpu_s()
            due_s = time.monotonic()
            for tick in made:
                before_s = time.monotonic()
                recorder.tick(tick)
                tick_ms.append(1e3 * (time.monotonic() - before_s))
                due_s += 1 / FPS
                time.sleep(max(0.0, due_s - time.monotonic()))
            ended_s = time.monotonic()
            recorder.end(DONE)
            finishing.take(recorder)
            recorder = archive.record(header(robot), is_real_time=True)
            waits_s.append(time.monotonic() - ended_s)
            # While the next would be recorded already; only to see when the last one is through.
            finishing.wait()
            wholes_s.append(time.monotonic() - ended_s)
            used_s.append(cpu_s() - begin_s)
            advance("")

        found = peer.alternate(ours, "wait", modes).get("streaming")
        recorder.abort("the benchmark has ended")
    cpu_ms = 1e3 * float(np.median(used_s)) / len(made)
    with Catalogue(archive) as catalogue:
        known = len(catalogue.query(status="complete"))
    length = f"after {len(made) / FPS:.1f} s at {FPS} Hz"
    return [
        Row(
            f"wait {length} before the next may start",
            max(waits_s),
            "s",
            goal=WAIT_GOAL_S,
            peer=max(found["waits_s"]) if found else None,
            note=f"the longest of {episodes}, their median {np.median(waits_s):.3f} s; "
            f"{told(found, 'streaming h264: until save_episode is through')}",
        ),
        Row(
            "until it is whole, verified and in the catalogue",
            max(wholes_s),
            "s",
            goal=WHOLE_GOAL_S,
            note=f"the longest; {known} entered, {len(finishing.problems)} problems. LeRobot verifies nothing",
        ),
        Row(
            "processor time a frame with verification and catalogue",
            cpu_ms,
            "ms",
            goal=GOAL_MS,
            note="digests, counts, stamps and values; `retake archive verify` decodes the video as well",
        ),
        Row(
            "the control loop waits for the recorder",
            max(tick_ms),
            "ms",
            goal=5.0,
            peer=figure(found, "worst_add_ms"),
            note=f"the longest of {len(tick_ms)} steps, whatever else the machine does; {told(found, 'add_frame')}",
        ),
    ]
