"""`retake`: one command, a verb for each thing that people do with it."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module

from rich.console import Console

VERBS = {
    "demo": "one full round of the loop on pick_fruit, start to report",
    "collect": "record demonstrations, by the expert or by a person: nominal ones, or those that requests ask for",
    "archive": "verify an archive, finish what a crash left in it, index it anew",
    "dataset": "build a LeRobot v3 dataset from an archive, import a foreign one, verify one",
    "quality": "judge how well episodes were moved, by references of the same step; learn what is usual",
    "train": "clone a policy from datasets",
    "evaluate": "try a policy on scenarios of one pool, or on recorded episodes (open loop)",
    "cases": "find where a policy fails and what to collect; list the requests",
    "loop": "repeat the round over seeds, with a uniform control arm",
    "twin": "a simulated robot on real serial ports, to connect to",
    "robot": "set up, check, calibrate and watch the servos of a real robot",
    "view": "look at a task's scene or at a recorded episode",
    "bench": "measure, and print one JSON object",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one verb; returns the exit code (0 done, 2 bad input)."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    if not given or given[0] in ("-h", "--help"):
        _print_usage(Console(highlight=False))
        return 0 if given else 2
    verb = given[0]
    if verb not in VERBS:
        errors = Console(stderr=True, highlight=False)
        errors.print(f"error: {verb!r} is no verb of retake; choose one of {', '.join(VERBS)}", soft_wrap=True)
        return 2
    from experiments.command import guarded

    # The import is guarded as well: most verbs bring the simulator, which cannot be loaded on every machine.
    return guarded(lambda: int(import_module(f"experiments.{verb}").main(given[1:])))


def _print_usage(console: Console) -> None:
    console.print("usage: retake VERB \\[options]\n\nA learning gym for humanoid robots that people teach.\n")
    for verb, meaning in VERBS.items():
        console.print(f"  {verb:<10} {meaning}", soft_wrap=True)
    console.print("\nretake VERB --help says more. New here? `retake demo` shows everything once.")


if __name__ == "__main__":
    sys.exit(main())
