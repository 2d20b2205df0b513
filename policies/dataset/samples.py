"""Samples for any trainer: an observation, the commands that follow it, and which of these are still of its episode.

`ChunkSamples` is addressed by an array of rows, a whole batch at once; with `SeededRows` as its sampler it goes into a
`torch.utils.data.DataLoader(samples, sampler=rows, batch_size=None, num_workers=n)`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from policies.batches import RowSampler
from policies.dataset.meta import CAMERA_PREFIX
from policies.dataset.reader import Rows
from policies.dataset.table import FrameTable

ACTION_IS_PAD = "action_is_pad"  # LeRobot's name for it


@dataclass(frozen=True)
class ChunkSamples:
    """Batches of samples by row. Copies of it may be used by several forked processes at once."""

    table: FrameTable
    horizon: int  # commands a sample, the row's own first

    def __len__(self) -> int:
        return len(self.table.action)

    def __getitem__(self, rows: Rows) -> dict[str, NDArray[Any]]:
        """Each sense as (batch, numbers), each camera as (batch, height, width, 3) uint8, `action` as (batch, horizon,
        joints) and `action_is_pad` as (batch, horizon), True behind the episode's end, where its last command is
        repeated.

        Raises:
            DatasetError: a video is damaged.
        """
        found: dict[str, NDArray[Any]] = {name: values[rows] for name, values in self.table.vectors.items()}
        for camera, store in self.table.frames.items():
            found[CAMERA_PREFIX + camera] = store.gather(rows)
        found["action"], valid = self.table.chunks(rows, self.horizon)
        return found | {ACTION_IS_PAD: ~valid}


@dataclass(frozen=True)
class SeededRows:
    """Endless batches of weighted rows. Batch k depends on seed and k alone, so that workers may run ahead, and a run
    that had used n batches goes on with `first=n`.
    """

    sampler: RowSampler
    batch: int
    seed: int
    first: int = 0

    def __iter__(self) -> Iterator[Rows]:
        number = self.first
        while True:
            yield self.sampler.draw(self.batch, np.random.default_rng([self.seed, number]))
            number += 1
