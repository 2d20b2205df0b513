"""Trials of the expert, kept one by one as they end, so that a run that was broken off goes on where it stopped."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from envs.episodes.durable import write_bytes
from envs.episodes.session import EpisodeOrder, EpisodeResult
from experiments.command import UsageError
from experiments.expert_trials import fly_expert


@dataclass(frozen=True)
class Trial:
    """How one episode ended. `signature` is "" on success, else what failed, without its figures.

    `steps_done` is that of `EpisodeResult`; None in files from before it was kept.
    """

    order: str
    success: bool
    signature: str
    steps_done: int | None = None


def fly_kept(task: str, wanted: Sequence[EpisodeOrder], what: str, processes: int, file: Path | None) -> list[Trial]:
    """Fly what `file` does not hold yet, one line for each episode that ends; without a file, fly all and keep nothing.

    Raises:
        UsageError: the file holds something else.
        OSError: the file cannot be written.
    """
    held = {} if file is None else _read(file)
    missing = [order for order in wanted if _key(order) not in held]

    def keep(place: int, result: EpisodeResult) -> None:
        trial = Trial(_key(missing[place]), result.success, result.signature, result.steps_done)
        held[trial.order] = trial
        if file is not None:
            with file.open("a", encoding="utf-8") as lines:
                lines.write(json.dumps(asdict(trial)) + "\n")

    if missing:
        fly_expert(task, missing, what, processes, on_result=keep)
    return [held[_key(order)] for order in wanted]


def _read(file: Path) -> dict[str, Trial]:
    """What is held, by order. A last line that was cut off in the middle is taken out of the file."""
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        return {}
    content = file.read_bytes()
    whole = content[: content.rfind(b"\n") + 1]
    try:
        trials = [Trial(**json.loads(line)) for line in whole.splitlines()]
    except (ValueError, TypeError) as error:
        raise UsageError(f"{file} holds no trials of the expert ({error}); give another --folder") from error
    if whole != content:
        write_bytes(file, whole)
    return {trial.order: trial for trial in trials}


def _key(order: EpisodeOrder) -> str:
    """The same for the same episode: scenario and seed, and where it goes on from."""
    start = "" if order.start is None else f" from step {order.start.step} of {order.parent}"
    return f"{order.scenario.key} seed {order.seed}{start}"
