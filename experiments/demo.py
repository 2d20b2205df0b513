"""The main job in one command: one full round of the loop on pick_fruit, start to report."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from experiments.command import at_least, run_verb
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
    """Give a folder that is there already another name, so that a new run begins with an empty one."""
    if not folder.exists():
        return
    number = 1
    while (aside := folder.with_name(f"{folder.name}.{number}")).exists():
        number += 1
    folder.rename(aside)
    console.print(f"what was in {folder} is now in {aside}")


def main(arguments: Sequence[str] | None = None) -> int:
    return run_verb("retake demo", Demo, run, arguments)


if __name__ == "__main__":
    sys.exit(main())
