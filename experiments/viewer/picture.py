"""A picture of rerun's viewer, taken without a screen. It needs a Vulkan driver; Mesa's lavapipe does it on a CPU."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from experiments.command import UsageError
from experiments.viewer.log import TIME, import_rerun, viewer_executable

_READY_S = 60.0
_SETTLE_S = 6.0  # until video is decoded and all views are drawn
_TRIES = 6


def photograph_viewer(rrd: Path, png: Path, at_s: float, size: tuple[int, int]) -> None:
    """Open a file in a viewer without a window, go to a moment, and write what is seen as a PNG.

    Args:
        rrd: what `retake view --save` wrote.
        png: the file to write.
        at_s: seconds since the first step.
        size: width and height in pixels.

    Raises:
        UsageError: rerun is not installed, or its viewer cannot draw here.
    """
    import_rerun()
    port = _free_port()
    command = [
        viewer_executable() or "rerun",
        "--headless",
        "--bind",
        "127.0.0.1",
        "--port",
        str(port),
        "--hide-welcome-screen",
    ]
    command += ["--window-size", f"{size[0]}x{size[1]}", str(rrd)]
    # A group of its own: the command is a script, whose child is the viewer and would stay.
    viewer = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    try:
        client = _client(viewer, port)
        _insist(viewer, lambda: client.set_time(TIME, duration=at_s, play_state="paused"))
        time.sleep(_SETTLE_S)
        _insist(viewer, lambda: client.save_screenshot(str(png.resolve())))
    finally:
        with suppress(ProcessLookupError):  # it may have ended by itself
            os.killpg(viewer.pid, signal.SIGTERM)
        viewer.wait()


def _client(viewer: subprocess.Popen[bytes], port: int) -> Any:
    from rerun.experimental import ViewerClient

    until_s = time.monotonic() + _READY_S
    while time.monotonic() < until_s and viewer.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                time.sleep(_SETTLE_S)
                return ViewerClient.connect(f"rerun+http://127.0.0.1:{port}/proxy")
        time.sleep(0.2)
    raise _cannot_draw()


def _insist(viewer: subprocess.Popen[bytes], ask: Any) -> None:
    """Software rendering is slow, so the viewer may not answer in time at first."""
    for _ in range(_TRIES):
        try:
            ask()
            return
        except (TimeoutError, ConnectionError, ValueError):
            if viewer.poll() is not None:
                break
            time.sleep(2.0)
    raise _cannot_draw()


def _cannot_draw() -> UsageError:
    return UsageError(
        "the viewer cannot draw here: it needs a Vulkan driver (Debian: apt-get install mesa-vulkan-drivers) and, for "
        "video, ffmpeg"
    )


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
