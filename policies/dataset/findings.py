"""What a check of a dataset can find."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal[
    "missing", "unreadable", "version", "rate", "columns", "shape", "index", "not finite", "timestamp", "task",
    "range", "count", "statistics", "video frames", "video grid", "left over",
]  # fmt: skip

GRID_TOLERANCE_S = 1e-4  # LeRobot's own: it refuses a frame that is further off


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong: which file, what kind of damage, and the particulars."""

    place: str
    kind: Kind
    message: str

    def __str__(self) -> str:
        return f"{self.place}: {self.kind}: {self.message}"
