"""Pictures that lie one by one in the rows of a dataset become a film, as every camera of ours is."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from envs.episodes.durable import replacing
from envs.episodes.video import FrameEncoder
from policies.dataset.remux import remux
from policies.errors import DatasetError


def still_size(pictures: pa.ChunkedArray) -> tuple[int, int]:
    """Height and width of the film of these pictures: even, as video needs them.

    Raises:
        DatasetError: the first row holds no picture.
    """
    height, width = _picture(pictures, 0).shape[:2]
    return height // 2 * 2, width // 2 * 2


def write_film(pictures: pa.ChunkedArray, fps: int, path: Path) -> None:
    """Encode one episode's PNG or JPEG pictures, one frame a row; an odd last line or column is cut off.

    Raises:
        DatasetError: a row holds no picture, or one of another size.
        OSError: the film cannot be written.
    """
    height, width = still_size(pictures)
    encoder, packets = FrameEncoder(path.parent.parent.name, width, height, fps), []
    for row in range(len(pictures)):
        pixels = _picture(pictures, row)[:height, :width]
        if pixels.shape != (height, width, 3):
            raise DatasetError(f"row {row} holds a picture of {pixels.shape}, the first one is {height}x{width}")
        packets.append(encoder.encode(pixels))
    with replacing(path) as temporary:
        remux(packets, fps, temporary)


def _picture(pictures: pa.ChunkedArray, row: int) -> NDArray[np.uint8]:
    import cv2

    value = pictures[row].as_py()
    data = value.get("bytes") if isinstance(value, Mapping) else None
    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR_RGB) if data else None
    if pixels is None:
        raise DatasetError(f"row {row} holds no PNG or JPEG picture; only pictures within the rows can be imported")
    return np.asarray(pixels, dtype=np.uint8)
