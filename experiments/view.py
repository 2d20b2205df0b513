"""`retake view`: look at a task's scene, or at a recorded episode."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from envs.episodes.archive import Archive
from envs.episodes.skew import StreamSkew
from envs.humanoid import HumanoidEnv
from envs.registry import make_env
from envs.scenario import Distribution, Scenario, ScenarioSpace
from envs.sim_body import SimBody
from envs.tasks.known import load_task
from experiments.command import UsageError, run_verb
from experiments.contact_sheet import write_contact_sheet
from experiments.outputs import require_file
from experiments.pictures import write_png
from experiments.workers import console


@dataclass(frozen=True)
class View:
    """Look at a task's scene, or at an episode of an archive.

    Without --archive: the scene of a task, in a window, or as a PNG with --out. With --archive: a page with eight
    images of each camera and the episode's signals over time, instruction steps marked.

    Examples:
      retake view --factors fruit_radius=34 leaf_cover=1 --out scene.png
      retake view --archive runs/mine/archive --episode last --out page.png
    """

    task: str = "pick_fruit"
    """Whose scene to show."""
    factors: tuple[str, ...] = ()
    """Values of the scenario, as factor=value pairs; the others stand in the middle of their nominal range."""
    seed: int | None = None
    """Draw a scenario from the deployment distribution in place of the middle; --factors still change it."""
    camera: str = "trainer"
    """Which camera looks: "trainer" or "overview" of the scene, or one of the robot's own."""
    width: int = 960
    """Of the picture, in pixels."""
    height: int = 800
    """Of the picture, in pixels."""
    archive: Path | None = None
    """The folder that was recorded into: show an episode of it in place of a scene."""
    episode: str = "last"
    """Which episode: its id, or "last"."""
    out: Path | None = None
    """The PNG to write. A scene without --out opens a window, which needs a display; close it to end."""


def run(config: View) -> int:
    if config.out is not None and config.out.suffix.lower() != ".png":
        raise UsageError(f"--out is {config.out}; pictures are written as PNG, so give a name that ends in .png")
    require_file("--out", config.out)
    return _show_scene(config) if config.archive is None else _show_episode(config, config.archive)


def _show_episode(config: View, root: Path) -> int:
    if config.out is None:
        raise UsageError("an episode is shown as a page; say where to write it, as in --out page.png")
    archive = Archive(root, create=False)
    ids = archive.ids()
    if not ids:
        raise UsageError(f"{root} holds no episodes yet; record some with `retake collect`")
    episode = archive.open(ids[-1] if config.episode == "last" else config.episode)
    write_contact_sheet(episode, config.out)
    seconds = episode.ticks / episode.sheet.header.robot.control_hz
    console.print(f"  {config.out} shows {episode.sheet.id}: {episode.ticks} steps, {seconds:.1f} s", soft_wrap=True)
    if episode.sheet.skew:
        console.print("  Apart from the joints in time:")
    for line in skew_lines(episode.sheet.skew):
        console.print(line, soft_wrap=True, highlight=False)
    return 0


def skew_lines(skews: Mapping[str, StreamSkew]) -> list[str]:
    """How far each stream lay from the joints in time, one line a stream."""
    lines = []
    for stream, skew in skews.items():
        median_ms, p95_ms, worst_ms = (1000.0 * time_s for time_s in (skew.median_s, skew.p95_s, skew.worst_s))
        verdict = "within budget" if skew.is_within_budget else f"over budget in {skew.over_budget:.0%} of steps"
        missing = f", {skew.missing} missing" if skew.missing else ""
        lines.append(
            f"  {stream:<12} {median_ms:+.1f} ms in the middle, {p95_ms:.1f} ms in 95 %, {worst_ms:.1f} ms at worst; "
            f"{1000.0 * skew.budget_s:g} ms allowed: {verdict}; {skew.repeats} of {skew.steps} repeated{missing}"
        )
    return lines


def _show_scene(config: View) -> int:
    scenario = chosen_scenario(load_task(config.task).space, config.factors, config.seed)
    if config.out is None and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        raise UsageError("a window needs a display and there is none; write a picture instead, as in --out scene.png")
    env = make_env(config.task, images=False, pace="sim" if config.out else "wall")
    try:
        env.reset(seed=0, options={"scenario": scenario})
        body = env.body
        if not isinstance(body, SimBody):
            raise UsageError("only a simulated body has a scene to look at")
        if config.out is None:
            _open_window(env, body, scenario)
            return 0
        _check_picture(config, body)
        write_png(config.out, body.sight.render(config.camera, config.width, config.height))
    finally:
        env.close()
    values = ", ".join(f"{name} {_short(value)}" for name, value in scenario.values.items())
    console.print(f"  {config.out} shows {config.task} with {values}", soft_wrap=True)
    return 0


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


def _check_picture(config: View, body: SimBody) -> None:
    model = body.simulation.model
    cameras = [model.camera(number).name for number in range(model.ncam)]
    if config.camera not in cameras:
        raise UsageError(f"there is no camera {config.camera!r}; choose one of {', '.join(cameras)}")
    if not (16 <= config.width <= 4096 and 16 <= config.height <= 4096):
        raise UsageError(f"a picture of {config.width}x{config.height} pixels is not drawn; give 16 to 4096 each")


def _open_window(env: HumanoidEnv, body: SimBody, scenario: Scenario) -> None:
    """The robot stands at home in the scene, in real time, until the window is closed."""
    import mujoco.viewer

    with mujoco.viewer.launch_passive(body.simulation.model, body.simulation.data) as window:
        is_over = False
        while window.is_running():
            with window.lock():
                if is_over:
                    env.reset(seed=0, options={"scenario": scenario})
                _, _, terminated, truncated, _ = env.step(env.robot.home)
            is_over = terminated or truncated
            window.sync()


def _short(value: float | str) -> str:
    return value if isinstance(value, str) else f"{value:g}"


def main(arguments: Sequence[str] | None = None) -> int:
    return run_verb("retake view", View, run, arguments)


if __name__ == "__main__":
    sys.exit(main())
