"""MuJoCo, imported in this one place: without EGL its import fails, in words that help nobody."""

from __future__ import annotations

import os

from envs.errors import RenderingError

EGL_ADVICE = "Install EGL (Debian: apt-get install libegl1 libgl1-mesa-dri) and set MUJOCO_GL=egl"

try:
    import mujoco as mujoco
# With MUJOCO_GL=egl and no libEGL, PyOpenGL holds None for the library and asks it for a function all the same.
except (ImportError, AttributeError) as error:
    raise RenderingError(
        f"MuJoCo cannot be loaded with MUJOCO_GL={os.environ.get('MUJOCO_GL', '')} ({error}). {EGL_ADVICE}, or set "
        "MUJOCO_GL=disable and run without images (images=False)"
    ) from error
