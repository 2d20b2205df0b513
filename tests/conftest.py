"""Puts this folder on the import path, where tests of every package share their helpers; renders without a screen."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings
from input_pipe import InputPipe

os.environ.setdefault("MUJOCO_GL", "egl")
settings.register_profile("busy machine", deadline=None)  # the first draw of a kind of data may take long
settings.load_profile("busy machine")


@pytest.fixture
def pipe(tmp_path: Path) -> Iterator[InputPipe]:
    """Stands in for a device below /dev/input."""
    made = InputPipe(tmp_path / "event7")
    yield made
    made.unplug()
