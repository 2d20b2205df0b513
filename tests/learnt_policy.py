"""A network small enough to be trained in a test, and what it is asked with."""

from __future__ import annotations

from typing import Any

import numpy as np

from policies.batches import Augmentation
from policies.dataset.table import FrameTable
from policies.network import NetworkConfig
from policies.training import TrainingConfig

SMALL = NetworkConfig(
    horizon=16, execute=4, image_size=16, width=48, token_width=16, layers=1, channels=(8, 8), modality_dropout=0.0
)
STILL = Augmentation(shift=0.0, brightness=0.0, contrast=0.0, colour=0.0, position=0.0, sense=0.0)
QUICK = TrainingConfig(steps=20, batch=16, network=SMALL, log_every=10, held_out=0.0)


def observation_of(table: FrameTable, row: int) -> dict[str, Any]:
    """What a policy would be given at a row of a table."""
    seen = {name: values[row] for name, values in table.vectors.items()}
    seen["goal"] = table.goal[row]
    return seen | {"observation.images.head": table.frames["head"].gather(np.array([row]))[0]}
