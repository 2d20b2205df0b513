"""One round as a page that a person reads and a file that a program reads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from envs.episodes.durable import write_bytes, write_json
from experiments import report_plots as plots
from experiments.figures import RequestFigure, RoundFigures
from experiments.summary import headline, what_was_learned
from policies.cases.card import card_chinese, card_english

_TEMPLATE = Path(__file__).with_name("report_template.html")


@dataclass(frozen=True)
class ReportFiles:
    """Where a report was written."""

    html: Path
    json: Path


def write_report(figures: RoundFigures, folder: Path) -> ReportFiles:
    """Write `report.html` (one self-contained file) and `report.json` into a folder.

    Raises:
        ArchiveError: they cannot be written.
    """
    files = ReportFiles(folder / "report.html", folder / "report.json")
    write_json(files.json, {**figures.to_dict(), "headline": headline(figures), "learned": what_was_learned(figures)})
    write_bytes(files.html, render(figures).encode())
    return files


def render(figures: RoundFigures) -> str:
    """The page."""
    from jinja2 import Environment, StrictUndefined

    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters["percent"] = lambda share: f"{100.0 * share:.0f} %"
    page = environment.from_string(_TEMPLATE.read_text(encoding="utf-8"))
    return page.render(
        figures=figures,
        headline=headline(figures),
        learned=what_was_learned(figures),
        stations=_stations(figures),
        pictures=_pictures(figures),
        flow=_flow(figures),
        requests=[_request(figure) for figure in figures.requests],
        colours={"before": plots.BEFORE, "after": plots.AFTER, "alarm": plots.ALARM},
    )


def _pictures(figures: RoundFigures) -> Mapping[str, Any]:
    verify, regress = figures.verify.paired, figures.regress.paired
    rows = [
        ("DISCOVER, before", figures.discover.success, plots.BEFORE),
        ("VERIFY, before", verify.before, plots.BEFORE),
        ("VERIFY, after", verify.after, plots.AFTER),
        ("REGRESS, before", regress.before, plots.BEFORE),
        ("REGRESS, after", regress.after, plots.AFTER),
    ]
    if figures.deployment is not None:
        rows.append(("DISCOVER, serial body, after", figures.deployment.success, plots.AFTER))
    return {
        "rates": plots.rates(rows),
        "curves": plots.training_curves(figures.curves),
        "signatures": plots.counts(dict(figures.discover.signatures)) if figures.discover.signatures else None,
        "factors": [plots.factor_success(factor) for factor in _telling_first(figures)],
        "signals": plots.episode_signals(figures.signals) if figures.signals else None,
    }


def _telling_first(figures: RoundFigures) -> list[Any]:
    """Factors of confirmed rules, then by importance, then in their own order."""
    named = [name for mode in figures.modes if mode.confirmed for name in mode.rule.factors]
    ranked = [*named, *(importance.factor for importance in figures.study.importance)]
    return sorted(figures.by_factor, key=lambda f: ranked.index(f.factor) if f.factor in ranked else len(ranked))


def _stations(figures: RoundFigures) -> list[tuple[str, str]]:
    """The eight stations of the loop, each with what happened there."""
    kept = sum(row.kept for row in figures.collected)
    again = sum(row.kept for row in figures.recollected)
    confirmed = sum(mode.confirmed for mode in figures.modes)
    paired = figures.verify.paired
    asked = sum(len(figure.request.demonstrations) for figure in figures.requests)
    found = f"{confirmed} rule{'' if confirmed == 1 else 's'} confirmed" if confirmed else "no rule confirmed"
    return [
        ("Collect", f"{kept} demonstrations"),
        ("Train", f"{figures.datasets[0].steps} steps of data" if figures.datasets else "one network"),
        ("Try", f"{figures.discover.success.count} of {figures.discover.success.n} succeed"),
        ("Find", found),
        ("Ask", f"{asked} demonstrations asked for"),
        ("Show again", f"{again} kept"),
        ("Train again", "new data weighted"),
        ("Verify", f"{paired.fixed} fixed, {paired.broken} broken"),
    ]


def _flow(figures: RoundFigures) -> list[dict[str, Any]]:
    """VERIFY scenarios by what became of them, as shares of a bar."""
    paired = figures.verify.paired
    parts = [
        ("still succeed", paired.before.count - paired.broken, "#b7d8d3"),
        ("fixed", paired.fixed, plots.AFTER),
        ("broken", paired.broken, plots.ALARM),
        ("still fail", paired.n - paired.before.count - paired.fixed, "#e4e7eb"),
    ]
    return [{"label": label, "count": count, "colour": colour} for label, count, colour in parts]


def _request(figure: RequestFigure) -> dict[str, Any]:
    request = figure.request
    picture = plots.png_image(figure.picture.read_bytes()) if figure.picture else None
    return {
        "request": request,
        "picture": picture,
        "english": card_english(request, 0),
        "chinese": card_chinese(request, 0),
    }
