"""The picture of docs/data.md: a person's episode with its pauses and jerks marked, beside what the camera saw then."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from envs.episodes.quality.judging import judge
from envs.episodes.quality.limbs import limbs_of
from envs.episodes.quality.measuring import measure
from envs.episodes.quality.recording import Recording
from envs.episodes.quality.references import Reference, References
from envs.episodes.quality.resampling import even_motion
from envs.episodes.verdict import Moment, QualityVerdict
from experiments.command import UsageError, at_least, run_verb
from experiments.foreign_recordings import foreign_recordings
from experiments.outputs import require_file
from experiments.report_plots import STYLE
from experiments.verdicts import show_verdict
from experiments.workers import console
from policies.dataset.foreign import open_foreign

SHADES = {"pause": "#f2b134", "idle": "#c9ced6", "jerk": "#d1495b", "tremor": "#7b6cf6"}


@dataclass(frozen=True)
class QualityPicture:
    """Judge a person's episode of a LeRobot dataset by the dataset's others, and draw it with its frames.

    Example: python -m experiments.quality_picture --dataset datasets/g1_pick_bottle --episode 7 --out docs/quality.jpg
    """

    dataset: Path
    """A LeRobot dataset, v2.1 or v3."""
    episode: int = 0
    """Its place in the dataset."""
    out: Path | None = None
    """A JPEG or PNG; left out, all episodes are judged and none is drawn."""
    frames: int = 8
    """How many frames are shown, most of them in the moments that are marked."""
    kinds: tuple[str, ...] = ("pause", "idle", "jerk")
    """Which moments are marked."""


def run(config: QualityPicture) -> int:
    at_least(0, episode=config.episode)
    at_least(2, frames=config.frames)
    require_file("--out", config.out)
    recordings = foreign_recordings(config.dataset)
    measured = [Reference.of(str(place), measure(recording)) for place, recording in enumerate(recordings)]
    references = References("", "", "", tuple(measured))
    if config.out is None:
        for place, recording in enumerate(recordings):
            show_verdict(f"episode {place}", judge(recording, references.without(str(place))))
        return 0
    if config.episode >= len(recordings):
        raise UsageError(f"--episode {config.episode}: {config.dataset} has {len(recordings)} episodes, from 0 on")
    recording = recordings[config.episode]
    verdict = judge(recording, references.without(str(config.episode)))
    show_verdict(f"episode {config.episode}", verdict)
    draw(config, recording, verdict)
    console.print(f"  {config.out}")
    return 0


def draw(config: QualityPicture, recording: Recording, verdict: QualityVerdict) -> None:
    """Speed of the busiest hand over time, moments shaded, frames above."""
    import matplotlib
    from matplotlib.figure import Figure

    marked = [moment for moment in verdict.moments if moment.kind in config.kinds]
    stamps = shown_stamps(marked, recording.duration_s, config.frames)
    images = _frames(config.dataset, config.episode, stamps)
    limbs = limbs_of(recording.robot, recording.position_rad)
    motions = [even_motion(recording.stamp_s, limb.path) for limb in limbs]
    busiest = max(range(len(limbs)), key=lambda place: motions[place].length)
    motion, limb = motions[busiest], limbs[busiest]
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(11.0, 4.2), dpi=90, layout="constrained")
        grid = figure.add_gridspec(2, len(images), height_ratios=(1.0, 1.5))
        for column, (stamp_s, pixels) in enumerate(zip(stamps, images, strict=True)):
            axes = figure.add_subplot(grid[0, column])
            axes.imshow(pixels)
            axes.set_axis_off()
            axes.set_title(f"{stamp_s:.1f} s", fontsize=8)
        axes = figure.add_subplot(grid[1, :])
        axes.plot(np.arange(len(motion.speed)) / 100.0, motion.speed, color="#22333b", linewidth=1.2)
        for stamp_s in stamps:
            axes.axvline(stamp_s, color="#8b95a1", linewidth=0.6, linestyle=":")
        named: set[str] = set()
        for moment in marked:
            label = None if moment.kind in named else moment.kind
            named.add(moment.kind)
            axes.axvspan(moment.start_s, moment.end_s, color=SHADES[moment.kind], alpha=0.45, label=label, linewidth=0)
        axes.set_xlim(0.0, recording.duration_s)
        axes.set_ylim(bottom=0.0)
        axes.set_xlabel("s")
        axes.set_ylabel(f"speed of the {limb.side} hand, {limb.unit}/s")
        axes.legend(loc="upper right", fontsize=8, ncols=len(named) or 1, frameon=False)
        figure.suptitle(f"{verdict.verdict}: {verdict.english}", fontsize=9)
        figure.savefig(str(config.out))


def shown_stamps(marked: Sequence[Moment], duration_s: float, count: int) -> list[float]:
    """When to show a frame: at both ends of the longest moments, then wherever the longest time is unseen."""
    longest = sorted(marked, key=lambda moment: moment.start_s - moment.end_s)
    wanted = [stamp for moment in longest for stamp in (moment.start_s, moment.end_s)][: 2 * (count // 3)]
    while len(wanted) < count:
        edges = sorted([0.0, *wanted, duration_s])
        gap = int(np.argmax(np.diff(edges)))
        wanted.append((edges[gap] + edges[gap + 1]) / 2)
    return sorted(wanted[:count])


def _frames(dataset: Path, episode: int, stamps: Sequence[float]) -> list[NDArray[np.uint8]]:
    """The frame that is nearest to each stamp, of the first camera."""
    import av

    video = next(iter(open_foreign(dataset).episodes[episode].videos.values()), None)
    if video is None:
        raise UsageError(f"{dataset} has no video of episode {episode}")
    nearest: dict[float, tuple[float, NDArray[np.uint8]]] = {}
    with av.open(str(video.path)) as container:
        for frame in container.decode(video=0):
            at_s = float(frame.time) - video.from_s
            near = [stamp for stamp in stamps if abs(at_s - stamp) < nearest.get(stamp, (1.0, None))[0]]
            if near:
                pixels: Any = frame.reformat(width=320, height=240).to_ndarray(format="rgb24")
                nearest |= {stamp: (abs(at_s - stamp), pixels) for stamp in near}
    return [nearest[stamp][1] for stamp in stamps if stamp in nearest]


def main(arguments: Sequence[str] | None = None) -> int:
    return run_verb("python -m experiments.quality_picture", QualityPicture, run, arguments)


if __name__ == "__main__":
    sys.exit(main())
