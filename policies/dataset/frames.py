"""Camera frames of a dataset by row: each video is decoded once into a cache of stated size, where it fits."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from policies.dataset.film import Film
from policies.errors import DatasetError

Progress = Callable[[int, int], None]  # (videos done, videos in all)
Frames = NDArray[np.uint8] | Film  # (frames, height, width, 3)


@dataclass(frozen=True)
class FrameStore:
    """The frames of one camera, addressed by dataset row; the pixels stay on disk until they are asked for."""

    height: int
    width: int
    files: tuple[Frames, ...]
    file_of_row: NDArray[np.int32]  # (rows,); -1 where no frame is held
    frame_of_row: NDArray[np.int32]  # (rows,)

    def subset(self, rows: NDArray[np.intp]) -> FrameStore:
        """The frames of `rows`, renumbered from 0."""
        return FrameStore(self.height, self.width, self.files, self.file_of_row[rows], self.frame_of_row[rows])

    @staticmethod
    def concatenate(stores: Sequence[FrameStore]) -> FrameStore:
        """Several stores of one size as one, the rows of each behind those of the one before.

        Raises:
            DatasetError: their images are of different sizes.
        """
        sizes = {(store.height, store.width) for store in stores}
        if len(sizes) > 1:
            raise DatasetError(f"images of different sizes cannot be mixed: {sorted(sizes)}; give an image size")
        first_file = np.cumsum([0, *(len(store.files) for store in stores)])
        pairs = list(zip(stores, first_file, strict=False))
        return FrameStore(
            stores[0].height,
            stores[0].width,
            tuple(file for store in stores for file in store.files),
            np.concatenate([np.where(store.file_of_row < 0, -1, store.file_of_row + first) for store, first in pairs]),
            np.concatenate([store.frame_of_row for store in stores]),
        )

    def gather(self, rows: NDArray[np.intp]) -> NDArray[np.uint8]:
        """Frames of `rows` (batch,) as (batch, height, width, 3).

        Raises:
            DatasetError: a row's episode was not selected, or its video is damaged.
        """
        batch = np.empty((len(rows), self.height, self.width, 3), dtype=np.uint8)
        places = zip(self.file_of_row[rows].tolist(), self.frame_of_row[rows].tolist(), strict=True)
        for slot, (file, frame) in enumerate(places):
            if file < 0:
                raise DatasetError(f"row {int(rows[slot])} has no frame here; select the episode that holds it first")
            batch[slot] = self.files[file][frame]
        return batch
