"""The drawings of a report, each as a picture that can stand inside an HTML file."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from envs.episodes.records import InstructionMark
from experiments.factor_success import FactorSuccess
from experiments.figures import EpisodeSignals, TrainingCurve
from policies.cases.rates import Rate

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BEFORE, AFTER, INK, MUTED, GRID, ALARM = "#e08a3c", "#0f766e", "#1f2933", "#7b8794", "#e4e7eb", "#c0392b"
_STEP_COLOURS = ("#eef6f5", "#f8f4ec")
_LETTER_SHARE = 0.0105  # of a panel's width

STYLE: Any = {
    "font.family": "sans-serif",
    "font.sans-serif": ["Inter", "Helvetica Neue", "Segoe UI", "Arial", "DejaVu Sans"],
    "font.size": 10.0,
    "svg.fonttype": "path",  # looks the same on a machine without these fonts
    "svg.hashsalt": "retake",  # the same figures give the same file
    "axes.edgecolor": GRID,
    "axes.labelcolor": MUTED,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "text.color": INK,
}


def training_curves(curves: Sequence[TrainingCurve]) -> str:
    """Loss over training steps, each training in its own colour; held-out loss dashed."""
    figure, (axes,) = _canvas(4.5, 2.8)
    for curve, colour in zip(curves, (BEFORE, AFTER, INK, MUTED), strict=False):
        axes.plot(curve.step, curve.loss, color=colour, linewidth=1.6, label=curve.name)
        if curve.held_out_step:
            axes.plot(
                curve.held_out_step,
                curve.held_out_loss,
                color=colour,
                linewidth=1.2,
                linestyle=(0, (3, 2)),
                marker="o",
                markersize=3,
                label=f"{curve.name}, held out",
            )
    positive = [value for curve in curves for value in (*curve.loss, *curve.held_out_loss)]
    if positive and min(positive) > 0.0:
        axes.set_yscale("log")
    axes.set_xlabel("training step")
    axes.set_ylabel("loss")
    axes.legend(frameon=False, fontsize=9, labelcolor=INK)
    return _as_image(figure)


def rates(rows: Sequence[tuple[str, Rate, str]]) -> str:
    """Rates as dots with their Wilson intervals; each row is a label, a rate and a colour."""
    figure, (axes,) = _canvas(4.5, 0.5 + 0.36 * len(rows))
    for place, (label, rate, colour) in enumerate(rows):
        low, high = rate.interval
        axes.plot([low, high], [place, place], color=colour, linewidth=5, alpha=0.25, solid_capstyle="round")
        if rate.n:
            axes.plot(rate.value, place, "o", color=colour, markersize=7)
        axes.text(1.02, place, f"{rate.count}/{rate.n}", va="center", fontsize=9, color=MUTED)
        axes.text(-0.02, place, label, va="center", ha="right", fontsize=9.5, color=INK)
    axes.set_xlim(0.0, 1.0)
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.set_yticks([])
    _percent(axes.xaxis)
    axes.spines["left"].set_visible(False)
    return _as_image(figure)


def counts(numbers: dict[str, int]) -> str:
    """Counts as horizontal bars."""
    figure, (axes,) = _canvas(4.5, 0.3 + 0.3 * max(len(numbers), 1))
    bars = axes.barh(list(numbers), list(numbers.values()), color=BEFORE, height=0.62)
    axes.bar_label(bars, padding=4, fontsize=9, color=MUTED)
    axes.invert_yaxis()
    axes.set_xticks([])
    axes.grid(visible=False)
    axes.tick_params(axis="y", length=0, labelcolor=INK)
    axes.spines[["left", "bottom"]].set_visible(False)
    axes.margins(x=0.12)
    return _as_image(figure)


def factor_success(factor: FactorSuccess) -> str:
    """Success before and after along one factor, with Wilson intervals."""
    figure, (axes,) = _canvas(2.35, 1.75)
    centers = np.array([part.center for part in factor.bins])
    gap = float(np.diff(centers).mean()) if centers.size > 1 else 1.0
    for shift, colour, side in ((-0.09, BEFORE, "before"), (0.09, AFTER, "after")):
        held: list[Rate] = [getattr(part, side) for part in factor.bins]
        limits = np.array([rate.interval for rate in held])
        tried = np.array([rate.n > 0 for rate in held])
        x = (centers + shift * gap)[tried]
        y = np.array([rate.value for rate in held])[tried]
        axes.vlines(x, limits[tried, 0], limits[tried, 1], color=colour, linewidth=3.5, alpha=0.25)
        axes.plot(x, y, "o-", color=colour, markersize=3.5, linewidth=1.1)
    axes.set_ylim(-0.03, 1.03)
    axes.set_xlim(centers[0] - 0.5 * gap, centers[-1] + 0.5 * gap)
    axes.set_yticks([0.0, 0.5, 1.0])
    _percent(axes.yaxis)
    axes.locator_params(axis="x", nbins=5)
    if factor.bins and not factor.bins[0].label.startswith(tuple("-0123456789")):
        axes.set_xticks(centers, [part.label for part in factor.bins])
    axes.set_title(
        f"{factor.factor} ({factor.unit})" if factor.unit else factor.factor, fontsize=9, loc="left", color=INK
    )
    return _as_image(figure)


def episode_signals(signals: EpisodeSignals) -> str:
    """Signals of one episode over time, the instruction steps behind them."""
    figure, panels = _canvas(7.6, 0.6 + 1.0 * len(signals.tracks), len(signals.tracks))
    draw_signals(panels, signals)
    return _as_image(figure)


def draw_signals(panels: Sequence[Axes], signals: EpisodeSignals) -> None:
    """Draw each track of an episode into a panel of its own, one above the other."""
    for panel, track in zip(panels, signals.tracks, strict=True):
        for place, mark in enumerate(signals.marks):
            panel.axvspan(mark.start_s, mark.end_s, color=_STEP_COLOURS[place % 2], zorder=0)
        panel.plot(track.stamp_s, track.value, color=AFTER, linewidth=1.4)
        if track.limit is not None:
            panel.plot(track.stamp_s, track.limit, color=ALARM, linewidth=1.0, linestyle=(0, (3, 2)))
        if signals.alarm_s is not None:
            panel.axvline(signals.alarm_s, color=ALARM, linewidth=1.2)
        label = f"{track.name} ({track.unit})" if track.unit else track.name
        panel.set_title(label, fontsize=9, loc="left", color=MUTED, pad=3)
        panel.margins(x=0.0)
    edge = panels[0].get_xaxis_transform()
    for mark, row in zip(signals.marks, _label_rows(signals.marks), strict=True):
        middle, height = (mark.start_s + mark.end_s) / 2.0, 1.28 + 0.24 * row
        panels[0].text(middle, height, _mark_label(mark), transform=edge, ha="center", fontsize=9, color=INK)
    if signals.alarm_s is not None:
        panels[0].text(signals.alarm_s, 0.98, " alarm", transform=edge, va="top", fontsize=9, color=ALARM)
    panels[-1].set_xlabel("time in s")


def _mark_label(mark: InstructionMark) -> str:
    return mark.name if mark.done else f"{mark.name} (not done)"


def _label_rows(marks: Sequence[InstructionMark]) -> list[int]:
    """The lowest row above the panel in which each step's label covers no earlier one."""
    letter_s = _LETTER_SHARE * max((mark.end_s for mark in marks), default=0.0)
    taken_until_s: list[float] = []
    rows = []
    for mark in marks:
        middle, half = (mark.start_s + mark.end_s) / 2.0, letter_s * len(_mark_label(mark)) / 2.0
        row = next((place for place, end_s in enumerate(taken_until_s) if end_s <= middle - half), len(taken_until_s))
        taken_until_s[row : row + 1] = [middle + half + letter_s]
        rows.append(row)
    return rows


def png_image(data: bytes) -> str:
    """A PNG as a data URL."""
    return f"data:image/png;base64,{base64.b64encode(data).decode()}"


def _canvas(width: float, height: float, panels: int = 1) -> tuple[Figure, list[Axes]]:
    import matplotlib
    from matplotlib.figure import Figure

    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(width, height), layout="constrained")
        axes = list(figure.subplots(panels, 1, sharex=True, squeeze=False)[:, 0])
    dress(axes)
    return figure, axes


def dress(axes: Sequence[Axes]) -> None:
    """Take away from axes what says nothing."""
    for each in axes:
        each.spines[["top", "right"]].set_visible(False)
        each.grid(visible=True, color=GRID, linewidth=0.7)
        each.set_axisbelow(True)
        each.tick_params(length=0, labelsize=8.5)


def _percent(axis: Any) -> None:
    from matplotlib.ticker import PercentFormatter

    axis.set_major_formatter(PercentFormatter(1.0, decimals=0))


def _as_image(figure: Figure) -> str:
    import matplotlib

    held = io.BytesIO()
    with matplotlib.rc_context(STYLE):
        figure.savefig(held, format="svg", transparent=True, metadata={"Date": None})
    return f"data:image/svg+xml;base64,{base64.b64encode(held.getvalue()).decode()}"
