"""The picture of `retake archive stats`: hours a day, pace, yield, and why episodes were rejected."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from experiments.archive_tally import Effort, Tally, tallies
from experiments.report_plots import AFTER, BEFORE, INK, MUTED, STYLE, dress

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_MOST_CAUSES = 8
_REJECTED = "#e9b98d"


def write_plot(file: Path, found: Sequence[Effort], total: Tally) -> None:
    """Draw some demonstrations as a PNG or SVG, by the name's ending.

    Raises:
        OSError: the file cannot be written.
    """
    import matplotlib
    from matplotlib.figure import Figure

    days, operators, tasks = (tallies(found, grouping) for grouping in ("day", "operator", "task"))
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(10.5, 6.4), dpi=110, layout="constrained")
        grid = figure.subplots(2, 2, width_ratios=[1.0, 1.15])
        dress(list(grid.flat))
        _hours(grid[0, 0], days)
        _pace(grid[1, 0], days)
        _yields(grid[0, 1], [*tasks, *operators])
        _causes(grid[1, 1], total)
        hours = f"{total.kept_s / 3600.0:.2f} of {total.recorded_s / 3600.0:.2f} hours kept"
        title = f"{total.kept.count} of {total.kept.n} demonstrations kept, {hours}"
        figure.suptitle(title, fontsize=11, x=0.01, ha="left", color=INK)
        file.parent.mkdir(parents=True, exist_ok=True)
        svg = {"Date": None} if file.suffix.lower() == ".svg" else None
        figure.savefig(file, facecolor="white", metadata=svg)


def _hours(axes: Axes, days: Sequence[Tally]) -> None:
    names = [day.name for day in days]
    kept = [day.kept_s / 3600.0 for day in days]
    rest = [(day.recorded_s - day.kept_s) / 3600.0 for day in days]
    axes.bar(names, kept, color=AFTER, width=0.62, label="kept")
    axes.bar(names, rest, bottom=kept, color=_REJECTED, width=0.62, label="not kept")
    axes.legend(frameon=False, fontsize=9, labelcolor=INK, ncols=2, loc="lower right", bbox_to_anchor=(1.0, 1.0))
    _title(axes, "hours recorded a day")
    _thin_out(axes, names)


def _pace(axes: Axes, days: Sequence[Tally]) -> None:
    names = [day.name for day in days]
    axes.plot(names, [day.episodes_an_hour or float("nan") for day in days], "o-", color=AFTER, linewidth=1.6)
    axes.set_ylim(0.0, 1.15 * max([day.episodes_an_hour or 0.0 for day in days], default=1.0) or 1.0)
    _title(axes, "episodes an hour of work")
    _thin_out(axes, names)


def _yields(axes: Axes, groups: Sequence[Tally]) -> None:
    for place, group in enumerate(groups):
        low, high = group.kept.interval
        axes.plot([low, high], [place, place], color=AFTER, linewidth=5, alpha=0.25, solid_capstyle="round")
        axes.plot(group.kept.value, place, "o", color=AFTER, markersize=7, clip_on=False)
        axes.text(1.03, place, f"{group.kept.count}/{group.kept.n}", va="center", fontsize=9, color=MUTED)
    axes.set_yticks(range(len(groups)), [group.name for group in groups])
    axes.tick_params(axis="y", labelcolor=INK)
    axes.set_xlim(0.0, 1.0)
    axes.set_ylim(len(groups) - 0.5, -0.5)
    axes.xaxis.set_major_formatter("{x:.0%}")
    _title(axes, "kept, by task and by operator, with 95 % intervals")


def _causes(axes: Axes, total: Tally) -> None:
    shown = list(total.causes.items())[:_MOST_CAUSES]
    bars = axes.barh([cause for cause, _ in shown], [count for _, count in shown], color=BEFORE, height=0.62)
    axes.bar_label(bars, padding=4, fontsize=9, color=MUTED)
    axes.invert_yaxis()
    axes.grid(visible=False)
    axes.set_xticks([])
    axes.tick_params(axis="y", labelcolor=INK)
    axes.spines[["left", "bottom"]].set_visible(False)
    axes.margins(x=0.12)
    _title(axes, "why not kept" if shown else "all were kept")


def _title(axes: Axes, text: str) -> None:
    axes.set_title(text, fontsize=9.5, loc="left", color=MUTED, pad=6)


def _thin_out(axes: Axes, names: Sequence[str]) -> None:
    """As many days as can be read."""
    every = max(1, len(names) // 5)
    axes.set_xticks(range(0, len(names), every), [names[place] for place in range(0, len(names), every)])
