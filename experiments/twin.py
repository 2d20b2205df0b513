"""Run a twin until Ctrl-C, and say which port is which."""

from __future__ import annotations

import json
import signal
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.table import Table

from assets.reality_gap import GapName
from assets.table import load_robot
from envs.episodes.durable import write_json
from envs.tasks.known import load_task
from envs.twin.process import TwinProcess
from experiments.command import at_least, run_verb
from experiments.outputs import require_file
from experiments.task_option import TaskName
from experiments.workers import console


@dataclass(frozen=True)
class Twin:
    """A simulated robot that answers on real serial ports, as a robot on the desk would.

    It prints its ports and stays until Ctrl-C. Nothing that connects to it can tell it from metal, but for `control`,
    the socket over which its stage is set.

    Example: retake twin --ports-file ports.json
    """

    task: TaskName = "pick_fruit"
    """The scene it stands in."""
    robot: str = "tudi"
    """The robot that it is."""
    worn: bool = False
    """Let its trainer, a scripted expert, wear the exoskeleton and show the task."""
    ports_file: Path | None = None
    """Also write the ports as JSON."""
    seed: int = 0
    """Draws its noise."""
    gap: GapName = "twin"
    """How it differs from the simulation: "twin" as `reality_gap.toml` beside the robot's table says, "none" not at
    all."""
    frame_counter: bool = False
    """Draw a strip of black and white cells into every image that says when it was seen, to measure how old images are.
    No policy should see such images."""


def run(config: Twin) -> int:
    # Here, and not by the twin's process: what that says has its log around it.
    load_robot(config.robot)
    load_task(config.task)
    at_least(0, seed=config.seed)
    require_file("--ports-file", config.ports_file)
    with TwinProcess.start(config.task, config.robot, config.seed, config.frame_counter, config.gap) as twin:
        if config.worn:
            twin.wear_exoskeleton()
        if config.ports_file is not None:
            write_json(config.ports_file, twin.ports)
        table = Table("connection", "port")
        for name, port in twin.ports.items():
            table.add_row(name, port)
        console.print(table)
        pairs = " ".join(f"{name}={port}" for name, port in twin.ports.items())
        console.print(f"\n--ports {pairs}\n", soft_wrap=True, highlight=False)
        console.print("Ctrl-C ends it.")
        _wait_for_the_end()
        console.print(json.dumps(twin.figures()))
    return 0


def _wait_for_the_end() -> None:
    """Return at Ctrl-C or a request to end, so that the twin is ended in order."""
    asked = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: asked.set())
    asked.wait()


def main(arguments: Sequence[str] | None = None) -> int:
    return run_verb("retake twin", Twin, run, arguments)


if __name__ == "__main__":
    sys.exit(main())
