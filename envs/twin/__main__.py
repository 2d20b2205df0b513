"""Run a twin: `python -m envs.twin --robot tudi --task pick_fruit`. Its first line on stdout names its ports."""

from __future__ import annotations

import argparse
import logging
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

from assets.reality_gap import GAP_NAMES
from envs.errors import EnvError


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until SIGTERM, Ctrl-C, or the end of the parent process. Returns 2 where the twin cannot be made."""
    parser = argparse.ArgumentParser(prog="python -m envs.twin", description="A robot of bytes on real serial ports.")
    parser.add_argument("--robot", default="tudi", help="name under assets/, or a folder with a robot.toml")
    parser.add_argument("--task", default="pick_fruit", help="the task whose scene it stands in")
    parser.add_argument("--seed", type=int, default=0, help="of its sensors' noise, and of how its trainer moves")
    parser.add_argument("--frame-counter", action="store_true", help="draw into every image when it was seen")
    parser.add_argument("--gap", choices=GAP_NAMES, default="twin", help="how it differs from the simulation")
    parser.add_argument("--state", type=Path, help="also write the line with the ports into this file")
    parser.add_argument("--owner", type=int, default=os.getppid(), help="pid whose end is this twin's end too")
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="twin: %(message)s")
    logging.getLogger("OpenGL").setLevel(logging.WARNING)  # it tells of each library that it tries
    from assets.errors import AssetError
    from assets.table import load_robot
    from envs.tasks.known import load_task

    try:
        from envs.twin.twin import Twin, state_line

        spec, task = load_robot(options.robot), load_task(options.task)
        twin = Twin(spec, task, options.seed, options.frame_counter, options.gap)
    except (EnvError, AssetError) as error:
        sys.stderr.write(f"{error}\n")
        return 2

    def quit_twin(number: int, frame: FrameType | None) -> None:
        twin.quit()

    signal.signal(signal.SIGTERM, quit_twin)
    signal.signal(signal.SIGINT, quit_twin)
    try:
        if options.state is not None:
            options.state.write_text(state_line(twin.ports) + "\n")
        sys.stdout.write(state_line(twin.ports) + "\n")
        sys.stdout.flush()
        twin.run(options.owner)
    finally:
        twin.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
