"""`retake archive stats`: how much was collected, how fast, how much of it was kept, and why the rest was not."""

from __future__ import annotations

import json
import logging
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from rich.box import SIMPLE_HEAD
from rich.table import Table

from envs.episodes.archive import Archive
from envs.episodes.catalogue import Catalogue, CatalogueEntry
from experiments.archive_tally import GROUPINGS, Effort, Grouping, Tally, day_of, efforts, tallies, tally
from experiments.command import UsageError
from experiments.outputs import require_file
from experiments.workers import console

_SUFFIXES = (".png", ".svg")

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Stats:
    """Hours, episodes an hour, yield and why episodes were rejected, by task, operator and day.

    Counted are demonstrations, from the catalogue; rollouts of policies are evidence and left out. An hour of work
    holds the episodes and the time between them, but for breaks of ten minutes and more.

    Examples:
      retake archive stats --archive runs/mine/archive
      retake archive stats --archive runs/mine/archive --by operator --since 2026-05-01 --out stats.png
    """

    archive: Path
    """The folder that was recorded into."""
    by: tuple[Grouping, ...] = GROUPINGS
    """What to count by, one table each."""
    task: tuple[str, ...] = ()
    """Only these tasks."""
    operator: tuple[str, ...] = ()
    """Only these operators."""
    since: str | None = None
    """Only episodes of this day, such as 2026-05-04, and later ones."""
    until: str | None = None
    """Only episodes of this day and earlier ones."""
    url: str | None = None
    """Of a database, where the catalogue is not the SQLite file in the archive: postgresql://..., say."""
    out: Path | None = None
    """Draw it all as well, as a .png or .svg."""
    json: bool = False
    """Print one JSON object in place of tables."""


def stats(config: Stats) -> int:
    for option, day in (("--since", config.since), ("--until", config.until)):
        _require_day(option, day)
    if config.out is not None and config.out.suffix.lower() not in _SUFFIXES:
        raise UsageError(f"--out is {config.out}; the plot is written as {' or '.join(_SUFFIXES)}, so end its name so")
    require_file("--out", config.out)
    found = _wanted_efforts(config)
    total = tally("all", found)
    by = {grouping: tallies(found, grouping) for grouping in config.by}
    if config.json:
        counted = {grouping: [each.to_dict() for each in groups] for grouping, groups in by.items()}
        console.print_json(json.dumps({"all": total.to_dict(), "by": counted}))
    else:
        for grouping, groups in by.items():
            console.print(_table(grouping, groups, total))
        if total.causes:
            console.print(_causes_table([*by.items(), ("all", [total])]))
    if config.out is not None:
        from experiments.archive_plots import write_plot

        write_plot(config.out, found, total)
        if not config.json:
            console.print(f"  {config.out} shows it", soft_wrap=True)
    return 0


def _wanted_efforts(config: Stats) -> list[Effort]:
    archive = Archive(config.archive, create=False)
    with Catalogue(archive, config.url) as catalogue:
        catalogue.sync()
        entries = catalogue.query(task=config.task or None, operator=config.operator or None)
    control_hz = _control_hz(archive, entries)
    entries = [entry for entry in entries if entry.robot_digest in control_hz]
    # The day filters come after the times of work: an episode's ends with the next one's begin.
    found = [
        effort
        for effort in efforts(entries, control_hz)
        if (config.since or "") <= day_of(effort.entry) <= (config.until or "9999")
    ]
    if not found:
        raise UsageError(f"{config.archive} holds no demonstrations that are asked for; leave out some of the filters")
    return found


def _control_hz(archive: Archive, entries: Sequence[CatalogueEntry]) -> dict[str, float]:
    """By digest of the robot: entries count steps, and how long one takes stands in the sheets.

    A robot of which no sheet can be read is not in it, and that is said.
    """
    of_robot: dict[str, list[str]] = defaultdict(list)
    for entry in entries:
        of_robot[entry.robot_digest].append(entry.id)
    found: dict[str, float] = {}
    for digest, episode_ids in of_robot.items():
        sheet = next(archive.sheets(episode_ids), None)
        if sheet is not None:
            found[digest] = sheet.header.robot.control_hz
        else:
            told = "%d episodes of robot %s are not counted: no sheet of them can be read, and only a sheet says how "
            told += "long a step takes; `retake archive verify` says what is wrong with each"
            _log.warning(told, len(episode_ids), digest)
    return found


def _table(grouping: Grouping, groups: Sequence[Tally], total: Tally) -> Table:
    is_judged = bool(total.quality)
    feet = _cells(total, is_judged) if len(groups) > 1 else []
    table = Table(title=f"demonstrations by {grouping}", title_justify="left", box=SIMPLE_HEAD, show_footer=bool(feet))
    numbers = ("kept", "yield (95 %)", "hours", "kept", "work", "an hour")
    for place, title in enumerate((grouping, *numbers, *["quality"] * is_judged)):
        is_number = title in numbers
        foot = feet[place] if feet else ""
        table.add_column(title, footer=foot, justify="right" if is_number else "left", no_wrap=is_number or not place)
    for each in groups:
        table.add_row(*_cells(each, is_judged))
    return table


def _cells(each: Tally, is_judged: bool) -> list[str]:
    """One row; under "hours", "kept" and "work" stand hours, under "an hour" how many were tried in one of work."""
    low, high = each.kept.interval
    pace = each.episodes_an_hour
    cells = [each.name, f"{each.kept.count}/{each.kept.n}", f"{each.kept.value:.0%} ({low:.0%}-{high:.0%})"]
    cells += [
        _hours(each.recorded_s),
        _hours(each.kept_s),
        _hours(each.worked_s),
        "" if pace is None else f"{pace:.0f}",
    ]
    if is_judged:
        cells.append(", ".join(f"{verdict} {count}" for verdict, count in each.quality.items()))
    return cells


def _causes_table(by: Sequence[tuple[str, Sequence[Tally]]]) -> Table:
    table = Table(title="why demonstrations were not kept", title_justify="left", box=SIMPLE_HEAD)
    for title in ("by", "", "cause"):
        table.add_column(title)
    table.add_column("episodes", justify="right")
    table.add_column("of its own", justify="right")
    for grouping, groups in by:
        for each in groups:
            for cause, count in each.causes.items():
                name = "" if grouping == each.name else each.name
                table.add_row(grouping, name, cause, str(count), f"{count / each.kept.n:.1%}")
    return table


def _hours(seconds: float) -> str:
    return f"{seconds / 3600.0:.2f}"


def _require_day(option: str, text: str | None) -> None:
    try:
        if text is not None:
            date.fromisoformat(text)
    except ValueError:
        raise UsageError(f"{option} is {text!r}; give a day, such as 2026-05-04") from None
