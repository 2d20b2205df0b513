"""`retake view`: look at a recorded episode, or at a task's scene."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from tyro.conf import Positional, arg

from envs.episodes.archive import Archive
from envs.episodes.reading import Episode, read_episode
from envs.episodes.skew import StreamSkew
from envs.tasks.known import TASK_NAMES
from experiments.command import UsageError, at_least, run_verb
from experiments.contact_sheet import write_contact_sheet
from experiments.outputs import require_file
from experiments.task_option import TaskName
from experiments.view_episode import show_episode
from experiments.view_scene import open_window, write_scene
from experiments.workers import console


@dataclass(frozen=True)
class View:
    """Look at a recorded episode, or at a task's scene.

    With EPISODE or --archive: the episode in rerun (an extra: pip install 'retake[viewer]'): cameras, the robot in 3-D,
    touch, sound, joints, who commanded, the steps and what quality found, on one time line. With --save it goes into a
    file in place of a window, with --out onto a page of pictures, which needs no rerun. Otherwise: the scene of a task,
    as a PNG with --out, or in a window in which the scripted expert does the task.

    Examples:
      retake view last --archive runs/mine/archive
      retake view runs/mine/archive/episodes/2026-05-04/20260504-101530-000001-a1b2c3 --save episode.rrd
      retake view last --archive runs/mine/archive --out page.png
      retake view --task pick_fruit --factors fruit_radius=34 leaf_cover=1 --out scene.png
    """

    episode: Annotated[Positional[str], arg(metavar="[EPISODE]")] = ""
    """The folder of an episode; with --archive its id, or "last", which may be left out."""
    archive: Path | None = None
    """The folder that was recorded into."""
    save: Path | None = None
    """The .rrd to write for the viewer; open it anywhere with `rerun FILE.rrd`. Needs no display."""
    out: Path | None = None
    """The PNG to write: a page that shows the episode, or the scene."""
    task: TaskName = "pick_fruit"
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


def run(config: View) -> int:
    _require_name("--out", config.out, ".png", "pictures are written as PNG")
    _require_name("--save", config.save, ".rrd", "the viewer's files are called so")
    if config.seed is not None:
        at_least(0, seed=config.seed)
    if config.episode or config.archive is not None:
        return _show_episode(config)
    if config.save is not None:
        raise UsageError("--save is for an episode; say which, as in `retake view last --archive runs/mine/archive`")
    if config.out is not None:
        size = (config.width, config.height)
        write_scene(config.out, config.task, config.factors, config.seed, config.camera, size)
        return 0
    if config.camera != View.camera:
        raise UsageError(
            f"--camera {config.camera} is for a picture; give --out scene.png. A window is turned by mouse"
        )
    _require_display("--out scene.png")
    open_window(config.task, config.factors, config.seed)
    return 0


def _show_episode(config: View) -> int:
    episode = _episode(config)
    if config.out is None and config.save is None:
        _require_display("--save episode.rrd, or --out page.png")
    about = f"{episode.sheet.id}: {episode.ticks} steps, {episode.ticks / episode.sheet.header.robot.control_hz:.1f} s"
    if config.out is not None:
        write_contact_sheet(episode, config.out)
        console.print(f"  {config.out} shows {about}", soft_wrap=True)
    if config.save is not None or config.out is None:
        notes = show_episode(episode, config.save)
        where = "the viewer" if config.save is None else f"{config.save} (open it with `rerun {config.save}`)"
        console.print(f"  {where} shows {about}", soft_wrap=True, highlight=False)
        for note in notes:
            console.print(f"  {note}", soft_wrap=True, highlight=False)
    if episode.sheet.skew:
        console.print("  Apart from the joints in time:")
    for line in skew_lines(episode.sheet.skew):
        console.print(line, soft_wrap=True, highlight=False)
    return 0


def _episode(config: View) -> Episode:
    if config.archive is None:
        if not Path(config.episode).is_dir():
            if config.episode in TASK_NAMES:
                raise UsageError(
                    f"{config.episode!r} is a task, and no folder of an episode; `retake view --task {config.episode}` "
                    "shows its scene"
                )
            raise UsageError(
                f"{config.episode!r} is no folder of an episode; give one, or the archive that it is in, as in "
                "`retake view last --archive runs/mine/archive`"
            )
        return read_episode(config.episode)
    archive = Archive(config.archive, create=False)
    ids = archive.ids()
    if not ids:
        raise UsageError(f"{config.archive} holds no episodes yet; record some with `retake collect`")
    return archive.open(ids[-1] if config.episode in ("", "last") else config.episode)


def _require_name(option: str, path: Path | None, suffix: str, why: str) -> None:
    if path is not None and path.suffix.lower() != suffix:
        raise UsageError(f"{option} is {path}; {why}, so give a name that ends in {suffix}")
    require_file(option, path)


def _require_display(instead: str) -> None:
    if not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        raise UsageError(f"a window needs a display and there is none; write a file instead, with {instead}")


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


def main(arguments: Sequence[str] | None = None) -> int:
    return run_verb("retake view", View, run, arguments)


if __name__ == "__main__":
    sys.exit(main())
