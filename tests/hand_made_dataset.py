"""A LeRobot v3 dataset written with pyarrow, pandas and PyAV alone, with several episodes in a file."""

from __future__ import annotations

import json
import shutil
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from small_robot import SMALL_ROBOT

FPS = 25
CAMERA = "observation.images.head"
JOINTS = len(SMALL_ROBOT.joints)


def motion(length: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """A smooth measured motion and the commands that lead it, both (length, joints)."""
    rng = np.random.default_rng(seed)
    phase, speed = rng.uniform(0, 6, JOINTS), rng.uniform(0.5, 1.5, JOINTS)
    time_s = np.arange(length)[:, None] / FPS
    command = 0.4 * np.sin(speed * time_s + phase)
    return 0.4 * np.sin(speed * (time_s - 0.1) + phase), command


def picture(position: np.ndarray, height: int = 48, width: int = 64) -> np.ndarray:
    """A dark image with a bright square where the first two joints are."""
    image = np.full((height, width, 3), 30, dtype=np.uint8)
    row, column = (int((0.5 + p) * (edge - 12)) for p, edge in zip(position[:2], (height, width), strict=True))
    image[row : row + 12, column : column + 12] = (220, 180, 60)
    return image


def write_video(path: Path, frames: list[np.ndarray]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=FPS, options={"bf": "0", "g": "2", "crf": "18"})
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt, stream.time_base = "yuv420p", Fraction(1, FPS)
        for index, image in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            frame.pts, frame.time_base = index, Fraction(1, FPS)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def write_dataset(
    root: Path,
    lengths: tuple[int, ...] = (30, 41, 25),
    *,
    pools: tuple[str | None, ...] | None = None,
    bodies: tuple[str | None, ...] | None = None,
    tasks: tuple[str | None, ...] | None = None,
    seed: int = 0,
    weights: bool = False,
    episodes_a_film: int = 2,
) -> Path:
    """Write the dataset and return its root; `pools` are TRAIN if None."""
    bodies = bodies or (None,) * len(lengths)
    tasks = tasks or (None,) * len(lengths)
    pools = pools or ("train",) * len(lengths)
    rows: dict[str, list] = {name: [] for name in ("observation.state", "observation.velocity", "action")}
    episodes, films, first = [], {}, 0
    for index, length in enumerate(lengths):
        measured, command = motion(length, seed * 100 + index)
        rows["observation.state"].append(measured)
        rows["observation.velocity"].append(np.gradient(measured, 1 / FPS, axis=0))
        rows["action"].append(command)
        film = films.setdefault(index // episodes_a_film, [])
        start_s = len(film) / FPS
        film += [picture(position) for position in measured]
        episodes.append(
            {
                "episode_index": index,
                "tasks": ["wave"],
                "length": length,
                "data/chunk_index": 0,
                "data/file_index": 0,
                "dataset_from_index": first,
                "dataset_to_index": first + length,
                f"videos/{CAMERA}/chunk_index": 0,
                f"videos/{CAMERA}/file_index": index // episodes_a_film,
                f"videos/{CAMERA}/from_timestamp": start_s,
                f"videos/{CAMERA}/to_timestamp": start_s + length / FPS,
                "retake/pool": pools[index],
                "retake/body": bodies[index],
                "retake/task": tasks[index],
                "retake/episode_id": f"e{seed}-{index}",
            }
        )
        first += length
    for number, film in films.items():
        write_video(root / f"videos/{CAMERA}/chunk-000/file-{number:03d}.mp4", film)
    table = {name: list(np.concatenate(parts).astype(np.float32)) for name, parts in rows.items()}
    columns = {name: pa.array(values, pa.list_(pa.float32(), JOINTS)) for name, values in table.items()}
    if weights:
        columns["sample_weight"] = pa.array(np.tile([1.0, 0.0], first)[:first].astype(np.float32))
    frame = np.concatenate([np.arange(length) for length in lengths])
    columns |= {
        "timestamp": pa.array((frame / FPS).astype(np.float32)),
        "frame_index": pa.array(frame),
        "episode_index": pa.array(np.repeat(np.arange(len(lengths)), lengths)),
        "index": pa.array(np.arange(first)),
        "task_index": pa.array(np.zeros(first, dtype=np.int64)),
    }
    for folder in ("data/chunk-000", "meta/episodes/chunk-000"):
        (root / folder).mkdir(parents=True)
    pq.write_table(pa.table(columns), root / "data/chunk-000/file-000.parquet")
    pq.write_table(pa.Table.from_pylist(episodes), root / "meta/episodes/chunk-000/file-000.parquet")
    pd.DataFrame({"task_index": [0]}, index=pd.Index(["wave"], name="task")).to_parquet(root / "meta/tasks.parquet")
    (root / "meta/robot.json").write_text(json.dumps(SMALL_ROBOT.to_dict()))
    features = {name: {"dtype": "float32", "shape": [JOINTS], "names": list(SMALL_ROBOT.joint_names)} for name in rows}
    features[CAMERA] = {"dtype": "video", "shape": [48, 64, 3], "names": ["height", "width", "channels"], "info": None}
    standard = {"timestamp": "float32"} | dict.fromkeys(
        ("frame_index", "episode_index", "index", "task_index"), "int64"
    )
    features |= {name: {"dtype": dtype, "shape": [1], "names": None} for name, dtype in standard.items()}
    if weights:
        features["sample_weight"] = {"dtype": "float32", "shape": [1], "names": None}
    info = {
        "codebase_version": "v3.0",
        "fps": FPS,
        "features": features,
        "total_episodes": len(lengths),
        "total_frames": first,
        "total_tasks": 1,
        "video_path": "videos/{video_key}/chunk-{chunk_index:03d}/file-{file_index:03d}.mp4",
    }
    (root / "meta/info.json").write_text(json.dumps(info))
    (root / "meta/stats.json").write_text(json.dumps(statistics(columns, features)))
    return root


def statistics(columns: dict[str, pa.Array], features: dict[str, dict]) -> dict[str, dict]:
    """As in stats.json; those of images are there, but not true."""
    found = {}
    for name in features:
        rows = [[0.0] * 3] if name == CAMERA else columns[name].to_pylist()
        values = np.array(rows).reshape(len(rows), -1)
        found[name] = {key: getattr(values, key)(axis=0).tolist() for key in ("min", "max", "mean", "std")}
        found[name]["count"] = [len(values)]
    return found


def as_v21(v3, root):
    """The same dataset as LeRobot v2.1 lays it out; only its first two episodes, each with a film of its own."""
    table = pq.read_table(v3 / "data/chunk-000/file-000.parquet")
    info = json.loads((v3 / "meta/info.json").read_text())
    (root / "meta").mkdir(parents=True)
    (root / "data/chunk-000").mkdir(parents=True)
    episodes = pq.read_table(v3 / "meta/episodes/chunk-000/file-000.parquet").to_pylist()
    lines = []
    for row in episodes:
        index, length = row["episode_index"], row["length"]
        part = table.slice(row["dataset_from_index"], length).drop_columns(["observation.velocity"])
        pq.write_table(part, root / f"data/chunk-000/episode_{index:06d}.parquet")
        film = root / f"videos/chunk-000/{CAMERA}/episode_{index:06d}.mp4"
        film.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(v3 / f"videos/{CAMERA}/chunk-000/file-{index:03d}.mp4", film)
        lines.append(json.dumps({"episode_index": index, "tasks": ["wave"], "length": length}))
    (root / "meta/episodes.jsonl").write_text("\n".join(lines))
    (root / "meta/tasks.jsonl").write_text(json.dumps({"task_index": 0, "task": "wave"}))
    info |= {
        "codebase_version": "v2.1",
        "data_path": "data/chunk-{episode_chunk:03d}/episode_{episode_index:06d}.parquet",
        "video_path": "videos/chunk-{episode_chunk:03d}/{video_key}/episode_{episode_index:06d}.mp4",
        "robot_type": "Two Arms",
    }
    del info["features"]["observation.velocity"]
    for name in ("action", "observation.state"):
        info["features"][name]["names"] = [["kLeftElbow", "kRightElbow", "kRightHandThumb"]]
    (root / "meta/info.json").write_text(json.dumps(info))
    return root
