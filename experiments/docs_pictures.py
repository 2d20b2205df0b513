"""The pictures of the README: the expert about to close its hand, and what the robot's own cameras see then."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from envs.humanoid import HumanoidEnv
from envs.registry import make_env
from experiments.command import UsageError, run_verb
from experiments.flights import flown, simulated_body
from experiments.pictures import write_png
from experiments.task_option import TaskName
from experiments.view_scene import CLEAN, check_picture, chosen_scenario
from experiments.workers import console


@dataclass(frozen=True)
class DocsPictures:
    """Draw docs/pick_fruit.png and docs/cameras.png from one episode of the expert.

    Example: python -m experiments.docs_pictures --out docs
    """

    out: Path = Path("docs")
    """The folder to write into."""
    task: TaskName = "pick_fruit"
    """What the expert does."""
    step: int = 42
    """The control step that is shown."""
    factors: tuple[str, ...] = ()
    """Values of the scenario, as factor=value pairs; without camera_noise there is none."""
    camera: str = "overview"
    """Which camera looks at the scene."""
    width: int = 900
    """Of the scene's picture, in pixels."""
    height: int = 600
    """Of the scene's picture, in pixels."""
    camera_px: int = 256
    """Side of what each of the robot's cameras sees."""


def run(config: DocsPictures) -> int:
    env = make_env(config.task, images=False)
    try:
        fly_to_step(env, config.step, (*CLEAN, *config.factors))
        body = simulated_body(env)
        check_picture(body, config.camera, (config.width, config.height))
        for camera in env.robot.cameras:
            check_picture(body, camera.name, (config.camera_px, config.camera_px))
        scene = body.photograph(config.camera, config.width, config.height)
        seen = [
            body.photograph(camera.name, camera.width, camera.height, number)
            for number, camera in enumerate(env.robot.cameras)
        ]
    finally:
        env.close()
    size = (config.camera_px, config.camera_px)
    enlarged = [cv2.resize(pixels, size, interpolation=cv2.INTER_CUBIC) for pixels in seen]
    side_by_side = np.hstack(enlarged).astype(np.uint8)
    for name, pixels in ((f"{config.task}.png", scene), ("cameras.png", side_by_side)):
        file = write_png(config.out / name, pixels)
        console.print(f"  {file}: {file.stat().st_size // 1000} kB", soft_wrap=True)
    return 0


def fly_to_step(env: HumanoidEnv, step: int, factors: Sequence[str]) -> None:
    """Let the expert fly until a step of its episode.

    Raises:
        UsageError: the episode is over before.
    """
    for info in flown(env, chosen_scenario(env.task.space, factors, None)):
        if info["step"] >= step:
            return
    raise UsageError(f"the episode is over after step {info['step']}; give an earlier --step")


def main(arguments: Sequence[str] | None = None) -> int:
    return run_verb("python -m experiments.docs_pictures", DocsPictures, run, arguments)


if __name__ == "__main__":
    sys.exit(main())
