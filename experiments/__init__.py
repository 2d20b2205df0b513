"""What people run; thin: parse, call, report."""

import os

# MuJoCo chooses its OpenGL while it is imported, so whoever runs experiments without a screen must have said it before.
if "DISPLAY" not in os.environ:
    os.environ.setdefault("MUJOCO_GL", "egl")
