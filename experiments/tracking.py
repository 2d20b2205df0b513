"""Figures of a training, to Weights & Biases: online where a person is logged in, on this disk otherwise."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

from policies.training import Tracker

_log = logging.getLogger(__name__)


class _WandbTracker:
    def __init__(self, run: Any) -> None:
        self._run = run

    def log(self, figures: Mapping[str, float], step: int) -> None:
        self._run.log(dict(figures), step=step)


@contextmanager
def tracked(
    name: str, folder: Path, settings: Mapping[str, Any], *, project: str = "retake"
) -> Iterator[Tracker | None]:
    """A tracker for one run; None where wandb is disabled (WANDB_MODE=disabled) or cannot start.

    Without WANDB_MODE the run is online if there are credentials, and offline under `folder` if not.
    """
    if os.environ.get("WANDB_MODE") == "disabled":
        yield None
        return
    os.environ.setdefault("WANDB_SILENT", "true")
    import wandb

    folder.mkdir(parents=True, exist_ok=True)
    try:
        mode: Literal["online", "offline"] | None = None  # wandb then reads it from the environment
        if not os.environ.get("WANDB_MODE"):
            mode = "online" if wandb.login(prompt=False) else "offline"
        quiet = wandb.Settings(silent=True, console="off", disable_git=True, disable_code=True)
        run = wandb.init(project=project, name=name, dir=folder, config=dict(settings), mode=mode, settings=quiet)
    except (wandb.Error, OSError) as error:
        # A lost curve must not cost a training.
        _log.warning("training is not tracked by wandb: %s", error)
        yield None
        return
    try:
        yield _WandbTracker(run)
    finally:
        run.finish()
