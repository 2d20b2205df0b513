"""Measurements of Retake beside its peers; each prints one JSON object."""

from __future__ import annotations

from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """`retake bench NAME`."""
    # Late, so that a process that needs one measurement's parts does not load all of them.
    from experiments.bench.command import main as run

    return run(arguments)
