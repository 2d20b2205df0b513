"""A machine without EGL, for processes that are started in its environment."""

from __future__ import annotations

import os
from pathlib import Path

_ROOT = Path(__file__).resolve().parent.parent
_HIDE = """
import ctypes
load = ctypes.CDLL.__init__
def load_all_but_egl(self, name, *arguments, **options):
    if name and "libEGL" in str(name):
        raise OSError(f"{name}: cannot open shared object file: No such file or directory")
    load(self, name, *arguments, **options)
ctypes.CDLL.__init__ = load_all_but_egl
"""


def environment_without_egl(folder: Path) -> dict[str, str]:
    """Variables with which Python, and every Python that it starts, finds no libEGL; `folder` holds what hides it."""
    (folder / "sitecustomize.py").write_text(_HIDE)
    return {**os.environ, "PYTHONPATH": f"{folder}:{_ROOT}", "MUJOCO_GL": "egl"}
