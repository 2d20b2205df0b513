"""What a camera does to light: exposure and noise."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_GAMMA = 2.2  # of the images, so that an exposure step doubles light and not numbers
_SPARE = 48  # rows and columns of grain beyond the image, to shift it within
_GRAIN_SEED = 20_260
_ALL_BITS = 0xFFFF_FFFF_FFFF_FFFF


class Lens:
    """Develops rendered images as a camera with this exposure and gain would.

    The grain of an image depends on `seed`, its camera and its step alone: not on which images were asked for before.

    Args:
        exposure_ev: each step of it doubles the light.
        noise_levels: standard deviation of the noise of a pixel, of 255.
        seed: of the episode.
    """

    def __init__(self, exposure_ev: float = 0.0, noise_levels: float = 0.0, seed: int = 0) -> None:
        self._gain = 2.0 ** (exposure_ev / _GAMMA)
        self._noise_levels = noise_levels
        self._seed = seed
        self._grains: dict[tuple[int, int], tuple[NDArray[np.uint8], NDArray[np.uint8]]] = {}
        self._curve = np.clip(np.arange(256) * self._gain, 0.0, 255.0).astype(np.uint8)

    def develop(self, pixels: NDArray[np.uint8], camera: int, step: int) -> NDArray[np.uint8]:
        """The image, (height, width, 3), as it leaves camera number `camera` at control step `step`; a fresh array."""
        import cv2

        exposed = np.asarray(cv2.LUT(pixels, self._curve), dtype=np.uint8)
        if self._noise_levels <= 0.0:
            return exposed
        height, width = pixels.shape[:2]
        down, right = _place(self._seed, camera, step)
        brighter, darker = self._grain(height, width)
        cv2.add(exposed, brighter[down : down + height, right : right + width], dst=exposed)  # which saturates
        cv2.subtract(exposed, darker[down : down + height, right : right + width], dst=exposed)
        return exposed

    def _grain(self, height: int, width: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """What grain adds and what it takes away, both (height + _SPARE, width + _SPARE, 3)."""
        key = height, width
        if key not in self._grains:
            drawn = np.random.default_rng(_GRAIN_SEED).standard_normal((height + _SPARE, width + _SPARE, 3), np.float32)
            grain = np.rint(self._noise_levels * drawn)
            brighter, darker = (np.clip(part, 0.0, 255.0).astype(np.uint8) for part in (grain, -grain))
            self._grains[key] = brighter, darker
        return self._grains[key]


def _place(seed: int, camera: int, step: int) -> tuple[int, int]:
    """Where an image lies in the grain, down and to the right, below `_SPARE`.

    The finalizer of SplitMix64 (Steele, Lea and Flood, Fast splittable pseudorandom number generators, OOPSLA 2014), in
    a hundredth of the time that it takes to make a generator.
    """
    bits = (seed * 0x9E3779B97F4A7C15 + camera * 0xD1342543DE82EF95 + step * 0xDA942042E4DD58B5) & _ALL_BITS
    bits = ((bits ^ (bits >> 30)) * 0xBF58476D1CE4E5B9) & _ALL_BITS
    bits = ((bits ^ (bits >> 27)) * 0x94D049BB133111EB) & _ALL_BITS
    bits ^= bits >> 31
    return (bits & 0xFFFFFFFF) % _SPARE, (bits >> 32) % _SPARE
