"""What the servo driver costs, how near it comes to its wire, and what it does about bad replies and busy machines."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from experiments.bench import bus_cpu, bus_damage, bus_deadlines, bus_wire
from experiments.bench.rows import BenchOptions, Row

Part = Literal["cpu", "wire", "damage", "deadlines"]


@dataclass(frozen=True)
class Bus(BenchOptions):
    """The servo bus beside the manufacturer's dynamixel-sdk: 30 servos on one wire, a goal to each, a state from each.

    Four parts: `cpu` is processor time on ports in memory, `wire` are pseudo-terminals that answer at once and at the
    pace of 1 Mbps, `damage` counts wrong values accepted among damaged replies, `deadlines` runs the real body on a
    twin at 25 Hz with its cameras. All of it takes about 18 minutes, most of them for the last two.

    Examples:
      retake bench bus
      retake bench bus --parts cpu wire
    """

    parts: tuple[Part, ...] = ("cpu", "wire", "damage", "deadlines")
    """Which to measure."""
    cycles: int = 1_000_000
    """Of `damage`, for each share of damaged cycles; --quick takes 10,000."""
    minutes: float = 10.0
    """Of `deadlines`; --quick takes 0.1."""
    seed: int = 0
    """Draws values, stuffing and damage."""


def measure(config: Bus) -> list[Row]:
    rows: list[Row] = []
    if "cpu" in config.parts:
        rows += bus_cpu.measure(config.quick)
    if "wire" in config.parts:
        rows += bus_wire.measure(config.quick)
    if "damage" in config.parts:
        rows += bus_damage.measure(min(config.cycles, 10_000) if config.quick else config.cycles, config.seed)
    if "deadlines" in config.parts:
        rows += bus_deadlines.measure(min(config.minutes, 0.1) if config.quick else config.minutes)
    return rows
