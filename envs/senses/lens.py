"""What a camera does to light: exposure and noise."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_GAMMA = 2.2  # of the images, so that an exposure step doubles light and not numbers
_SPARE = 48  # rows and columns of grain beyond the image, to shift it within
_GRAIN_SEED = 20_260


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
        self._grains: dict[tuple[int, int], NDArray[np.int16]] = {}
        self._curve = np.clip(np.arange(256) * self._gain, 0.0, 255.0).astype(np.uint8)

    def develop(self, pixels: NDArray[np.uint8], camera: int, step: int) -> NDArray[np.uint8]:
        """The image, (height, width, 3), as it leaves camera number `camera` at control step `step`."""
        import cv2

        exposed = np.asarray(cv2.LUT(pixels, self._curve), dtype=np.uint8)
        if self._noise_levels <= 0.0:
            return exposed
        height, width = pixels.shape[:2]
        down, right = np.random.default_rng((self._seed, camera, step)).integers(0, _SPARE, 2)
        grain = self._grain(height, width)[down : down + height, right : right + width]
        return np.asarray(cv2.add(exposed, grain, dtype=cv2.CV_8U), dtype=np.uint8)  # which saturates

    def _grain(self, height: int, width: int) -> NDArray[np.int16]:  # (height + _SPARE, width + _SPARE, 3)
        key = height, width
        if key not in self._grains:
            drawn = np.random.default_rng(_GRAIN_SEED).standard_normal((height + _SPARE, width + _SPARE, 3), np.float32)
            self._grains[key] = np.rint(self._noise_levels * drawn).astype(np.int16)
        return self._grains[key]
