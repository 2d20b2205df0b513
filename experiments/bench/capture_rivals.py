"""LeRobot beside us, in a python of its own; and its absence, said in words."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from experiments.bench.capture_peer import PEER_SCRIPT
from experiments.command import UsageError

Mode = Literal["default", "streaming"]
_PATIENCE_S = 300.0


@dataclass(frozen=True)
class Peer:
    """A python that has lerobot, or none, and where it may write. `pictures` is a file that both record."""

    python: Path | None
    folder: Path
    pictures: Path

    @staticmethod
    def beside(python: Path | None, folder: Path, shown: NDArray[np.uint8]) -> Peer:
        """Raises UsageError where `python` is no file."""
        if python is not None and not python.is_file():
            raise UsageError(f"--lerobot-python {python} is no file; give the python of a venv that has lerobot")
        path = folder / "pictures.npy"
        if python is not None:
            np.save(path, shown)
        return Peer(python, folder, path)

    def measure(self, verb: str, mode: Mode, number: int | str, root: str | None = None) -> dict[str, Any] | None:
        """What the peer found; None without one.

        Raises:
            UsageError: it could not do it.
        """
        if self.python is None:
            return None
        root = root or f"{verb}-{mode}"
        out = self.folder / f"{root}.json"
        command = self.command(verb, mode, number, root, out)
        done = subprocess.run(command, capture_output=True, text=True, timeout=_PATIENCE_S, check=False)
        if done.returncode or not out.is_file():
            last = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
            raise UsageError(f"{self.python} could not measure LeRobot: {last}")
        found: dict[str, Any] = json.loads(out.read_text())
        return found

    def alternate(self, ours: Callable[[], None], verb: str, modes: Sequence[Mode]) -> dict[Mode, dict[str, Any]]:
        """Ours, one episode of the peer's, ours, and so on, ending with ours: what keeps the machine busy meanwhile
        keeps it so for both. Without a peer ours alone, as often.

        Returns:
            What the peer found, by mode; of several runs in one mode, see `_as_one`.

        Raises:
            UsageError: the peer could not do it.
        """
        runs: dict[Mode, list[dict[str, Any]]] = {mode: [] for mode in modes}
        ours()
        for number, mode in enumerate(modes):
            found = self.measure(verb, mode, 1, f"{verb}-{mode}-{number}")
            if found is not None:
                runs[mode].append(found)
            ours()
        return {mode: _as_one(found) for mode, found in runs.items() if found}

    def command(self, verb: str, mode: Mode, number: int | str, root: str, out: Path) -> list[str]:
        """How the peer is run."""
        given = [verb, self.pictures, self.folder / root, out, mode, number]
        return [str(self.python), str(PEER_SCRIPT), *map(str, given)]


def _as_one(runs: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The middle of each figure, the worst of what is a worst, all of what is a list; `runs` says of how many."""
    merged: dict[str, Any] = {"runs": len(runs)}
    for name, first in runs[0].items():
        values = [run[name] for run in runs]
        if isinstance(first, list):
            merged[name] = [value for each in values for value in each]
        elif isinstance(first, str):
            merged[name] = first
        else:
            merged[name] = max(values) if name.startswith("worst") else float(np.median(values))
    return merged


def figure(found: dict[str, Any] | None, name: str, scale: float = 1.0) -> float | None:
    """One of the peer's figures; None without a peer."""
    return None if found is None else scale * float(found[name])


def told(found: dict[str, Any] | None, what: str) -> str:
    """The note of a row: which peer, or that none was measured."""
    if not found:
        return "peer not measured: no --lerobot-python"
    runs = found.get("runs", 1)
    return f"peer: LeRobot {found['version']}, {what}" + (f", {runs} runs in turns with ours" if runs > 1 else "")
