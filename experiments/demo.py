"""The main job in one command: one full round of the loop on pick_fruit, start to report."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from envs.episodes.archive import MARKER_NAME
from experiments.command import UsageError, at_least, run_verb
from experiments.full_round import run_round
from experiments.report import write_report
from experiments.round import Round, RoundSizes
from experiments.summary import what_was_learned
from experiments.workers import available_processes, console, set_thread_limits


@dataclass(frozen=True)
class Demo:
    """One full round of the loop on pick_fruit: collect, train, find the weakness, ask, retrain, prove, deploy.

    Everything is written below --folder; what an earlier demo left there is moved aside, never deleted.

    Example: retake demo --seed 1
    """

    folder: Path = Path("runs/demo")
    """Where archive, dataset, policies and report go."""
    seed: int = 0
    """Draws scenarios, noise and the networks' starts."""
    sizes: RoundSizes = field(default_factory=RoundSizes)
    """How much of everything; smaller is quicker, and says less."""
    processes: int = available_processes()
    """How many simulations run at once."""


def run(config: Demo) -> int:
    at_least(0, seed=config.seed)
    at_least(1, processes=config.processes)
    config.sizes.check()
    set_thread_limits()
    move_aside(config.folder)
    config.folder.mkdir(parents=True)
    place = Round(config.folder, seed=config.seed, sizes=config.sizes, processes=config.processes)
    figures = run_round(place)
    files = write_report(figures, config.folder)
    console.print(f"\n[bold]What was learned[/]\n{what_was_learned(figures)}", soft_wrap=True)
    minutes = sum(place.seconds.values()) / 60.0
    console.print(f"\nIt took {minutes:.1f} minutes. The report: [bold]{files.html}[/] (figures: {files.json})")
    return 0


def move_aside(folder: Path) -> None:
    """Give what an earlier demo or loop left another name, so that a new run begins with an empty folder.

    Raises:
        UsageError: something else is there, or it cannot be renamed.
    """
    if not (folder.exists() or folder.is_symlink()):
        return
    place = folder.absolute() if folder.is_symlink() else folder.resolve()
    if Path.cwd().is_relative_to(folder.resolve()):
        raise UsageError(f"--folder {folder} is where you stand, or above it; give a folder of its own, as runs/demo")
    try:
        if not folder.is_dir():
            raise UsageError(f"--folder {folder} is no folder; give another name")
        if any(folder.iterdir()) and not _was_left_by_a_run(folder):
            raise UsageError(
                f"--folder {folder} holds something that no demo or loop has left there, so it is not touched; give "
                "a new folder, or move what is in it yourself"
            )
        number = 1
        while (aside := place.with_name(f"{place.name}.{number}")).exists():
            number += 1
        place.rename(aside)
    except OSError as error:
        raise UsageError(f"--folder {folder} cannot be moved aside ({error.strerror}); give a new one") from error
    console.print(f"what was in {folder} is now in {aside}", soft_wrap=True, markup=False)


def _was_left_by_a_run(folder: Path) -> bool:
    """Also true of a run that broke off: the archive is what it begins with, in the folder or in that of a seed."""
    marks = (f"archive/{MARKER_NAME}", "report.json", "recipe.json", "seed-[0-9]*/")
    return any(any(folder.glob(mark)) for mark in marks)


def main(arguments: Sequence[str] | None = None) -> int:
    return run_verb("retake demo", Demo, run, arguments)


if __name__ == "__main__":
    sys.exit(main())
