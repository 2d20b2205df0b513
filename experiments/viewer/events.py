"""What happened when: steps of the instruction, who was in command, what quality found, faults; and all in words."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from envs.episodes.reading import Episode
from envs.episodes.verdict import Moment
from experiments.viewer.log import EpisodeLog, import_rerun

STEPS, COMMAND, QUALITY, EVENTS, ABOUT = "lanes/step", "lanes/command", "lanes/quality", "events", "about"
_COMMAND_COLOURS = {"pilot": [224, 138, 60, 255], "policy": [15, 118, 110, 255], "nobody": [180, 185, 190, 255]}
_LEVELS = {"note": "INFO", "soft": "WARN", "hard": "ERROR"}


def log_steps(log: EpisodeLog, episode: Episode) -> None:
    """A lane of the instruction steps, as the robot was told them."""
    rr = import_rerun()
    instructions = episode.sheet.header.instructions
    if not instructions or not episode.ticks:
        return
    labels = [f"{number}. {step.name}: {step.english}" for number, step in enumerate(instructions, 1)]
    log.static(STEPS, rr.StateConfiguration(values=[step.name for step in instructions], labels=labels))
    current = np.clip(episode.instruction, 0, len(instructions) - 1)
    starts = _changes(current)
    log.rows(STEPS, rr.StateChange.columns(state=[instructions[index].name for index in current[starts]]), starts)


def log_command(log: EpisodeLog, episode: Episode) -> None:
    """A lane of who was in command. A pilot has the name of the operator: the expert, or the trainer."""
    rr = import_rerun()
    if not episode.ticks:
        return
    labels = {who: f"pilot: {episode.sheet.header.operator}" if who == "pilot" else who for who in _COMMAND_COLOURS}
    log.static(
        COMMAND,
        rr.StateConfiguration(
            values=list(labels), labels=list(labels.values()), colors=list(_COMMAND_COLOURS.values())
        ),
    )
    starts = _changes(episode.in_command)
    log.rows(COMMAND, rr.StateChange.columns(state=[str(who) for who in episode.in_command[starts]]), starts)


def log_quality(log: EpisodeLog, episode: Episode) -> None:
    """A lane for each kind of thing that the judge of quality found; none where nobody has judged the episode."""
    rr = import_rerun()
    verdict = episode.sheet.quality
    by_kind: dict[str, list[Moment]] = defaultdict(list)
    for moment in verdict.moments if verdict else ():
        by_kind[moment.kind].append(moment)
    for kind, moments in by_kind.items():
        times_s, states = lane(moments)
        log.at_times(f"{QUALITY}/{kind}", times_s, rr.StateChange.columns(state=states))


def lane(moments: Sequence[Moment]) -> tuple[list[float], list[str]]:
    """Moments of one kind as changes of a state, which is empty between them; those that overlap become one."""
    times_s: list[float] = []
    states: list[str] = []
    for moment in sorted(moments, key=lambda found: found.start_s):
        if times_s and moment.start_s <= times_s[-1]:
            times_s[-1] = max(times_s[-1], moment.end_s)
            continue
        times_s += [moment.start_s, moment.end_s]
        states += [f"{moment.kind} in {moment.step}" if moment.step else moment.kind, ""]
    return times_s, states


def log_events(log: EpisodeLog, episode: Episode) -> None:
    """A list of steps that ended, faults, the alarm and what quality found, in the order of time."""
    rr = import_rerun()
    outcome, verdict = episode.sheet.outcome, episode.sheet.quality
    found: list[tuple[float, str, str]] = [
        (float(log.time_s[min(tick, episode.ticks - 1)]), _LEVELS[fault.severity], f"{fault.source}: {fault.message}")
        for tick, fault in episode.faults
        if episode.ticks
    ]
    for mark in outcome.marks if outcome else ():
        ended = f"step {mark.name}: {'done' if mark.done else 'not done'}"
        found.append((log.since_start_s(mark.end_s), "INFO" if mark.done else "WARN", ended))
    if (alarm := episode.was_alarmed_at) is not None:
        found.append((float(log.time_s[alarm]), "WARN", "the policy's doubt raised an alarm"))
    for moment in verdict.moments if verdict else ():
        where = f" in step {moment.step}" if moment.step else ""
        found.append(
            (moment.start_s, "WARN", f"quality: {moment.kind} of {moment.end_s - moment.start_s:.2f} s{where}")
        )
    if found:
        found.sort(key=lambda event: event[0])
        times_s, levels, texts = zip(*found, strict=True)
        log.at_times(EVENTS, times_s, rr.TextLog.columns(text=list(texts), level=list(levels)))


def log_about(log: EpisodeLog, episode: Episode, notes: Sequence[str]) -> None:
    """The sheet in words; `notes` say what of the episode cannot be shown."""
    rr = import_rerun()
    log.static(ABOUT, rr.TextDocument(about(episode, notes), media_type=rr.MediaType.MARKDOWN))


def about(episode: Episode, notes: Sequence[str]) -> str:
    """The sheet of an episode as Markdown."""
    sheet, header, outcome, verdict = episode.sheet, episode.sheet.header, episode.sheet.outcome, episode.sheet.quality
    how = "not finished" if outcome is None else "success" if outcome.success else f"failed: {outcome.reason}"
    accepted = "accepted" if sheet.accepted else "not accepted"
    told = f" ({outcome.verdict_reason})" if outcome and outcome.verdict_reason else ""
    seconds = episode.ticks / header.robot.control_hz
    lines = [
        f"# {header.task}: {how}",
        f"`{sheet.id}`, {episode.ticks} steps, {seconds:.1f} s, {accepted}{told}",
        f"{header.purpose} on {header.body}, by {header.operator} at {header.station}, pool {header.pool.value}",
    ]
    if verdict is not None:
        score = "" if verdict.score is None else f", {verdict.score:.2f} of 1"
        lines += [f"## Quality: {verdict.verdict}{score}", verdict.english, verdict.chinese]
        lines += [f"- gate: {gate}" for gate in verdict.gates]
        if verdict.figures:
            lines.append("| | in | here | usual |\n|---|---|---|---|\n" + "\n".join(_rows(episode)))
    lines.append("## Scenario")
    lines.append(
        "| factor | value |\n|---|---|\n"
        + "\n".join(f"| {k} | {_short(v)} |" for k, v in header.scenario.values.items())
    )
    lines += [f"*{note}*" for note in notes]
    return "\n\n".join(lines)


def _rows(episode: Episode) -> list[str]:
    figures = episode.sheet.quality.figures if episode.sheet.quality else ()
    return [
        f"| {figure.metric} | {figure.step or 'all'} | {_short(figure.value)} {figure.unit} | "
        f"{'' if figure.usual is None else _short(figure.usual)} |"
        for figure in figures
    ]


def _short(value: float | str) -> str:
    return value if isinstance(value, str) else f"{value:.4g}"


def _changes(values: NDArray[Any]) -> NDArray[np.intp]:
    """Where each run of equal values begins."""
    return np.flatnonzero(np.concatenate([[True], values[1:] != values[:-1]]))
