"""Open-loop evaluation: how far predicted commands are from a person's, on episodes that did not train."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from policies.batches import make_batch
from policies.checkpoint import TrainedPolicy
from policies.dataset.reader import Rows
from policies.dataset.table import FrameTable
from policies.errors import DatasetError
from policies.scaling import Normal

Float32Array = NDArray[np.float32]
Predictor = Callable[[Rows], Float32Array]  # rows (batch,) to chunks (batch, horizon, joints)

DEFAULT_AHEAD_S = (0.1, 0.3, 0.6)
OVERALL = "overall"
POLICY, HOLD, NEIGHBOUR = "policy", "hold the last command", "nearest neighbour"
_IMAGE_COMPONENTS = 32


@dataclass(frozen=True)
class OpenLoopRow:
    """Mean absolute error of one method, for one joint group, this far ahead.

    `unit` is that of the group's joints; for `overall`, and for groups that mix units, errors are in standard
    deviations of the training commands ("sigma"), each joint counting the same.
    """

    method: str
    group: str
    ahead_s: float
    error: float
    unit: str


@dataclass(frozen=True)
class OpenLoopReport:
    """All errors, over `frames` frames of `episodes` held-out episodes."""

    rows: tuple[OpenLoopRow, ...]
    frames: int
    episodes: int

    def error(self, method: str, group: str, ahead_s: float) -> float:
        """The error of one cell.

        Raises:
            KeyError: there is no such cell.
        """
        cells = {(row.method, row.group, row.ahead_s): row.error for row in self.rows}
        return cells[method, group, ahead_s]

    def table(self) -> list[dict[str, Any]]:
        """One mapping a group and look-ahead, with the error of each method as a column."""
        lines: dict[tuple[str, float], dict[str, Any]] = {}
        for row in self.rows:
            start = {"group": row.group, "ahead_s": row.ahead_s, "unit": row.unit}
            lines.setdefault((row.group, row.ahead_s), start)[row.method] = row.error
        return list(lines.values())


def evaluate_open_loop(
    policy: TrainedPolicy, training: FrameTable, held_out: FrameTable, ahead_s: Sequence[float] = DEFAULT_AHEAD_S
) -> OpenLoopReport:
    """Compare the policy with "hold the last command" and with the nearest neighbour among the training frames.

    Every frame of `held_out` counts that has a command before it and one as far ahead as is asked. The command
    `k / fps` ahead of a frame is `action[t + k]`; the policy sees only the frame's observation, and
    starts from the command before it where it was trained to (`Scaler.anchor`).

    Raises:
        DatasetError: training saw a held-out episode, or the chunk does not reach that far.
    """
    seen = {*policy.provenance.episodes, *(episode.identity for episode in training.episodes)}
    both = sorted(seen & {episode.identity for episode in held_out.episodes})
    if both:
        raise DatasetError(f"{len(both)} episodes were trained on (e.g. {both[0]}); evaluate on others")
    steps = [round(seconds * held_out.fps) for seconds in ahead_s]
    horizon = policy.network.config.horizon
    if max(steps) >= horizon:
        raise DatasetError(
            f"the policy plans {horizon / held_out.fps:.2f} s; it cannot be asked {max(ahead_s)} s ahead"
        )
    last = held_out.last_row
    rows = np.arange(len(held_out.action))
    first = np.concatenate([[True], held_out.episode_of_row[1:] != held_out.episode_of_row[:-1]])
    rows = rows[~first & (rows + max(steps) <= last)]
    methods: Mapping[str, Predictor] = {
        POLICY: lambda batch: predict_chunks(policy, held_out, batch),
        HOLD: lambda batch: np.repeat(held_out.action[batch - 1][:, None], horizon, axis=1),
        NEIGHBOUR: NearestNeighbour(policy, training, held_out),
    }
    spread = Normal.fit(training.action).std
    found = []
    for method, predict in methods.items():
        total = np.zeros((len(steps), held_out.action.shape[1]))
        for batch in np.array_split(rows, max(len(rows) // 256, 1)):
            chunks = predict(batch)
            for slot, step in enumerate(steps):
                total[slot] += np.abs(chunks[:, step] - held_out.action[batch + step]).sum(axis=0)
        for seconds, error in zip(ahead_s, total / len(rows), strict=True):
            found += _rows(method, seconds, error, spread, held_out)
    return OpenLoopReport(tuple(found), len(rows), len(held_out.episodes))


def predict_chunks(policy: TrainedPolicy, table: FrameTable, rows: Rows) -> Float32Array:
    """The policy's absolute chunks (batch, horizon, joints): the mean of its opinions."""
    batch = make_batch(table, policy.scaler, rows, policy.network.config.horizon)
    present = torch.ones(len(rows), len(policy.network.senses), dtype=torch.bool)
    with torch.inference_mode():
        opinions, _ = policy.network(batch.observation, present)
    return policy.scaler.decode_chunk(opinions.mean(dim=0).numpy(), table.anchor(rows, policy.scaler.anchor))


class NearestNeighbour:
    """The commands that followed the most similar training frame, in the policy's own representation of commands.

    Similar means near in the policy's own inputs: standardised vectors, and the images' first principal components
    over the training frames, each sense counting the same in all.
    """

    def __init__(self, policy: TrainedPolicy, training: FrameTable, held_out: FrameTable) -> None:
        from sklearn.neighbors import NearestNeighbors

        self._policy, self._training, self._held_out = policy, training, held_out
        known, asked = _descriptors(policy, training, held_out)
        self._asked = asked
        self._search = NearestNeighbors(n_neighbors=1, algorithm="brute").fit(known)

    def __call__(self, rows: Rows) -> Float32Array:
        scaler, horizon = self._policy.scaler, self._policy.network.config.horizon
        nearest = self._search.kneighbors(self._asked[rows], return_distance=False)[:, 0]
        chunk, _ = self._training.chunks(nearest, horizon)
        here, there = (self._held_out.anchor(rows, scaler.anchor), self._training.anchor(nearest, scaler.anchor))
        moved = np.where(scaler.relative, here - there, 0)
        return np.asarray(chunk + moved[:, None], dtype=np.float32)


def _descriptors(
    policy: TrainedPolicy, training: FrameTable, held_out: FrameTable
) -> tuple[Float32Array, Float32Array]:
    """Training and held-out frames as (rows, numbers), each sense scaled to unit variance in total."""
    from sklearn.decomposition import PCA

    known, asked = [], []
    for name in training.vectors:
        pair = [policy.scaler.encode_feature(name, table.vectors[name]) for table in (training, held_out)]
        known.append(pair[0] / np.sqrt(max(pair[0].var(axis=0).sum(), 1e-9)))
        asked.append(pair[1] / np.sqrt(max(pair[0].var(axis=0).sum(), 1e-9)))
    for camera in training.frames:
        small = [_small_images(table, camera) for table in (training, held_out)]
        components = PCA(min(_IMAGE_COMPONENTS, *small[0].shape), svd_solver="randomized", random_state=0).fit(small[0])
        pair = [components.transform(images) for images in small]
        known.append(pair[0] / np.sqrt(max(pair[0].var(axis=0).sum(), 1e-9)))
        asked.append(pair[1] / np.sqrt(max(pair[0].var(axis=0).sum(), 1e-9)))
    return np.concatenate(known, axis=1).astype(np.float32), np.concatenate(asked, axis=1).astype(np.float32)


def _small_images(table: FrameTable, camera: str) -> Float32Array:
    """Images at 16 px, flat: (rows, 768)."""
    store = table.frames[camera]
    small = []
    for rows in np.array_split(np.arange(len(table.action)), max(len(table.action) // 512, 1)):
        pixels = store.gather(rows).astype(np.float32)
        block = max(store.height // 16, 1)
        edge = store.height // block
        cut = pixels[:, : edge * block, : edge * block].reshape(len(rows), edge, block, edge, block, 3)
        small.append(cut.mean(axis=(2, 4)).reshape(len(rows), -1))
    return np.concatenate(small)


def _rows(
    method: str, seconds: float, error: NDArray[np.float64], spread: Float32Array, table: FrameTable
) -> list[OpenLoopRow]:
    rows = []
    for group in table.robot.groups:
        joints = table.robot.group(group)
        units = {table.robot.joints[i].unit for i in joints}
        if len(units) == 1:
            rows.append(OpenLoopRow(method, group, seconds, float(error[joints].mean()), units.pop()))
        else:
            rows.append(OpenLoopRow(method, group, seconds, float((error / spread)[joints].mean()), "sigma"))
    rows.append(OpenLoopRow(method, OVERALL, seconds, float((error / spread).mean()), "sigma"))
    return rows
