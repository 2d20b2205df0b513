"""docs/tasks.md and its pictures: every task as its expert does it, every factor at both of its ends."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from envs.episodes.durable import write_bytes
from envs.humanoid import HumanoidEnv
from envs.registry import make_env
from envs.scenario import Factor, Scenario
from envs.tasks.known import TASK_NAMES, load_task
from envs.tasks.task import Task
from experiments.command import UsageError, run_verb
from experiments.flights import flown, simulated_body
from experiments.pictures import write_jpeg
from experiments.task_option import TaskNames
from experiments.view_scene import CLEAN, chosen_scenario
from experiments.workers import console

Picture = NDArray[np.uint8]  # (height, width, 3)
WIDTH, HEIGHT = 384, 288
EYE = 144
COLUMNS = 3
_FRAME = ((0, 4), (0, 4), (0, 0))


@dataclass(frozen=True)
class TaskPages:
    """Write docs/tasks.md, and the pictures that it shows: each task's steps, and its factors at their ends.

    Example: python -m experiments.task_pages --out docs
    """

    out: Path = Path("docs")
    """The folder to write into."""
    tasks: TaskNames = TASK_NAMES
    """Which tasks to draw anew; the page always tells of all."""
    pictures: bool = True
    """Draw; otherwise only the text is written."""


def run(config: TaskPages) -> int:
    for name in config.tasks:
        load_task(name)  # refuses an unknown one before anything is drawn
    for name in config.tasks if config.pictures else ():
        env = make_env(name, images=False)
        try:
            write_jpeg(config.out / "tasks" / f"{name}.jpg", _steps_sheet(env))
            write_jpeg(config.out / "tasks" / f"{name}_factors.jpg", _factors_sheet(env))
        finally:
            env.close()
        console.print(f"  {name}: drawn", soft_wrap=True)
    pages = "\n".join(_page(load_task(name)) for name in TASK_NAMES)
    write_bytes(config.out / "tasks.md", (_HEAD + pages).encode())
    console.print(f"  {config.out / 'tasks.md'} is written", soft_wrap=True)
    return 0


def _steps_sheet(env: HumanoidEnv) -> Picture:
    """The scene at the start and as each step is done: beside the robot, and small, through its own eyes."""
    scenario = chosen_scenario(env.task.space, CLEAN, None)
    frames = [_with_eyes(env) for _ in _moments(env, scenario)]
    return _grid(frames, COLUMNS - 1)


def _moments(env: HumanoidEnv, scenario: Scenario) -> Iterator[None]:
    """Fly the expert; yield at the start and whenever one more step is done."""
    done = -1
    for info in flown(env, scenario):
        if (now_done := sum(info["judgement"].done)) > done:
            done = now_done
            yield
    if not info["judgement"].success:
        raise UsageError(f"the expert did not do {env.task.name}: {info['judgement'].unmet}; nothing to show")


def _with_eyes(env: HumanoidEnv) -> Picture:
    body = simulated_body(env)
    eyes = [body.photograph(camera.name, EYE, EYE) for camera in env.robot.cameras]
    strip = np.full((HEIGHT, EYE, 3), 255, dtype=np.uint8)
    for place, eye in enumerate(eyes[: HEIGHT // EYE]):
        strip[place * EYE : (place + 1) * EYE] = eye
    return np.pad(np.hstack([body.photograph("trainer", WIDTH, HEIGHT), strip]), _FRAME, constant_values=255)


def _factors_sheet(env: HumanoidEnv) -> Picture:
    """Every factor that can be seen, at both ends or at each choice, side by side and named."""
    shown = []
    for factor in env.task.space.factors:
        ends: Sequence[object] = factor.choices or (factor.lower, factor.upper)
        pictures = [_staged(env, f"{factor.name}={end}") for end in ends]
        if any((picture != pictures[0]).any() for picture in pictures):
            shown += [_named(picture, _told(factor, end)) for picture, end in zip(pictures, ends, strict=True)]
    return _grid(shown, 2 * COLUMNS)


def _staged(env: HumanoidEnv, pair: str) -> Picture:
    pairs = (*CLEAN, pair)
    env.reset(seed=0, options={"scenario": chosen_scenario(env.task.space, pairs, None)})
    return simulated_body(env).photograph("trainer", WIDTH // 2, HEIGHT // 2)


def _told(factor: Factor, value: object) -> str:
    return f"{factor.name} {value}" if isinstance(value, str) else f"{factor.name} {value:g} {factor.unit}"


def _named(picture: Picture, text: str) -> Picture:
    import cv2

    label = np.full((18, picture.shape[1], 3), 255, dtype=np.uint8)
    cv2.putText(label, text, (3, 13), cv2.FONT_HERSHEY_SIMPLEX, 0.36, (30, 30, 30), 1, cv2.LINE_AA)
    return np.pad(np.vstack([label, picture]), _FRAME, constant_values=255)


def _grid(pictures: Sequence[Picture], columns: int) -> Picture:
    blank = np.full_like(pictures[0], 255)
    filled = [*pictures, *[blank] * (-len(pictures) % columns)]
    edges = pairwise(range(0, len(filled) + 1, columns))
    return np.vstack([np.hstack(filled[first:last]) for first, last in edges])


def _page(task: Task) -> str:
    steps = "\n".join(
        f"| {number} | `{step.name}` | {step.english} | {step.chinese} |"
        for number, step in enumerate(task.instructions, 1)
    )
    factors = "\n".join(_row(factor) for factor in task.space.factors)
    return f"""## {task.name}

{task.title} At most {task.duration_s:g} s.

| | step | | |
|---|---|---|---|
{steps}

![The expert does {task.name}, step by step](tasks/{task.name}.jpg)

| factor | unit | nominal | deployment | in simulation | by hand | |
|---|---|---|---|---|---|---|
{factors}

![The factors of {task.name} at their ends](tasks/{task.name}_factors.jpg)
"""


def _row(factor: Factor) -> str:
    if factor.is_categorical:
        nominal, deployment = (", ".join(some) for some in (factor.nominal_choices or factor.choices, factor.choices))
    else:
        nominal, deployment = (
            f"{low:g} to {high:g}" for low, high in (factor.nominal_range, (factor.lower, factor.upper))
        )
    words = [factor.choice_words.get(choice, (choice, choice)) for choice in factor.choices] or [("{value}",) * 2]
    english, chinese = (" / ".join(told) for told in zip(*words, strict=True))
    by_hand = f"{factor.set_up_en.format(value=english)} | {factor.set_up_zh.format(value=chinese)}"
    return f"| `{factor.name}` | {factor.unit} | {nominal} | {deployment} | {factor.in_simulation} | {by_hand} |"


_HEAD = """# Tasks

Written by `python -m experiments.task_pages`; the pictures, too. Each task is done by its scripted expert: beside the
robot, and small beside it through the robot's own two cameras, at the start and as each step is done. Below, each
factor that can be seen, at its ends. `retake view --task T` shows a scene, `--factors name=value` at any value.

Scenarios are drawn uniformly: nominally over the middle half of a factor's range (or as stated), in deployment over all
of it.

"""


def main(arguments: Sequence[str] | None = None) -> int:
    return run_verb("python -m experiments.task_pages", TaskPages, run, arguments)


if __name__ == "__main__":
    sys.exit(main())
