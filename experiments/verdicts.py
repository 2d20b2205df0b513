"""Verdicts on quality as they are shown on a terminal."""

from __future__ import annotations

from collections.abc import Mapping

from rich.text import Text

from envs.episodes.quality.coaching import named, told
from envs.episodes.verdict import Figure, QualityVerdict, Verdict
from experiments.workers import console

COLOURS: Mapping[Verdict, str] = {"good": "green", "coach": "yellow", "reject": "red", "unjudged": "dim"}


def show_verdict(episode_id: str, quality: QualityVerdict) -> None:
    """Three numbers, one sentence in both languages, and where to look."""
    score = "" if quality.score is None else f" {100 * quality.score:.0f}/100"
    head = Text(f"  {episode_id}  ")
    head.append(f"{quality.verdict}{score}", style=COLOURS[quality.verdict])
    head.append("  " + "   ".join(figure_text(figure) for figure in quality.figures), style="dim")
    console.print(head, soft_wrap=True)
    console.print(Text(f"    {quality.english}  {quality.chinese}"), soft_wrap=True)


def figure_text(figure: Figure) -> str:
    """One number, with what is usual."""
    usual = "" if figure.usual is None else f" (usually {told(figure.usual, figure.unit)})"
    step = f" in {figure.step}" if figure.step else ""
    return f"{named(figure.metric)[0]}{step} {told(figure.value, figure.unit)}{usual}"
