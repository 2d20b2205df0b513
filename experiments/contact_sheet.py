"""One recorded episode on one page: what the cameras saw, and what joints, touch and doubt did meanwhile."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from envs.episodes.reading import Episode
from experiments.command import UsageError
from experiments.figures import EpisodeSignals, Track
from experiments.report_plots import INK, MUTED, STYLE, draw_signals, dress

if TYPE_CHECKING:
    pass

IMAGES = 8  # of each camera
_MOVED_RAD = 0.05  # a group of joints that moves less than this in an episode is left out
_WIDTH_IN, _PANEL_IN = 12.0, 0.95


def write_contact_sheet(episode: Episode, file: Path) -> Path:
    """Write the page of an episode as a PNG.

    Raises:
        UsageError: the episode holds no steps.
        ArchiveError: its video is damaged.
        OSError: the file cannot be written.
    """
    import matplotlib
    from matplotlib.figure import Figure

    if not episode.ticks:
        raise UsageError(f"episode {episode.sheet.id} holds no steps, so there is nothing to show")
    signals = episode_signals(episode)
    ticks = np.linspace(0, episode.ticks - 1, IMAGES).round().astype(int)
    row_in = [_row_height_in(track.height / track.width) for track in episode.video.values()]
    heights = [*row_in, *([_PANEL_IN] * len(signals.tracks))]
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(_WIDTH_IN, sum(heights) + 1.4), dpi=110, layout="constrained")
        grid = figure.add_gridspec(len(heights), IMAGES, height_ratios=heights)
        for row, camera in enumerate(episode.video):
            images = episode.decode_images(camera)[ticks]
            for column, (pixels, tick) in enumerate(zip(images, ticks, strict=True)):
                axes = figure.add_subplot(grid[row, column])
                axes.imshow(pixels)
                axes.set_axis_off()
                if column == 0:
                    side = axes.transAxes
                    axes.text(-0.08, 0.5, camera, transform=side, rotation=90, va="center", ha="right", color=MUTED)
                label = f"{episode.stamp_s[tick]:.2f} s" + (f"  {_step_name(episode, tick)}" if row == 0 else "")
                axes.set_title(label, fontsize=8.5, color=INK if row == 0 else MUTED, pad=3)
        first = figure.add_subplot(grid[len(row_in), :])
        others = [
            figure.add_subplot(grid[len(row_in) + place, :], sharex=first) for place in range(1, len(signals.tracks))
        ]
        panels = [first, *others]
        dress(panels)
        for panel in panels[:-1]:
            panel.tick_params(labelbottom=False)
        draw_signals(panels, signals)
        figure.suptitle(signals.title, fontsize=11, x=0.01, ha="left", color=INK)
        file.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(file, facecolor="white")
    return file


def episode_signals(episode: Episode) -> EpisodeSignals:
    """Speed of each group of joints that moved, how far commands ran ahead, touch, and doubt where it was recorded."""
    robot, outcome, stamp_s = episode.sheet.header.robot, episode.sheet.outcome, episode.stamp_s
    tracks = []
    for name in robot.groups:
        joints = robot.group(name)
        if np.ptp(episode.position_rad[:, joints], axis=0).max() > _MOVED_RAD:
            tracks.append(Track(f"{name}: speed", "rad/s", stamp_s, _norm(episode.velocity_rad_s[:, joints])))
    ahead = np.abs(episode.sent_rad - episode.position_rad).max(axis=1)
    tracks.append(Track("largest distance from command to joint", "rad", stamp_s, ahead))
    if episode.touch_n.size:
        for number, pad in enumerate(robot.pads):
            force_n = episode.touch_n[:, number].sum(axis=(1, 2))
            if force_n.max() > 1.0:
                tracks.append(Track(f"{pad.name}: touch", "N", stamp_s, force_n))
    known = np.isfinite(episode.doubt)
    if known.any():
        tracks.append(Track("doubt", "standard deviations", stamp_s[known], episode.doubt[known]))
    alarm = episode.was_alarmed_at
    header = episode.sheet.header
    how = "not finished" if outcome is None else "success" if outcome.success else f"failed: {outcome.reason}"
    return EpisodeSignals(
        title=f"{header.task}, {header.purpose}, {header.body}, by {header.operator}: {how}\n{episode.sheet.id}",
        tracks=tuple(tracks),
        marks=outcome.marks if outcome else (),
        alarm_s=None if alarm is None else float(stamp_s[alarm]),
    )


def _norm(values: NDArray[np.float64]) -> NDArray[np.float64]:  # (ticks, joints) -> (ticks,)
    return np.asarray(np.linalg.norm(values, axis=1))


def _row_height_in(height_over_width: float) -> float:
    return _WIDTH_IN / IMAGES * height_over_width + 0.2


def _step_name(episode: Episode, tick: int) -> str:
    return episode.sheet.header.instructions[int(episode.instruction[tick])].name
