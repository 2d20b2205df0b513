"""Pictures of scenes as they are to be set up: from a scenario, or re-rendered from a snapshot."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from envs.episodes.durable import cannot_write, write_bytes
from envs.humanoid import HumanoidEnv
from envs.registry import make_env
from envs.scenario import Scenario
from envs.snapshot import Snapshot
from experiments.command import UsageError
from experiments.flights import simulated_body
from experiments.orders import snapshot_at
from policies.cases.requests import Request

CAMERA = "trainer"
WIDTH, HEIGHT = 480, 400
_JPEG_QUALITY = 88


def request_pictures(task: str, archive: Path, requests: Sequence[Request], folder: Path) -> Mapping[str, Path]:
    """A PNG of the first scene of each request, by the request's id.

    Raises:
        EnvError: the scene cannot be staged or rendered.
        UsageError: a picture cannot be written.
    """
    env = make_env(task, images=False)
    try:
        files = {}
        for request in requests:
            wanted = request.demonstrations[0]
            start = None if wanted.start is None else snapshot_at(archive, wanted.start)
            files[request.id] = write_png(folder / f"{request.id}.png", scene_picture(env, wanted.scenario, start))
        return files
    finally:
        env.close()


def scene_picture(
    env: HumanoidEnv, scenario: Scenario, start: Snapshot | None = None, camera: str = CAMERA
) -> NDArray[np.uint8]:  # (HEIGHT, WIDTH, 3)
    """The scene as it stands at the beginning, as a trainer beside the robot sees it.

    Raises:
        EnvError: the scene cannot be staged or rendered.
        UsageError: the environment's body is not simulated.
    """
    options = {"scenario": scenario} if start is None else {"start": start}
    env.reset(seed=0, options=options)
    return simulated_body(env).sight.render(camera, WIDTH, HEIGHT)


def write_png(file: Path, pixels: NDArray[np.uint8]) -> Path:
    """Write an RGB image (height, width, 3); nothing half written is ever left.

    Raises:
        UsageError: the file cannot be written.
    """
    return _write(file, pixels, ".png", ())


def write_jpeg(file: Path, pixels: NDArray[np.uint8]) -> Path:
    """As `write_png`: a quarter of the size, where nobody looks at single pixels."""
    import cv2

    return _write(file, pixels, ".jpg", (cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY))


def _write(file: Path, pixels: NDArray[np.uint8], kind: str, options: Sequence[int]) -> Path:
    import cv2

    is_encoded, data = cv2.imencode(kind, cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR), options)
    if not is_encoded:
        raise UsageError(f"an image of the shape {pixels.shape} cannot be written as {kind}, so {file} was not made")
    try:
        write_bytes(file, data.tobytes())
    except OSError as error:
        raise UsageError(cannot_write(file, error)) from error
    return file
