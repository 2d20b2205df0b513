"""Capture: what it costs, how long one waits, what a crash and a slow encoder take away."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from experiments.bench.capture_cost import cost_rows
from experiments.bench.capture_kill import kill_rows
from experiments.bench.capture_pictures import pictures
from experiments.bench.capture_rivals import Mode, Peer
from experiments.bench.capture_stalls import stall_rows
from experiments.bench.capture_wait import wait_rows
from experiments.bench.rows import BenchOptions, Row

_STEPS = 200  # 6.7 s at 30 Hz, as LeRobot was measured


@dataclass(frozen=True)
class Capture(BenchOptions):
    """Recording two cameras and 32 joints: processor time, waiting, a kill in mid-episode, an encoder that stalls.

    LeRobot records the same pictures beside it where --lerobot-python is given: the python of a venv of its own, into
    which `pip install lerobot==0.4.4` was run.

    Examples:
      retake bench capture --quick
      retake bench capture --json --lerobot-python there/bin/python
    """

    width: int = 320
    """Of each camera's image, in pixels."""
    height: int = 240
    """Of each camera's image, in pixels."""
    lerobot_python: Path | None = None
    """A python that has lerobot, to be measured in the same run."""
    folder: Path | None = None
    """Where to record, so that another disk can be measured; what is written is removed. Left out, a temporary one."""


def measure(config: Capture) -> list[Row]:
    shown = pictures(_STEPS, config.width, config.height)
    with TemporaryDirectory(dir=config.folder) as name:
        folder = Path(name)
        peer = Peer.beside(config.lerobot_python, folder, shown)
        once: tuple[Mode, ...] = ("streaming",) if peer.python is not None else ()
        return [
            *cost_rows(folder, shown, peer, modes=once if config.quick else ("streaming", "default") * 2),
            *wait_rows(folder, shown, peer, modes=once if config.quick else ("streaming",) * 2),
            *kill_rows(folder, config.width, config.height, peer),
            *stall_rows(folder, shown, peer, is_quick=config.quick),
        ]
