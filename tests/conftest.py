"""Puts this folder on the import path, so that tests of every package share its helpers; and renders without a screen."""

import os

os.environ.setdefault("MUJOCO_GL", "egl")
