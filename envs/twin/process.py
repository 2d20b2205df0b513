"""A twin in a process of its own, for as long as somebody needs it."""

from __future__ import annotations

import json
import os
import select
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from assets.reality_gap import GapName
from envs.connections import CONTROL
from envs.errors import BodyError
from envs.remote_crew import RemoteCrew

_ROOT = Path(__file__).resolve().parent.parent.parent
_START_S = 180.0  # on a machine that is busy with other things
_QUIT_S = 5.0
_CLICK_S, _POLL_S = 10.0, 0.01
_TOLD_CHARACTERS = 2000


class TwinProcess:
    """Starts a twin and waits until its cables are plugged in; a context manager that ends it.

        with TwinProcess.start("pick_fruit") as twin:
            env = make_env("pick_fruit", "serial", ports=twin.ports)

    `ports` names every connection: those of the body, `control`, and `exoskeleton`.
    """

    def __init__(self, process: subprocess.Popen[bytes], ports: dict[str, str], complaints: Any) -> None:
        self._process = process
        self._complaints = complaints
        self.ports = ports
        self._crew = RemoteCrew(self.control)

    @classmethod
    def start(
        cls,
        task: str = "pick_fruit",
        robot: str = "tudi",
        seed: int = 0,
        frame_counter: bool = False,
        gap: GapName = "twin",
    ) -> TwinProcess:
        """A twin that is ready. With `frame_counter` its images say when they were drawn; see `Twin` for the gap.

        Raises:
            BodyError: it does not come up; the message says what it said.
        """
        paths = [str(_ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
        defaults = {"MUJOCO_GL": "egl", "OMP_NUM_THREADS": "1", "LP_NUM_THREADS": "1"}
        environment = {**defaults, **os.environ, "PYTHONPATH": os.pathsep.join(paths)}
        command = [sys.executable, "-m", "envs.twin", "--task", task, "--robot", robot, "--seed", str(seed)]
        command += ["--gap", gap]
        command += ["--frame-counter"] if frame_counter else []
        # Said, not found out: by the time a twin could ask for its parent, that may have gone already.
        command += ["--owner", str(os.getpid())]
        complaints = tempfile.TemporaryFile()  # noqa: SIM115  # lives as long as the process does
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=complaints,
            env=environment,
            start_new_session=True,  # Ctrl-C is for whoever drives the robot; it must not vanish under the hands
        )
        ports = _ports_said_by(process)
        if ports is None:
            process.kill()
            process.wait()
            complaints.seek(0)
            said = complaints.read().decode(errors="replace").strip()[-_TOLD_CHARACTERS:]
            raise BodyError(f"the twin of {robot!r} in {task!r} did not come up: {said or 'it said nothing'}")
        return cls(process, ports, complaints)

    @property
    def control(self) -> str:
        return self.ports[CONTROL]

    def wear_exoskeleton(self, worn: bool = True) -> None:
        """Let the twin's trainer, a scripted expert, put the exoskeleton on or off.

        Raises:
            BodyError: nobody there knows how to do the task.
        """
        self._crew.ask({"do": "wear", "worn": worn})

    def figures(self) -> dict[str, float]:
        """How well the twin has kept time; see `envs.twin.twin.TwinFigures`."""
        return self._crew.ask({"do": "figures"})

    def click(self) -> float:
        """Let the twin's microphone hear a click; when that was, on the monotonic clock that both processes share.

        Raises:
            BodyError: the twin makes no sound.
        """
        made = len(self._clicks_s())
        self._crew.ask({"do": "click"})
        deadline_s = time.monotonic() + _CLICK_S
        while time.monotonic() < deadline_s:
            if len(clicks_s := self._clicks_s()) > made:
                return clicks_s[-1]
            time.sleep(_POLL_S)
        raise BodyError("the twin has not clicked; has its robot a microphone?")

    def _clicks_s(self) -> list[float]:
        stamps_s: list[float] = self._crew.ask({"do": "clicks"})["stamps_s"]
        return stamps_s

    def stop(self) -> None:
        """End it. May be called more than once."""
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(_QUIT_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        shutil.rmtree(Path(self.control).parent, ignore_errors=True)  # a twin that was killed leaves it behind
        if self._process.stdout is not None:
            self._process.stdout.close()
        self._complaints.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def _ports_said_by(process: subprocess.Popen[bytes]) -> dict[str, str] | None:
    """The twin's first line; None if it ends or stays silent."""
    out = process.stdout
    if out is None or not select.select([out], [], [], _START_S)[0]:
        return None
    line = out.readline()
    if not line:
        return None
    ports: dict[str, str] = json.loads(line)
    return ports
