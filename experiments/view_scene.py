"""A task's scene: as a picture, or in a window in which the scripted expert does the task."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

import numpy as np

from envs.humanoid import HumanoidEnv
from envs.registry import make_env
from envs.scenario import Distribution, Scenario, ScenarioSpace
from envs.senses.sight import LARGEST_PX
from envs.sim_body import SimBody
from envs.tasks.known import load_task
from experiments.command import UsageError
from experiments.flights import flown, simulated_body
from experiments.pictures import write_png
from experiments.workers import console

SMALLEST_PX = 16
SPACE_BAR = 32  # as GLFW numbers keys
CLEAN = ("camera_noise=0",)  # pictures of a page are to be looked at, and stay small
_LOOKS_AT_M, _FROM_M = (0.3, 0.0, 0.85), 1.7
_AZIMUTH_DEG, _ELEVATION_DEG = 130.0, -20.0
_REST_S = 1.0  # time to look at how it ended


class Window(Protocol):
    """What a window on a running simulation can do; MuJoCo's viewer is one."""

    def is_running(self) -> bool: ...

    def lock(self) -> AbstractContextManager[object]: ...

    def sync(self) -> None: ...

    def update_texture(self, texid: int, /) -> None: ...


def write_scene(
    file: Path, task: str, pairs: Sequence[str], seed: int | None, camera: str, size: tuple[int, int]
) -> None:
    """Write a picture of a scenario, (width, height) pixels.

    Raises:
        UsageError: the camera or the size is not to be had, or the picture cannot be written.
        ScenarioError: a factor is unknown, or its value outside its range.
    """
    scenario = chosen_scenario(load_task(task).space, pairs, seed)
    env = make_env(task, images=False)
    try:
        env.reset(seed=0, options={"scenario": scenario})
        body = simulated_body(env)
        check_picture(body, camera, size)
        write_png(file, body.photograph(camera, *size))
    finally:
        env.close()
    values = ", ".join(f"{name} {_short(value)}" for name, value in scenario.values.items())
    console.print(f"  {file} shows {task} with {values}", soft_wrap=True)


def open_window(task: str, pairs: Sequence[str], seed: int | None) -> None:
    """The expert does the task in real time, over and over, until the window is closed; the space bar goes on at once.

    Raises:
        ScenarioError: a factor is unknown, or its value outside its range.
    """
    space = load_task(task).space
    first = chosen_scenario(space, pairs, seed)
    env = make_env(task, images=False)
    try:
        env.reset(seed=0, options={"scenario": first})
        # A module of its own, which opens windows: it comes after the engine, and only where there is a display.
        import mujoco.viewer

        simulation, wants_next = simulated_body(env).simulation, threading.Event()

        def on_key(key: int) -> None:
            if key == SPACE_BAR:
                wants_next.set()

        console.print(
            "  The expert does the task until the window is closed. Space: the next scenario.", soft_wrap=True
        )
        with mujoco.viewer.launch_passive(
            simulation.model, simulation.data, key_callback=on_key, show_left_ui=False, show_right_ui=False
        ) as window:
            window.cam.lookat[:], window.cam.distance = _LOOKS_AT_M, _FROM_M
            window.cam.azimuth, window.cam.elevation = _AZIMUTH_DEG, _ELEVATION_DEG
            fly(env, window, lambda count: first if count == 0 else _drawn(space, pairs, seed, count), wants_next)
    finally:
        env.close()


def fly(env: HumanoidEnv, window: Window, scenario_of: Callable[[int], Scenario], wants_next: threading.Event) -> None:
    """Let the expert do one scenario after the other, until the window closes; an event that is set ends one early."""
    count = 0
    while window.is_running():
        flight = flown(env, scenario_of(count), count)
        with window.lock():
            next(flight)
        for texture in range(simulated_body(env).simulation.model.ntex):
            window.update_texture(texture)  # a scenario may have painted them
        count += 1
        wants_next.clear()
        is_over = False
        period_s = 1.0 / env.robot.control_hz
        due_s = time.monotonic() + period_s
        while window.is_running() and not wants_next.is_set() and not is_over:
            with window.lock():
                is_over = next(flight, None) is None
            window.sync()
            # Not within the lock, under which the window cannot draw.
            wants_next.wait(max(0.0, due_s - time.monotonic()))
            due_s = max(due_s, time.monotonic()) + period_s
        if is_over and window.is_running():
            wants_next.wait(_REST_S)


def _drawn(space: ScenarioSpace, pairs: Sequence[str], seed: int | None, count: int) -> Scenario:
    return chosen_scenario(space, pairs, (seed or 0) + count)


def chosen_scenario(space: ScenarioSpace, pairs: Sequence[str], seed: int | None) -> Scenario:
    """The middle of the nominal range, or a draw of the deployment distribution, with some values set by hand.

    Raises:
        UsageError: a pair is not factor=value.
        ScenarioError: a factor is unknown, or its value outside its range.
    """
    distribution: Distribution = "nominal" if seed is None else "deployment"
    count = len(space.factors)
    place = np.full(count, 0.5) if seed is None else np.random.default_rng(seed).random(count)
    values = dict(space.at(place, distribution).values)
    for pair in pairs:
        name, equals, text = pair.partition("=")
        if not equals:
            raise UsageError(f"{pair!r} is no factor=value pair; the factors are {', '.join(space.by_name)}")
        factor = space.by_name.get(name)
        values[name] = text if factor is None or factor.is_categorical else _number(pair, text)
    return space.scenario(values)


def _number(pair: str, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise UsageError(f"{pair!r}: {text!r} is no number") from None


def check_picture(body: SimBody, camera: str, size: tuple[int, int]) -> None:
    """Refuse a picture of (width, height) pixels that a camera of the scene cannot give.

    Raises:
        UsageError: there is no such camera, or the size is not drawn.
    """
    model = body.simulation.model
    cameras = [model.camera(number).name for number in range(model.ncam)]
    if camera not in cameras:
        raise UsageError(f"there is no camera {camera!r}; choose one of {', '.join(cameras)}")
    if not all(SMALLEST_PX <= side <= LARGEST_PX for side in size):
        raise UsageError(
            f"a picture of {size[0]}x{size[1]} pixels is not drawn; give {SMALLEST_PX} to {LARGEST_PX} each"
        )


def _short(value: float | str) -> str:
    return value if isinstance(value, str) else f"{value:g}"
