"""A recorder that is killed after twelve saved episodes, in the middle of the thirteenth.

Run as a program, this module is the recorder: PYTHON capture_kill.py ARCHIVE WIDTH HEIGHT EPISODES.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from envs.episodes.archive import Archive
from envs.episodes.verification.episode import verify_episode
from experiments.bench.capture_cost import DONE
from experiments.bench.capture_peer import FPS
from experiments.bench.capture_pictures import bare_robot, header, pictures, ticks
from experiments.bench.capture_rivals import Peer, figure, told
from experiments.bench.capture_stalls import wrong_images
from experiments.bench.rows import Row
from experiments.workers import console

SAVED = 12
_SAVED_STEPS, _KILLED_AT = 20, 60  # steps


def kill_rows(folder: Path, width: int, height: int, peer: Peer, *, episodes: int = SAVED) -> list[Row]:
    """Both recorders killed the same way, after so many saved episodes."""
    root = folder / "killed"
    given = [str(root), str(width), str(height), str(episodes)]
    with console.status("a recorder is killed in mid-episode"):
        handed = kill_at([sys.executable, "-m", __name__, *given], _KILLED_AT)
        archive = Archive(root, create=False)
        open_id = next(sheet.id for sheet in archive.episodes() if sheet.status == "recording")
        archive.recover()
        sound = [sheet.id for sheet in archive.episodes() if not verify_episode(archive.folder(sheet.id))]
        saved = sum(episode != open_id and archive.open(episode).ticks == _SAVED_STEPS for episode in sound)
        episode = archive.open(open_id)
        loadable, peer_handed = None, 0
        if peer.python is not None:
            unused = peer.folder / "unused.json"
            command = peer.command("record", "streaming", episodes, "killed-peer", unused)
            peer_handed = kill_at(command, _KILLED_AT)
            loadable = peer.measure("count", "streaming", 0, root="killed-peer")
    note = f"{handed} steps were handed over; verified: {open_id in sound}, {wrong_images(episode)} wrong images"
    return [
        Row(
            f"episodes loadable of {episodes} saved before SIGKILL",
            saved,
            "episodes",
            goal=episodes,
            wanted="at least",
            peer=figure(loadable, "loadable"),
            note=told(loadable, "streaming h264"),
        ),
        Row(
            "steps lost of the episode in which it was killed",
            handed - episode.ticks,
            "steps",
            goal=1.0,
            peer=None if loadable is None else float(peer_handed),
            note=f"{note}. The goal is the step under way; LeRobot has none of that episode",
        ),
    ]


def kill_at(command: Sequence[str], step: int) -> int:
    """Start a recorder that prints each step as it is handed over, kill it there, and return how many there were."""
    quiet = {**os.environ, "PYTHONWARNINGS": "ignore"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=quiet) as process:
        handed = 0
        for line in process.stdout or ():
            handed = int(line) + 1
            if handed >= step:
                process.send_signal(signal.SIGKILL)
        process.wait()
    return handed


def record_until_killed(root: Path, width: int, height: int, episodes: int) -> None:
    """Save some short episodes, then record one in real time that never ends."""
    robot, archive = bare_robot(width, height), Archive(root)
    made = ticks(robot, pictures(3 * _KILLED_AT, width, height))
    for _ in range(episodes):
        with archive.record(header(robot)) as recorder:
            for tick in made[:_SAVED_STEPS]:
                recorder.tick(tick)
            recorder.finish(DONE)
    recorder = archive.record(header(robot), is_real_time=True)
    for tick in made:
        recorder.tick(tick)
        sys.stdout.write(f"{tick.step}\n")
        sys.stdout.flush()
        time.sleep(1 / FPS)


if __name__ == "__main__":
    record_until_killed(Path(sys.argv[1]), *map(int, sys.argv[2:5]))
