"""Batches for training: weighted rows, augmented images, normalised targets, all from one generator."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from policies.dataset.features import STATE
from policies.dataset.meta import CAMERA_PREFIX
from policies.dataset.reader import Rows
from policies.dataset.table import FrameTable
from policies.errors import DatasetError
from policies.scaling import Scaler

HALF_RANGE = 127.5  # of a byte


@dataclass(frozen=True)
class Augmentation:
    """How a training image may differ from the recorded one. All zero switches it off."""

    shift: float = 0.02  # of the image's edge, each way; little, for where a fruit is seen, it is
    brightness: float = 0.15
    contrast: float = 0.2
    colour: float = 0.05
    position: float = 0.05  # noise on joint positions, in standard deviations of the training data
    sense: float = 0.03  # noise on the other normalised senses, likewise


@dataclass(frozen=True)
class Batch:
    """What one step learns from, on the CPU."""

    rows: Rows
    observation: dict[str, Tensor]
    target: Tensor  # (batch, horizon, joints) normalised
    valid: Tensor  # (batch, horizon) bool


class RowSampler:
    """Draws rows in proportion to their weights."""

    def __init__(self, weights: NDArray[np.float64]) -> None:
        self._edges: NDArray[np.float64] = np.cumsum(weights)
        self.digest = hashlib.blake2b(self._edges.tobytes(), digest_size=8).hexdigest()

    def draw(self, count: int, rng: np.random.Generator) -> Rows:
        places = np.searchsorted(self._edges, rng.random(count) * self._edges[-1], side="right")
        return np.asarray(places, dtype=np.intp)


class BatchStream:
    """Endless batches of weighted rows, all from one generator.

    `state` after a batch, given to `restore` of a stream over the same table, makes the same batches follow.
    """

    def __init__(
        self,
        table: FrameTable,
        scaler: Scaler,
        sampler: RowSampler,
        batch: int,
        horizon: int,
        augmentation: Augmentation | None,
        rng: np.random.Generator,
    ) -> None:
        self._table, self._scaler, self._sampler = table, scaler, sampler
        self._batch, self._horizon, self._augmentation, self._rng = batch, horizon, augmentation, rng

    def __iter__(self) -> BatchStream:
        return self

    def __next__(self) -> Batch:
        rows = self._sampler.draw(self._batch, self._rng)
        return make_batch(self._table, self._scaler, rows, self._horizon, self._augmentation, self._rng)

    def state(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {"generator": self._rng.bit_generator.state, "sampler": self._sampler.digest}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on where another stream was when it gave `state`.

        Raises:
            DatasetError: that stream drew from other rows or with other weights.
        """
        if state["sampler"] != self._sampler.digest:
            raise DatasetError("the batches were drawn from other rows, or with other weights; begin anew")
        self._rng.bit_generator.state = state["generator"]


def make_batch(
    table: FrameTable,
    scaler: Scaler,
    rows: Rows,
    horizon: int,
    augmentation: Augmentation | None = None,
    rng: np.random.Generator | None = None,
) -> Batch:
    """Gather and normalise `rows`; augmented where both `augmentation` and `rng` are given."""
    observation = {}
    for name, values in table.vectors.items():
        scaled = scaler.encode_feature(name, values[rows])
        if augmentation is not None and rng is not None and name in scaler.features:
            spread = np.float32(augmentation.position if name == STATE else augmentation.sense)
            scaled = scaled + spread * rng.standard_normal(scaled.shape, dtype=np.float32)
        observation[name] = torch.from_numpy(scaled)
    for camera, store in table.frames.items():
        pixels = store.gather(rows)
        if augmentation is not None and rng is not None:
            image = _jittered(_shifted(pixels, augmentation.shift, rng), augmentation, rng)
        else:
            image = image_tensor(pixels)
        observation[CAMERA_PREFIX + camera] = image
    chunk, valid = table.chunks(rows, horizon)
    target = scaler.encode_chunk(chunk, table.anchor(rows, scaler.anchor))
    return Batch(rows, observation, torch.from_numpy(target), torch.from_numpy(valid))


def image_tensor(pixels: NDArray[np.uint8]) -> Tensor:
    """(batch, size, size, 3) bytes to (batch, 3, size, size) from -1 to 1, channels last in memory."""
    return torch.from_numpy(pixels).float().mul_(1.0 / HALF_RANGE).sub_(1.0).permute(0, 3, 1, 2)


def _shifted(pixels: NDArray[np.uint8], share: float, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Each image moved by up to `share` of its edge both ways, its border repeated: a random crop."""
    batch, size = pixels.shape[:2]
    reach = round(share * size)
    if reach == 0:
        return pixels
    padded = np.empty((batch, size + 2 * reach, size + 2 * reach, 3), dtype=np.uint8)
    inner = slice(reach, reach + size)
    padded[:, inner, inner] = pixels
    padded[:, :reach, inner], padded[:, reach + size :, inner] = pixels[:, :1], pixels[:, -1:]
    padded[:, :, :reach] = padded[:, :, reach : reach + 1]
    padded[:, :, reach + size :] = padded[:, :, reach + size - 1 : reach + size]
    out = np.empty_like(pixels)
    for index, (down, right) in enumerate(rng.integers(0, 2 * reach + 1, (batch, 2)).tolist()):
        out[index] = padded[index, down : down + size, right : right + size]
    return out


def _jittered(pixels: NDArray[np.uint8], by: Augmentation, rng: np.random.Generator) -> Tensor:
    """`image_tensor` with contrast about mid-grey, brightness, and the balance of colours changed image by image."""
    batch, size = pixels.shape[:2]
    contrast = 1.0 + by.contrast * rng.uniform(-1.0, 1.0, (batch, 1))
    gain = contrast * (1.0 + by.colour * rng.uniform(-1.0, 1.0, (batch, 3)))
    bias = by.brightness * rng.uniform(-1.0, 1.0, (batch, 1)) - gain
    # Whole lines at a time: an innermost dimension of 3 would not be vectorised.
    line_gain = torch.from_numpy(np.tile(gain / HALF_RANGE, (1, size)).astype(np.float32))[:, None]
    line_bias = torch.from_numpy(np.tile(bias, (1, size)).astype(np.float32))[:, None]
    lines = torch.from_numpy(pixels).view(batch, size, 3 * size).float().mul_(line_gain).add_(line_bias)
    return lines.view(batch, size, size, 3).permute(0, 3, 1, 2)
