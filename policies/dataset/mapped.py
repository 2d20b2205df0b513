"""Arrays that a cache keeps on the disk."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray


def mapped_array(place: Path) -> NDArray[Any] | None:
    """What the file at `place` holds, mapped into memory and read-only; None where that is no array, or not all of it.

    Raises:
        OSError: it cannot be read.
    """
    try:
        # A plain view: indexing a memmap object itself costs several times more.
        return np.asarray(np.load(place, mmap_mode="r"))
    except (ValueError, EOFError):  # not of numpy's format, or cut short
        return None
