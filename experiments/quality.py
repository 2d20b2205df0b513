"""`retake quality`: learn what is usual in each step of a task, and judge recorded episodes by it."""

from __future__ import annotations

import logging
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Literal, TypeVar

from envs.episodes.archive import Archive
from envs.episodes.catalogue import Catalogue, CatalogueEntry
from envs.episodes.quality.gates import closed_gates
from envs.episodes.quality.judging import judge
from envs.episodes.quality.measuring import measure
from envs.episodes.quality.recording import recording_of
from envs.episodes.quality.references import (
    FEWEST,
    Reference,
    References,
    find_references,
    references_path,
    write_references,
)
from envs.episodes.reading import Episode, refuse_altered
from envs.episodes.sheet import EpisodeSheet
from envs.errors import EnvError
from experiments.command import UsageError, Verbs, run_verbs
from experiments.task_option import OptionalTaskName, TaskName
from experiments.verdicts import show_verdict
from experiments.workers import console, progress_bar

Result = TypeVar("Result")

_log = logging.getLogger(__name__)

_ABOUT = """Judge how well episodes were moved. Hard gates reject: order of steps, limits, clocks, lost readings. Style
is compared with reference episodes of the same step, to say what to do differently. Nothing that was recorded
changes: the verdict stands in episode.json and in the catalogue."""
Purposes = tuple[Literal["nominal", "uniform", "targeted", "recovery"], ...]


@dataclass(frozen=True)
class Learn:
    """Learn what is usual from the good demonstrations of an archive.

    Every demonstration that succeeded is taken, of each kind of body apart; name a trainer whom others shall be
    compared with, or single episodes. Policies' rollouts and what does not pass the
    hard gates are never taken. A damaged episode is passed over, and the exit code is 1 then.

    Examples:
      retake quality learn --archive runs/mine/archive
      retake quality learn --archive runs/mine/archive --operator "Li Na"
    """

    archive: Path
    """The archive; its references are kept in it."""
    task: TaskName = "pick_fruit"
    """Of which task."""
    operator: str | None = None
    """Take only what this person demonstrated."""
    purposes: Purposes = ("nominal", "uniform")
    """Take demonstrations of these purposes."""
    episodes: tuple[str, ...] = ()
    """Take only these episodes, by id."""


@dataclass(frozen=True)
class Judge:
    """Judge recorded demonstrations, and write the verdicts into their sheets and the catalogue.

    An episode that is a reference itself is judged by the others. A damaged episode is passed over, and the exit code
    is 1 then.

    Examples:
      retake quality judge --archive runs/mine/archive
      retake quality judge --archive runs/mine/archive --episodes 20260101-101500-000000-a1b2c3
      retake quality judge --archive runs/mine/archive --references runs/best/archive --operator "Wang Wei"
    """

    archive: Path
    """The archive."""
    episodes: tuple[str, ...] = ()
    """Judge only these, by id; left out, all demonstrations."""
    task: OptionalTaskName = None
    """Judge only those of this task."""
    operator: str | None = None
    """Judge only this person's."""
    unjudged_only: bool = False
    """Leave alone what has a verdict on its style already."""
    references: Path | None = None
    """Another archive whose references to use; this one's, where that has none of the task, robot and kind of body."""
    quiet: bool = False
    """Print the totals only."""


def learn(config: Learn) -> int:
    archive = Archive(config.archive, create=False)
    criteria = {"task": config.task, "purpose": config.purposes, "operator": config.operator, "success": True}
    found = _entries(archive, [*config.episodes], **criteria)
    if not found:
        raise UsageError(
            f"{config.archive} has no demonstration of {config.task} that succeeded and meets the options; record some "
            "with `retake collect`, or ask for fewer things"
        )
    by_body: dict[tuple[str, str], list[Reference]] = {}
    are_all_sound = True
    with progress_bar("references", len(found)) as advance:
        for entry in found:
            measured = _unless_damaged(entry.id, partial(_measured, archive, entry.id))
            if measured is None:
                are_all_sound = False
                advance("")
                continue
            robot, reference, closed = measured
            if closed:
                console.print(f"  {entry.id} is no reference: {closed}", soft_wrap=True)
            else:
                by_body.setdefault((entry.body, robot), []).append(reference)
            advance("")
    for (body, robot), references in by_body.items():
        all_of_them = References(config.task, robot, body, tuple(references))
        swapped = all_of_them.swapped()
        for episode_id, (one, other) in swapped.items():
            console.print(f"  {episode_id} is no reference: {one!r} and {other!r} were exchanged", soft_wrap=True)
        references = [reference for reference in references if reference.episode not in swapped]
        path = references_path(config.archive, config.task, body)
        write_references(path, replace(all_of_them, episodes=tuple(references)))
        few = f"; fewer than {FEWEST}, so that style is not judged yet" if len(references) < FEWEST else ""
        console.print(f"  {len(references)} references of {config.task} on {body}: {path}{few}", soft_wrap=True)
    if not by_body:
        console.print(f"  none of {len(found)} demonstrations of {config.task} can be a reference", soft_wrap=True)
    return 0 if are_all_sound and by_body else 1


def _measured(archive: Archive, episode_id: str) -> tuple[str, Reference, str]:
    """The robot's name, what was measured, and why a gate is closed; empty where none is."""
    episode = _unaltered(archive, episode_id)
    sheet, recording = episode.sheet, recording_of(episode)
    gates = closed_gates(recording, sheet.skew, "", (0.0, None), sheet.losses.steps)
    closed = gates[0].english if gates else ""
    return sheet.header.robot.name, Reference.of(episode_id, measure(recording)), closed


def _unaltered(archive: Archive, episode_id: str) -> Episode:
    episode = archive.open(episode_id)
    refuse_altered(episode)
    return episode


def judge_recorded(config: Judge) -> int:
    archive = Archive(config.archive, create=False)
    sources = [config.archive]
    if config.references is not None:
        sources.insert(0, Archive(config.references, create=False).root)
    entries = _entries(archive, [*config.episodes], task=config.task, operator=config.operator, status="complete")
    wanted = [entry for entry in entries if entry.purpose != "rollout" or entry.id in config.episodes]
    if config.unjudged_only:
        wanted = [entry for entry in wanted if entry.quality_verdict in ("", "unjudged")]
    if not wanted:
        console.print(f"  {config.archive} has no such demonstration that is to be judged", soft_wrap=True)
        return 0
    verdicts: Counter[str] = Counter()
    known: dict[tuple[str, str, str], References] = {}
    are_all_sound = True
    with Catalogue(archive) as catalogue, progress_bar("episodes judged", len(wanted)) as advance:
        for entry in wanted:
            sheet = None
            episode = _unless_damaged(entry.id, partial(_unaltered, archive, entry.id))
            if episode is not None:
                references = _references_for(episode.sheet, entry, sources, known)
                sheet = _unless_damaged(entry.id, partial(_kept_verdict, archive, episode, references))
            if sheet is None or sheet.quality is None:
                are_all_sound = False
            else:
                catalogue.add(sheet)
                verdicts[sheet.quality.verdict] += 1
                if not config.quiet:
                    show_verdict(entry.id, sheet.quality)
            advance(", ".join(f"{count} {verdict}" for verdict, count in verdicts.most_common()))
    return 0 if are_all_sound else 1


def _references_for(
    sheet: EpisodeSheet, entry: CatalogueEntry, sources: Iterable[Path], known: dict[tuple[str, str, str], References]
) -> References:
    """Those that an episode is judged by, itself not among them; what was read once is kept in `known`."""
    key = entry.task, sheet.header.robot.name, entry.body
    if key not in known:
        known[key] = find_references(sources, *key)
    references = known[key]
    if any(reference.episode == entry.id for reference in references.episodes):
        return references.without(entry.id)
    return references


def _kept_verdict(archive: Archive, episode: Episode, references: References) -> EpisodeSheet:
    sheet = episode.sheet
    failure = "" if sheet.success or sheet.outcome is None else sheet.outcome.reason
    quality = judge(recording_of(episode), references, skew=sheet.skew, failure=failure, lost_steps=sheet.losses.steps)
    return archive.keep_quality(sheet.id, quality)


def _unless_damaged(episode_id: str, action: Callable[[], Result]) -> Result | None:
    """What an action on one episode gives; None, and a word in the log, where the episode is damaged: others go on."""
    try:
        return action()
    except (EnvError, ValueError, ArithmeticError) as error:  # the latter two of numbers that cannot be measured
        _log.warning("episode %s is passed over: %s", episode_id, error)
        return None


def _entries(archive: Archive, episode_ids: list[str], **criteria: object) -> list[CatalogueEntry]:
    """What the catalogue has of an archive.

    Raises:
        UsageError: an episode is not in it.
    """
    with Catalogue(archive) as catalogue:
        catalogue.sync()
        found = catalogue.query(**{name: value for name, value in criteria.items() if value is not None})
        strange = set(episode_ids) - {entry.id for entry in catalogue.query(id=episode_ids)}
    if strange:
        raise UsageError(
            f"{archive.root} has no episode {sorted(strange)[0]!r}; an id is the name of a folder in "
            f"{archive.root / 'episodes'}/DATE"
        )
    return [entry for entry in found if not episode_ids or entry.id in episode_ids]


def main(arguments: Sequence[str] | None = None) -> int:
    verbs: Verbs = {"judge": (Judge, judge_recorded), "learn": (Learn, learn)}
    return run_verbs("retake quality", _ABOUT, verbs, arguments)


if __name__ == "__main__":
    sys.exit(main())
