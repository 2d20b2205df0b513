"""Puts this folder on the import path, where tests of every package share their helpers; renders without a screen."""

import os

os.environ.setdefault("MUJOCO_GL", "egl")
