"""What LeRobot does with the same pictures. Run by a python that has lerobot, in a process of its own:

    PYTHON capture_peer.py VERB PICTURES.npy ROOT OUT.json MODE NUMBER

VERB    NUMBER
cost    episodes, as fast as it accepts frames
wait    episodes, in real time
stall   frames, with commas: an episode in real time; before these frames the encoder sleeps a second
record  episodes, and then one that never ends, to be killed
count   0: how many episodes of ROOT load

PICTURES holds (frames, 2, height, width, 3) images. MODE is "default" (PNG, then AV1) or "streaming" (h264 at capture).
It needs nothing of Retake, which that python does not have.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

PEER_SCRIPT = Path(__file__)
FPS = 30
CHANNELS = 32
STALL_STEPS = 120
CAMERAS = ("observation.images.first", "observation.images.second")


def main(arguments: Sequence[str]) -> int:
    verb, pictures_path, root, out, mode, number = arguments
    os.environ |= {"HF_HUB_OFFLINE": "1", "HF_HOME": str(Path(root).parent / "hf-home")}
    os.environ |= {"HF_DATASETS_DISABLE_PROGRESS_BARS": "1", "SVT_LOG": "1"}
    import lerobot
    import lerobot.datasets.lerobot_dataset

    pictures = np.load(pictures_path, mmap_mode="r")
    figures: dict[str, Any] = {"version": lerobot.__version__}
    if verb in ("cost", "wait"):
        figures |= _episodes(pictures, Path(root), mode, int(number), is_paced=verb == "wait")
    elif verb == "stall":
        figures |= _stalled(pictures, Path(root), mode, tuple(map(int, number.split(","))))
    elif verb == "record":
        _record_until_killed(pictures, Path(root), mode, int(number))
    else:
        figures["loadable"] = _loadable(Path(root))
    Path(out).write_text(json.dumps(figures))
    return 0


def _create(root: Path, shape: tuple[int, ...], mode: str) -> Any:
    from lerobot.datasets.lerobot_dataset import LeRobotDataset

    vector = {"dtype": "float32", "shape": (CHANNELS,), "names": [f"joint_{i}.pos" for i in range(CHANNELS)]}
    image = {"dtype": "video", "shape": shape, "names": ["height", "width", "channels"]}
    features = {"observation.state": vector, "action": vector, **dict.fromkeys(CAMERAS, image)}
    how = {"streaming_encoding": True, "vcodec": "h264"} if mode == "streaming" else {}
    return LeRobotDataset.create("peer/capture", fps=FPS, features=features, root=root, use_videos=True, **how)


def _add(dataset: Any, pictures: Any, step: int, state: Any) -> None:
    frame = {"observation.state": state[0], "action": state[1], "task": "wave"}
    dataset.add_frame(frame | {name: np.array(pictures[step, place]) for place, name in enumerate(CAMERAS)})


def _cpu_s() -> float:
    """Of all threads, and of all children that have ended."""
    own, children = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime


def _episodes(pictures: Any, root: Path, mode: str, episodes: int, *, is_paced: bool) -> dict[str, Any]:
    rng = np.random.default_rng(0)
    state = rng.normal(size=(2, CHANNELS)).astype(np.float32)
    waits_s, add_ms = [], []
    _warm_up(pictures, root.with_name(f"{root.name}-warm-up"), mode, state)
    begin_s = _cpu_s()
    dataset = _create(root, pictures.shape[2:], mode)
    for _ in range(episodes):
        due_s = time.monotonic()
        for step in range(len(pictures)):
            before_s = time.monotonic()
            _add(dataset, pictures, step, state)
            add_ms.append(1e3 * (time.monotonic() - before_s))
            due_s += 1 / FPS
            if is_paced:
                time.sleep(max(0.0, due_s - time.monotonic()))
        before_s = time.monotonic()
        dataset.save_episode()
        waits_s.append(time.monotonic() - before_s)
    dataset.finalize()
    cpu_ms = 1e3 * (_cpu_s() - begin_s) / (episodes * len(pictures))
    size = sum(path.stat().st_size for path in root.rglob("*") if path.is_file())
    return {
        "cpu_ms": cpu_ms,
        "waits_s": waits_s,
        "worst_add_ms": max(add_ms),
        "bytes_per_step": size / (episodes * len(pictures)),
        "psnr_db": _psnr_db(root, pictures),
    }


def _warm_up(pictures: Any, root: Path, mode: str, state: Any) -> None:
    """What is loaded and compiled once shall not count."""
    dataset = _create(root, pictures.shape[2:], mode)
    for step in range(10):
        _add(dataset, pictures, step, state)
    dataset.save_episode()
    dataset.finalize()


def _psnr_db(root: Path, pictures: Any) -> float:
    """Of the first second of the first camera's first video."""
    shown = _decoded(root, FPS)
    error = shown.astype(np.float64) - pictures[: len(shown), 0]
    return float(10 * np.log10(255**2 / np.square(error).mean()))


def _decoded(root: Path, count: int | None = None) -> Any:
    import av

    path = sorted((root / "videos" / CAMERAS[0]).rglob("*.mp4"))[0]
    frames = []
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            frames.append(frame.to_ndarray(format="rgb24"))
            if len(frames) == count:
                break
    return np.stack(frames)


def _stalled(pictures: Any, root: Path, mode: str, stalls: tuple[int, ...]) -> dict[str, Any]:
    """An episode whose encoder of the first camera sleeps a second before each of these frames."""
    from lerobot.datasets import video_utils

    seen = [0]
    real = video_utils.Image

    class Stalling:
        @staticmethod
        def fromarray(array: Any) -> Any:
            import threading

            if getattr(threading.current_thread(), "video_path", Path()).name.startswith(CAMERAS[0]):
                if seen[0] in stalls:
                    time.sleep(1.0)
                seen[0] += 1
            return real.fromarray(array)

    video_utils.Image = Stalling
    state = np.zeros((2, CHANNELS), dtype=np.float32)
    dataset = _create(root, pictures.shape[2:], mode)
    due_s = time.monotonic()
    for step in range(STALL_STEPS):
        _add(dataset, pictures, step, state)
        due_s += 1 / FPS
        time.sleep(max(0.0, due_s - time.monotonic()))
    dataset.save_episode()
    dataset.finalize()
    return {"shown": [_number(picture) for picture in _decoded(root)], "rows": STALL_STEPS}


def _number(picture: Any) -> int:
    """The number that is drawn into a picture; see `capture_pictures`."""
    bits = [picture[:16, 16 * bit : 16 * bit + 16].mean() > 128 for bit in range(12)]
    return sum(1 << place for place, bit in enumerate(bits) if bit)


def _record_until_killed(pictures: Any, root: Path, mode: str, episodes: int) -> None:
    state = np.zeros((2, CHANNELS), dtype=np.float32)
    dataset = _create(root, pictures.shape[2:], mode)
    for _ in range(episodes):
        for step in range(20):
            _add(dataset, pictures, step, state)
        dataset.save_episode()
    step = 0
    while True:
        _add(dataset, pictures, step % len(pictures), state)
        sys.stdout.write(f"{step}\n")
        sys.stdout.flush()
        step += 1
        time.sleep(1 / FPS)


def _loadable(root: Path) -> int:
    from lerobot.datasets.lerobot_dataset import LeRobotDataset

    try:
        dataset = LeRobotDataset("peer/capture", root=root)
        dataset[len(dataset) - 1]
    except Exception:  # whatever it is, nothing can be loaded
        return 0
    return int(dataset.num_episodes)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
