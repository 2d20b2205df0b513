"""The pictures of docs/data.md, section Looking: an episode in the viewer, and what `retake archive stats` draws."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from envs.episodes.archive import Archive
from envs.episodes.catalogue import CatalogueEntry
from envs.episodes.session import EpisodeOrder, run_episode
from envs.pilots.scripted import ScriptedPilot
from envs.registry import make_env
from experiments.archive_plots import write_plot
from experiments.archive_tally import efforts, tally
from experiments.command import run_verb
from experiments.pictures import write_jpeg
from experiments.task_option import TaskName
from experiments.view_episode import show_episode
from experiments.view_scene import chosen_scenario
from experiments.viewer.picture import photograph_viewer
from experiments.workers import console

_HZ = 25.0
_DAYS, _A_DAY_OFF = 10, 5
_SHANGHAI = timezone(timedelta(hours=8))
_FIRST_MORNING = datetime(2026, 5, 4, 9, 0, tzinfo=_SHANGHAI)
# Trainer, seconds from one episode to the next, share that is kept at first and at last: made up.
_TRAINERS = (("Li Na", 38.0, 0.82, 0.93), ("Wang Wei", 47.0, 0.7, 0.86), ("Chen Jie", 55.0, 0.6, 0.8))
_TASKS = {"pick_fruit": (90, 0.0), "fold_towel": (420, -0.12)}  # mean steps, and how much less is kept
_CAUSES = ("quality", "dropped", "bruised", "place", "operator", "stopped")


@dataclass(frozen=True)
class LookingPictures:
    """Draw docs/data/viewer.jpg, of an episode of the expert, and docs/data/stats.png, of a made-up fortnight.

    Example: python -m experiments.looking_pictures --out docs/data
    """

    out: Path = Path("docs/data")
    """The folder to write into."""
    task: TaskName = "pick_fruit"
    """Whose expert is shown in the viewer."""
    seed: int = 3
    """Draws its scenario."""
    at_s: float = 1.9
    """The moment that is shown, in seconds since the first step."""
    width: int = 1360
    """Of the viewer, in pixels."""
    height: int = 850
    """Of the viewer, in pixels."""
    viewer: bool = True
    """Draw the viewer, which needs a Vulkan driver and ffmpeg; otherwise only the statistics are drawn."""


def run(config: LookingPictures) -> int:
    found = efforts(made_up_fortnight(), {"made-up": _HZ})
    write_plot(config.out / "stats.png", found, tally("all", found))
    files = [config.out / "stats.png"]
    if config.viewer:
        files.append(_viewer_picture(config))
    for file in files:
        console.print(f"  {file}: {file.stat().st_size // 1000} kB", soft_wrap=True)
    return 0


def _viewer_picture(config: LookingPictures) -> Path:
    with TemporaryDirectory() as folder:
        archive, rrd, png = Archive(Path(folder) / "archive"), Path(folder) / "episode.rrd", Path(folder) / "viewer.png"
        env = make_env(config.task)
        try:
            scenario = chosen_scenario(env.task.space, (), config.seed)
            order = EpisodeOrder(scenario, config.seed, "nominal", "expert")
            result = run_episode(env, ScriptedPilot(env), order, archive, station="simulation")
        finally:
            env.close()
        show_episode(archive.open(result.episode_id), rrd)
        photograph_viewer(rrd, png, config.at_s, (config.width, config.height))
        from matplotlib.image import imread

        shown = imread(png)  # (height, width, 4), each from 0 to 1
        return write_jpeg(config.out / "viewer.jpg", np.round(255.0 * shown[..., :3]).astype(np.uint8))


def made_up_fortnight() -> list[CatalogueEntry]:
    """What three trainers might have collected on ten working days: figures to draw, which nobody measured."""
    rng = np.random.default_rng(7)
    entries: list[CatalogueEntry] = []
    for day in range(_DAYS):
        for trainer, (operator, pace_s, kept_first, kept_last) in enumerate(_TRAINERS):
            began = _FIRST_MORNING + timedelta(days=day + 2 * (day // _A_DAY_OFF), minutes=7 * trainer)
            share = kept_first + (kept_last - kept_first) * day / (_DAYS - 1)
            for _ in range(int(rng.integers(90, 150))):
                task = str(rng.choice(list(_TASKS)))
                steps, less = _TASKS[task]
                is_kept = bool(rng.random() < share + less)
                cause = "" if is_kept else str(rng.choice(_CAUSES, p=[0.34, 0.22, 0.16, 0.14, 0.1, 0.04]))
                ticks = int(steps * rng.uniform(0.8, 1.3))
                entries.append(_entry(len(entries), began, task, operator, ticks, cause))
                began += timedelta(seconds=ticks / _HZ + pace_s * float(rng.uniform(0.6, 1.6)))
    return entries


def _entry(number: int, began: datetime, task: str, operator: str, ticks: int, cause: str) -> CatalogueEntry:
    return CatalogueEntry(
        id=f"{number:06d}",
        status="complete",
        started_at=began.isoformat(),
        task=task,
        scenario_key="",
        factors={},
        pool="train",
        body="serial",
        purpose="nominal",
        operator=operator,
        station="bench-1",
        policy=None,
        request=None,
        parent=None,
        success=not cause,
        reason=cause,
        accepted=not cause,
        verdict_reason=cause,
        ticks=ticks,
        robot_digest="made-up",
    )


def main(arguments: Sequence[str] | None = None) -> int:
    return run_verb("python -m experiments.looking_pictures", LookingPictures, run, arguments)


if __name__ == "__main__":
    sys.exit(main())
