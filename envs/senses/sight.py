"""Sight: the robot's cameras, rendered. OpenGL is touched at the first image, never at import."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from envs.engine import EGL_ADVICE, mujoco
from envs.errors import RenderingError
from envs.simulation import Simulation

LARGEST_PX = 4096  # of either side: beyond, framebuffers fail on one machine or another, in words that help nobody
_LEARNING_SIZE = 128  # up to here round shapes need few facets; software rendering pays for each
_FACETS_SMALL = (10, 8)  # slices, stacks
_FACETS_LARGE = (32, 20)


class SightSense:
    """Renders named cameras of a simulation.

    Shadows, reflections and multisampling are off: in software they cost more than all else together.
    """

    def __init__(self, simulation: Simulation) -> None:
        self._simulation = simulation
        self._renderers: dict[tuple[int, int], Any] = {}

    def render(self, camera: str, width: int, height: int) -> NDArray[np.uint8]:  # (height, width, 3)
        """One RGB image.

        Raises:
            RenderingError: the image is too large, or no OpenGL context can be made; the message says what is
                allowed, or names the packages that give one.
        """
        renderer = self._renderers.get((width, height)) or self._make(width, height)
        renderer.update_scene(self._simulation.data, camera)
        image: NDArray[np.uint8] = renderer.render()
        return image

    def close(self) -> None:
        for renderer in self._renderers.values():
            renderer.close()
        self._renderers.clear()

    def _make(self, width: int, height: int) -> Any:
        if not all(1 <= side <= LARGEST_PX for side in (width, height)):
            raise RenderingError(
                f"an image of {width}x{height} pixels is not drawn; allowed are 1 to {LARGEST_PX} on either side"
            )
        visual = self._simulation.model.vis
        visual.global_.offwidth, visual.global_.offheight = width, height
        facets = _FACETS_SMALL if max(width, height) <= _LEARNING_SIZE else _FACETS_LARGE
        visual.quality.numslices, visual.quality.numstacks = facets
        try:
            renderer = mujoco.Renderer(self._simulation.model, height, width)
        except (
            Exception
        ) as error:  # every GL backend of MuJoCo fails in its own way: ImportError, RuntimeError, its own
            raise RenderingError(
                f"images need OpenGL, and none could be made here ({error}). {EGL_ADVICE}, or run without images "
                "(images=False)"
            ) from error
        renderer.scene.flags[mujoco.mjtRndFlag.mjRND_SHADOW] = False
        renderer.scene.flags[mujoco.mjtRndFlag.mjRND_REFLECTION] = False
        self._renderers[width, height] = renderer
        return renderer
