"""Imports run downwards only: experiments, policies, envs, hardware, assets. Files stay short, packages stay silent."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
LAYERS = ("assets", "hardware", "envs", "policies", "experiments")  # each may import what stands before it
NOT_BELOW_ENVS = {"gymnasium", "mujoco", "torch"}
FILES = sorted(path for layer in LAYERS for path in (ROOT / layer).rglob("*.py"))


def imported(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Line and top-level name of every import, also of those inside functions."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name.split(".")[0]) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"line {node.lineno} imports relatively; write the whole path"
            yield node.lineno, (node.module or "").split(".")[0]


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_file_imports_only_downwards_and_stays_short(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    layer = path.relative_to(ROOT).parts[0]
    above = set(LAYERS[LAYERS.index(layer) + 1 :])
    forbidden = above | {"tests"} | (NOT_BELOW_ENVS if layer in ("assets", "hardware") else set())
    wrong = [f"line {line} imports {name}" for line, name in imported(ast.parse(text)) if name in forbidden]
    assert not wrong, f"{layer} must not import {', '.join(sorted(forbidden))}: {wrong}"
    assert len(text.splitlines()) <= 300, "a file is one idea; split it"


def test_mujoco_is_imported_where_its_failure_is_explained_and_nowhere_else() -> None:
    importing = {
        str(path.relative_to(ROOT))
        for path in FILES
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Import | ast.ImportFrom) and "mujoco" in {name for _, name in imported(node)}
    }
    # The viewer is a module of its own, which opens a window: view_scene.py takes it after the engine.
    assert importing == {"envs/engine.py", "experiments/view_scene.py"}


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_package_never_prints(path: Path) -> None:
    calls = [
        node.lineno
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"
    ]
    assert not calls or path.relative_to(ROOT).parts[0] == "experiments"


def test_the_layers_are_all_there() -> None:
    assert {path.relative_to(ROOT).parts[0] for path in FILES} == set(LAYERS)
