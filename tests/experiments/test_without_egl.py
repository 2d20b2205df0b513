"""`retake` on a machine without EGL: one line that names what to install, whichever verb is typed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from hidden_egl import environment_without_egl


@pytest.mark.parametrize(
    "arguments",
    [
        ["view", "--out", "scene.png"],
        ["collect", "--archive", "archive", "--episodes", "1"],
        ["demo", "--folder", "demo"],
        ["bench", "env", "--quick"],
        ["twin"],
    ],
    ids=lambda arguments: arguments[0],
)
def test_a_verb_that_needs_the_simulator_names_the_packages_and_returns_2(arguments: list[str], tmp_path: Path) -> None:
    (hiding := tmp_path / "hiding").mkdir()
    (place := tmp_path / "place").mkdir()
    found = subprocess.run(
        [sys.executable, "-m", "experiments.cli", *arguments],
        cwd=place,
        env=environment_without_egl(hiding),
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert found.returncode == 2
    assert found.stderr.count("\n") == 1, found.stderr
    assert found.stderr.startswith("error: ")
    assert "apt-get install libegl1 libgl1-mesa-dri" in found.stderr
    assert list(place.iterdir()) == []
