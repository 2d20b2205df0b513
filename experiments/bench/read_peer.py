"""What LeRobot does with the same datasets. Run by a python that has lerobot, in a process of its own:

    PYTHON read_peer.py CACHE JOB [-- JOB ...]

where CACHE is where it keeps its copy of the rows, and a job is one of

    write ROOT                           write a small dataset of three episodes
    load ROOT OUT.npz                    read every frame, to be compared
    time ROOT OUT.json SAMPLES CHUNK     what reading samples costs
    corrupted ROOTS OUT.json             which of the datasets in a folder it refuses

It needs nothing of Retake, which that python does not have.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

PEER_SCRIPT = Path(__file__)
BLOCK = 16  # pixels; images are compared by the means of such squares


def main(arguments: Sequence[str]) -> int:
    os.environ |= {"HF_HUB_OFFLINE": "1", "HF_HOME": arguments[0], "HF_DATASETS_DISABLE_PROGRESS_BARS": "1"}
    import torch

    torch.set_num_threads(1)
    for job in _jobs(arguments[1:]):
        verb, root, *rest = job
        if verb == "write":
            _write(Path(root))
        elif verb == "load":
            _load(Path(root), Path(rest[0]))
        elif verb == "time":
            figures = _time(Path(root), samples=int(rest[1]), chunk=int(rest[2]))
            Path(rest[0]).write_text(json.dumps(figures))
        elif verb == "corrupted":
            Path(rest[0]).write_text(json.dumps({path.name: _outcome(path) for path in sorted(Path(root).iterdir())}))
        else:
            return 2
    return 0


def _jobs(words: Sequence[str]) -> list[list[str]]:
    jobs: list[list[str]] = [[]]
    for word in words:
        if word == "--":
            jobs.append([])
        else:
            jobs[-1].append(word)
    return jobs


def _write(root: Path) -> None:
    from lerobot.datasets.lerobot_dataset import LeRobotDataset

    joints = [f"joint_{i}.pos" for i in range(4)]
    vector = {"dtype": "float32", "shape": (4,), "names": joints}
    image = {"dtype": "video", "shape": (64, 96, 3), "names": ["height", "width", "channels"]}
    features = {"observation.state": vector, "action": vector, "observation.images.head": image}
    dataset = LeRobotDataset.create("peer/small", fps=25, features=features, root=root, use_videos=True)
    rng = np.random.default_rng(0)
    for episode in range(3):
        for step in range(12 + episode):
            values = rng.normal(size=(2, 4)).astype(np.float32)
            rows, columns = np.mgrid[:64, :96]
            shade = (128 + 100 * np.sin((rows + columns + 3 * step + 40 * episode) / 15)).astype(np.uint8)
            frame = {"observation.state": values[0], "action": values[1], "task": "lift" if episode == 1 else "wave"}
            dataset.add_frame(frame | {"observation.images.head": np.repeat(shade[..., None], 3, axis=2)})
        dataset.save_episode()
    dataset.finalize()


def _open(root: Path, **options: Any) -> Any:
    from lerobot.datasets.lerobot_dataset import LeRobotDataset

    return LeRobotDataset("peer/given", root=root, **options)


def _load(root: Path, out: Path) -> None:
    """All rows as arrays: images as means of squares in [0, 1], all else as it is."""
    dataset = _open(root)
    rows: dict[str, list[Any]] = {}
    for number in range(len(dataset)):
        for name, value in dataset[number].items():
            array = np.asarray(value)
            if array.ndim == 3:
                channels, height, width = array.shape
                cut = array[:, : height // BLOCK * BLOCK, : width // BLOCK * BLOCK]
                array = cut.reshape(channels, height // BLOCK, BLOCK, width // BLOCK, BLOCK).mean(axis=(2, 4))
            rows.setdefault(name, []).append(array)
    stacked: dict[str, Any] = {name: np.stack(values) for name, values in rows.items()}
    np.savez(out, **stacked)


def _time(root: Path, samples: int, chunk: int) -> dict[str, float | str]:
    """Processor time of random samples with a chunk of commands, in ms each, with all threads."""
    import lerobot

    fps = json.loads((root / "meta" / "info.json").read_text())["fps"]
    ahead = {"action": [step / fps for step in range(chunk)]}
    rng = np.random.default_rng(0)
    figures: dict[str, float | str] = {"version": lerobot.__version__}
    dataset = _open(root, delta_timestamps=ahead)
    # It formats every column of every row that it touches: it is given those alone that a sample needs.
    counters = ["timestamp", "frame_index", "episode_index", "index", "task_index"]
    dataset.hf_dataset = dataset.hf_dataset.select_columns(["observation.state", "action", *counters])
    figures["cpu_ms"] = _cpu_ms(dataset, rng.integers(0, len(dataset), samples))
    # The same rows without pictures: what the chunk alone costs.
    for key in dataset.meta.video_keys:
        del dataset.meta.info["features"][key]
    figures["state_cpu_ms"] = _cpu_ms(dataset, rng.integers(0, len(dataset), samples))
    return figures


def _cpu_ms(dataset: Any, rows: Any) -> float:
    for row in rows[:5]:
        dataset[int(row)]
    begin = time.process_time()
    for row in rows:
        dataset[int(row)]
    return 1e3 * (time.process_time() - begin) / len(rows)


def _outcome(root: Path) -> str:
    """ "load" or "read", whichever raised, and "silent" where all of it was read."""
    try:
        dataset = _open(root)
    except Exception:  # whatever it is, it was noticed
        return "load"
    try:
        for number in range(len(dataset)):
            dataset[number]
    except Exception:
        return "read"
    return "silent"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
