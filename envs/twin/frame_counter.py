"""A strip in an image that says when it was drawn, so that what a reader reports of its age can be held against it.

Two rows of sixteen black or white cells along the top: 24 bits of the monotonic clock in milliseconds, 8 of a checksum.
A cell is a sixteenth of the image's width and as high; at 64 px the strip is one row of JPEG blocks, and outlasts them.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from envs.errors import EnvError

_COLUMNS, _ROWS = 16, 2
_TIME_BITS, _CHECK_BITS = 24, 8
_LEAST_CELL_PX = 2
_BLACK, _WHITE = 64, 192  # what a cell must be darker or brighter than
_CHECK_POLYNOMIAL = 0x07  # CRC-8/SMBUS
_CHECK_START = 0xFF  # so that a wholly black image holds no time

WRAP_S = (1 << _TIME_BITS) / 1000.0  # four and a half hours


def draw_time(pixels: NDArray[np.uint8], moment_s: float) -> NDArray[np.uint8]:  # (height, width, 3)
    """A copy of an image with the strip of a moment of the monotonic clock.

    Raises:
        EnvError: the image is too small for cells of two pixels.
    """
    cell = _cell_px(pixels)
    if cell < _LEAST_CELL_PX or pixels.shape[0] < cell * _ROWS:
        raise EnvError(
            f"an image of {pixels.shape[1]}x{pixels.shape[0]} pixels has no room for a frame counter; it needs "
            f"{_COLUMNS * _LEAST_CELL_PX}x{_ROWS * _LEAST_CELL_PX}"
        )
    value = round(moment_s * 1000.0) % (1 << _TIME_BITS)
    word = value << _CHECK_BITS | _checksum(value)
    bits = [(word >> place) & 1 for place in reversed(range(_TIME_BITS + _CHECK_BITS))]
    cells = np.array(bits, dtype=np.uint8).reshape(_ROWS, _COLUMNS) * np.uint8(255)
    strip = np.kron(cells, np.ones((cell, cell), dtype=np.uint8))
    marked = pixels.copy()
    marked[: _ROWS * cell, : _COLUMNS * cell] = strip[:, :, None]
    return marked


def read_time(pixels: NDArray[np.uint8], near_s: float) -> float | None:
    """The moment in an image's strip, in seconds of the monotonic clock; None where there is no whole strip.

    Args:
        pixels: (height, width, 3), in the size that was drawn.
        near_s: a time less than two hours from it, for the strip counts modulo four and a half hours.
    """
    cell = _cell_px(pixels)
    if cell < _LEAST_CELL_PX or pixels.shape[0] < cell * _ROWS:
        return None
    strip = pixels[: _ROWS * cell, : _COLUMNS * cell].mean(axis=2)
    levels = strip.reshape(_ROWS, cell, _COLUMNS, cell).mean(axis=(1, 3)).ravel()
    if not ((levels < _BLACK) | (levels > _WHITE)).all():
        return None
    word = int("".join("1" if level > _WHITE else "0" for level in levels), 2)
    value, check = word >> _CHECK_BITS, word & ((1 << _CHECK_BITS) - 1)
    if check != _checksum(value):
        return None
    return value / 1000.0 + round((near_s - value / 1000.0) / WRAP_S) * WRAP_S


def _cell_px(pixels: NDArray[np.uint8]) -> int:
    return int(pixels.shape[1]) // _COLUMNS


def _checksum(value: int) -> int:
    register = _CHECK_START
    for byte in value.to_bytes(_TIME_BITS // 8, "big"):
        register ^= byte
        for _ in range(8):
            register = (register << 1 ^ (_CHECK_POLYNOMIAL if register & 0x80 else 0)) & 0xFF
    return register
