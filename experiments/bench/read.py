"""Reading a dataset for training: what a sample costs, whether it is the right one, and what damage is found."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np

from experiments.bench.corruptions import CORRUPTIONS, corrupt
from experiments.bench.read_frames import our_frames, their_frames
from experiments.bench.read_peer import PEER_SCRIPT
from experiments.bench.read_recordings import build
from experiments.bench.rows import BenchOptions, Row, interleaved
from experiments.command import UsageError
from experiments.workers import console, progress_bar

if TYPE_CHECKING:
    from policies.dataset.table import FrameTable

CHUNK = 50  # commands a sample
SAMPLE_GOAL_MS = 1.0
STATE_GOAL_MS = 0.05
_LEARNING_SIZE = 64
_PEER_TIMEOUT_S = 600
_NO_PEER = "LeRobot was not measured: give --lerobot-python"


@dataclass(frozen=True)
class Read(BenchOptions):
    """Processor time of training samples with two cameras and 50 commands, whether every frame is right, and how many
    of 31 corruptions `retake dataset verify` finds.

    Records into a temporary archive and builds its dataset. LeRobot reads the same dataset where --lerobot-python is
    given: the python of a venv of its own, into which `pip install lerobot==0.4.4` was run.

    Examples:
      retake bench read --quick
      retake bench read --json --lerobot-python there/bin/python
    """

    width: int = 320
    """Of each camera's image, in pixels."""
    height: int = 240
    """Of each camera's image, in pixels."""
    lerobot_python: Path | None = None
    """A python that has lerobot, to be measured in the same run."""


def measure(config: Read) -> list[Row]:
    if config.lerobot_python is not None and not config.lerobot_python.is_file():
        raise UsageError(f"--lerobot-python is {config.lerobot_python}, which is no file; give the python of a venv")
    episodes, steps = (2, 50) if config.quick else (5, 200)
    with TemporaryDirectory() as name:
        folder = Path(name)
        root = build(folder / "measured", episodes, steps, config.width, config.height)
        peer = None if config.lerobot_python is None else _Peer(config.lerobot_python, folder)
        if peer is not None:
            samples = 40 if config.quick else 300
            peer.run(
                ("write", folder / "foreign"),
                ("time", root, folder / "time.json", samples, CHUNK),
                ("load", root, folder / "loaded.npz"),
            )
        return [
            *_cost_rows(root, folder, config),
            *_frame_rows(root, folder, peer),
            *_corruption_rows(folder, peer, is_quick=config.quick),
        ]


class _Peer:
    """LeRobot, in processes of its own."""

    def __init__(self, python: Path, folder: Path) -> None:
        self._python, self._cache = python, folder / "peer-cache"

    def run(self, *jobs: tuple[object, ...]) -> None:
        words = [str(word) for job in jobs for word in ("--", *job)][1:]
        command = [str(self._python), str(PEER_SCRIPT), str(self._cache), *words]
        verbs = ", ".join(str(job[0]) for job in jobs)
        with console.status(f"LeRobot: {verbs}"):
            done = subprocess.run(command, capture_output=True, text=True, timeout=_PEER_TIMEOUT_S, check=False)
        if done.returncode:
            raise UsageError(f"{self._python} cannot run LeRobot ({verbs}): {done.stderr.strip()[-400:]}")


def _cost_rows(root: Path, folder: Path, config: Read) -> list[Row]:
    import torch

    from policies.batches import image_tensor
    from policies.dataset.frame_cache import FrameCache
    from policies.dataset.meta import CAMERA_PREFIX
    from policies.dataset.reader import open_dataset
    from policies.dataset.samples import ChunkSamples
    from policies.dataset.table import tabulate

    torch.set_num_threads(1)
    dataset = open_dataset(root)
    begin = time.process_time()
    full = tabulate([dataset], None, cache=folder / "cache")
    filled_ms = 1e3 * (time.process_time() - begin) / len(full.action)
    small = tabulate([dataset], _LEARNING_SIZE, cache=folder / "cache")
    uncached = tabulate([dataset], None, cache=FrameCache(folder / "none", budget_bytes=0))
    blind = tabulate([dataset], None, cameras=())
    rng = np.random.default_rng(0)

    def reading(table: FrameTable, batch: int, times: int) -> Callable[[], None]:
        def read() -> None:
            for _ in range(times):
                sample = ChunkSamples(table, CHUNK)[rng.integers(0, len(table.action), batch)]
                for name, values in sample.items():
                    image_tensor(values) if name.startswith(CAMERA_PREFIX) else torch.from_numpy(values)

        return read

    # Table, samples in a batch, batches in a measurement.
    ways = [(full, 8, 8), (full, 1, 64), (small, 64, 4), (uncached, 8, 1), (blind, 64, 400), (blind, 1, 2000)]
    seconds = interleaved([reading(*way) for way in ways], 5 if config.quick else 25, cpu=True)
    counts = np.array([batch * times for _, batch, times in ways])
    cached, single, learning, decoded, state, state_single = (1e3 * np.median(seconds, axis=1) / counts).tolist()
    measured = folder / "time.json"
    theirs: dict[str, Any] = json.loads(measured.read_text()) if measured.exists() else {}
    with_images, without = theirs.get("cpu_ms"), theirs.get("state_cpu_ms")
    said = "dataset[i] of the same dataset, with no more columns than a sample needs"
    peer_note = f"peer: LeRobot {theirs['version']}, {said}" if theirs else _NO_PEER
    size = f"2 cameras of {config.width}x{config.height}, {CHUNK} commands"
    return [
        Row(f"sample, {size}", cached, "ms CPU", SAMPLE_GOAL_MS, peer=with_images,
            note=f"batches of 8 as float tensors, from the filled cache; {peer_note}"),
        Row("the same, one sample at a time", single, "ms CPU", SAMPLE_GOAL_MS, peer=with_images),
        Row("the same, decoded at every use", decoded, "ms CPU", peer=with_images,
            note="what does not fit the cache's budget costs this"),
        Row("filling the cache, once a sample", filled_ms, "ms CPU", note="decoding both videos from end to end"),
        Row(f"sample at the learning size, {_LEARNING_SIZE} px", learning, "ms CPU", peer=with_images,
            note="batches of 64; the peer has no smaller size"),
        Row(f"sample of state only, {CHUNK} commands", state, "ms CPU", STATE_GOAL_MS, peer=without,
            note=f"batches of 64; {peer_note}"),
        Row("the same, one sample at a time", state_single, "ms CPU", STATE_GOAL_MS, peer=without),
    ]  # fmt: skip


def _frame_rows(root: Path, folder: Path, peer: _Peer | None) -> list[Row]:
    from policies.dataset.frame_cache import FrameCache
    from policies.dataset.reader import open_dataset

    dataset = open_dataset(root)
    is_right, means = our_frames(dataset, FrameCache(folder / "cache"))
    count, unit = float(is_right.sum()), f"of {dataset.num_rows} steps"
    note = "every image carries a counter, from recording through archive and build"
    rows = [Row("right frames of both cameras, our reader", count, unit, dataset.num_rows, "at least", note=note)]
    if peer is None:
        rows[0] = Row(rows[0].name, count, unit, dataset.num_rows, "at least", note=f"{note}; {_NO_PEER}")
        return rows
    agrees = their_frames(dataset, folder / "loaded.npz", means, is_right)
    note = "images, numbers, stamps and the text of the task"
    rows.append(Row("right steps, LeRobot", float(agrees.sum()), unit, dataset.num_rows, "at least", note=note))
    return rows


def _corruption_rows(folder: Path, peer: _Peer | None, *, is_quick: bool) -> list[Row]:
    sound = {"a dataset of ours": build(folder / "small", 3, 12, 64, 48)}
    if peer is not None:
        sound["a dataset of LeRobot's"] = folder / "foreign"
    rows = []
    for whose, root in sound.items():
        found, alarms = _caught(root, folder / "corrupted", whose)
        missed = [name for name, is_found in zip(CORRUPTIONS, found, strict=True) if not is_found]
        note = "missed: " + ", ".join(missed) if missed else f"each by place and kind; {alarms} findings when sound"
        refused = None
        if peer is not None and not is_quick:
            peer.run(("corrupted", folder / "corrupted", folder / "outcomes.json"))
            outcomes = Counter(json.loads((folder / "outcomes.json").read_text()).values())
            refused = float(outcomes["load"])
            read, silent = outcomes["read"], outcomes["silent"]
            note += f"; peer: LeRobot when it loads; {read} more fail when read, {silent} stay silent"
        elif peer is None:
            note += f"; {_NO_PEER}"
        name = f"corruptions caught in {whose}"
        rows.append(Row(name, float(sum(found)), f"of {len(CORRUPTIONS)}", len(CORRUPTIONS), "at least", refused, note))
        shutil.rmtree(folder / "corrupted")
    return rows


def _caught(root: Path, corrupted: Path, whose: str) -> tuple[list[bool], int]:
    """Whether each corruption is found by its place and kind; and how much is found where nothing is wrong."""
    from policies.dataset.verify import verify_dataset

    found = []
    with progress_bar(f"corruptions of {whose}", len(CORRUPTIONS)) as advance:
        for number, name in enumerate(CORRUPTIONS, start=1):
            damaged = corrupted / f"{number:02d}"
            shutil.copytree(root, damaged, ignore=shutil.ignore_patterns(".cache"))
            harm = corrupt(damaged, number)
            findings = verify_dataset(damaged)
            found.append(any(finding.place == harm.place and finding.kind in harm.kinds for finding in findings))
            advance(name)
    return found, len(verify_dataset(root))
