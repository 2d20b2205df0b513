"""A person's desk with a panel for one test, and an empty folder to run commands in."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from desk import Desk
from rich.console import Console

from experiments.terminal_panel import TerminalPanel
from experiments.workers import console


@pytest.fixture
def desk() -> Iterator[Desk]:
    made = Desk()
    yield made
    made.stream.close()
    os.close(made.keys)


@pytest.fixture
def panel(desk: Desk) -> Iterator[TerminalPanel]:
    with TerminalPanel(desk.stream, Console(file=desk.shown, width=200)) as made:
        yield made


@pytest.fixture
def in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.chdir(tmp_path)
    yield
    console.stderr = False
