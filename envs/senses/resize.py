"""One way to make an image smaller, shared by what the policy sees and what it was trained on."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

RESIZE_NAME = "area-1"  # changes whenever the pixels that come out change; caches carry it in their keys


def resize_image(pixels: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
    """The image as a square of `size` pixels, each the mean of the area it covers; the aspect is not kept.

    Args:
        pixels: (height, width, 3) uint8.
        size: edge of the result in pixels, at least 1.

    Returns:
        (size, size, 3) uint8; `pixels` itself where it has that shape already.

    Raises:
        ValueError: the array is not an image of that kind.
    """
    if pixels.ndim != 3 or pixels.shape[2] != 3 or pixels.dtype != np.uint8 or not pixels.size or size < 1:
        raise ValueError(
            f"cannot resize an array of shape {pixels.shape} and type {pixels.dtype} to {size} px; "
            "give (height, width, 3) uint8 and a size of at least 1"
        )
    if pixels.shape[:2] == (size, size):
        return pixels
    import cv2

    return np.asarray(cv2.resize(pixels, (size, size), interpolation=cv2.INTER_AREA), dtype=np.uint8)
