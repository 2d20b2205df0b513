"""What a benchmark says: rows with a goal and a peer, the versions, and how busy the machine was."""

from __future__ import annotations

import json
import os
import platform
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from importlib import metadata
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from rich.table import Table

from experiments.workers import console

_PACKAGES = ("retake", "mujoco", "gymnasium", "numpy", "torch", "av", "dynamixel-sdk")


@dataclass(frozen=True)
class BenchOptions:
    """What every benchmark takes."""

    quick: bool = False
    """Measure less, in under 30 s; the figures scatter more."""
    json: bool = False
    """Print one JSON object and nothing else on standard output; progress goes to standard error."""


@dataclass(frozen=True)
class Row:
    """One figure. `peer` is another way to do the same, in the same run; where it is None, `note` says why.

    `value` is None where it could not be measured: then nothing is promised, and `note` says why.
    """

    name: str
    value: float | None
    unit: str
    goal: float | None = None
    wanted: Literal["at most", "at least"] = "at most"
    peer: float | None = None
    note: str = ""

    @property
    def holds(self) -> bool | None:
        """Whether the goal is met; None without a goal, or where nothing was measured."""
        if self.goal is None or self.value is None:
            return None
        return self.value <= self.goal if self.wanted == "at most" else self.value >= self.goal

    def to_dict(self) -> dict[str, Any]:
        fields = asdict(self)
        if self.goal is None:
            fields["wanted"] = None
        return {**fields, "holds": self.holds}


def publish(name: str, options: BenchOptions, measure: Callable[[], Sequence[Row]]) -> int:
    """Measure, and print the rows as a table or as one JSON object."""
    # What shows progress must not stand between the braces of the object.
    console.stderr = options.json
    before = os.getloadavg()[0]
    rows = measure()
    machine = {
        "processor": platform.processor() or platform.machine(),
        "cores": len(os.sched_getaffinity(0)),
        "load_before": round(before, 2),
        "load_after": round(os.getloadavg()[0], 2),
    }
    result = {
        "benchmark": name,
        "quick": options.quick,
        "rows": [row.to_dict() for row in rows],
        "versions": _versions(),
        "machine": machine,
    }
    if options.json:
        sys.stdout.write(json.dumps(result, indent=2, allow_nan=False) + "\n")
    else:
        _print_table(name, rows, machine)
    return 0


def interleaved(
    ways: Sequence[Callable[[], None]],
    rounds: int,
    *,
    before_each: Callable[[], None] = lambda: None,
    cpu: bool = False,
) -> NDArray[np.float64]:
    """Seconds that each way takes in each round, all ways once a round, so that a busy machine is busy for all.

    Args:
        ways: what is compared; each is run once beforehand, unmeasured.
        rounds: how often.
        before_each: called before each round, not measured.
        cpu: count the processor time of this process in place of the time on the wall.

    Returns:
        (ways, rounds).
    """
    clock = time.process_time if cpu else time.perf_counter
    before_each()
    for way in ways:
        way()
    taken = np.empty((len(ways), rounds))
    for number in range(rounds):
        before_each()
        for place, way in enumerate(ways):
            begin = clock()
            way()
            taken[place, number] = clock() - begin
    return taken


def _versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for package in _PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            found[package] = "absent"
    return found


def _print_table(name: str, rows: Sequence[Row], machine: dict[str, Any]) -> None:
    table = Table("figure", "value", "goal", "peer", "holds", title=f"bench {name}", title_justify="left")
    for row in rows:
        goal = "" if row.goal is None else f"{row.wanted} {row.goal:g}"
        peer = "" if row.peer is None else f"{row.peer:.3g}"
        holds = {True: "[green]yes", False: "[red]no", None: ""}[row.holds]
        name_and_note = row.name + (f"\n[dim]{row.note}[/]" if row.note else "")
        value = "" if row.value is None else f"{row.value:.3g} {row.unit}"
        table.add_row(name_and_note, value, goal, peer, holds)
    console.print(table)
    console.print(f"  {machine['cores']} cores, load {machine['load_before']} before and {machine['load_after']} after")
