"""The twin as a whole: one loop that keeps physics in real time and answers on every cable."""

from __future__ import annotations

import gc
import json
import logging
import os
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from selectors import DefaultSelector
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from assets.reality_gap import GapName, load_gap
from assets.robot import RobotSpec
from envs.connections import CAMERA, CONTROL
from envs.errors import BodyError
from envs.remote_crew import judgement_to, start_from
from envs.scenario import Scenario
from envs.tasks.known import load_rules
from envs.tasks.task import Task
from envs.twin.cables import TwinCables
from envs.twin.cameras import TwinCameras
from envs.twin.control import ControlServer
from envs.twin.world import TwinWorld

_LOG = logging.getLogger(__name__)
_SLIP_S = 0.1  # a twin that is further behind lets the time go instead of rushing after it
_ORPHAN_CHECK_S = 1.0


@dataclass
class TwinFigures:
    """How well the twin keeps time."""

    simulated_s: float = 0.0
    wall_s: float = 0.0
    slipped_s: float = 0.0  # wall time that physics left out
    slips: int = 0
    worst_behind_s: float = 0.0


class Twin:
    """A simulated humanoid at the far end of its cables. `run` serves until `quit`, or until its parent is gone.

    With the gap "none" it is the robot that policies train on, not that which stands for the real one.
    """

    def __init__(
        self, spec: RobotSpec, task: Task, seed: int, frame_counter: bool = False, gap: GapName = "twin"
    ) -> None:
        exemplar = load_gap(spec).exemplar(gap)
        self._world = TwinWorld(spec, task, load_rules(task.name), exemplar, seed)
        self._selector = DefaultSelector()
        self._folder = TemporaryDirectory(prefix="retake-twin-")
        self._cables = TwinCables(spec, self._world, self._selector, np.random.default_rng(seed))
        self._control = ControlServer(Path(self._folder.name) / "control", self._answer, self._selector)
        self._cameras = TwinCameras(spec, task, exemplar, frame_counter) if spec.cameras else None
        if self._cameras is not None:
            self._cameras.stage(self._world.scenario)
        self.figures = TwinFigures()
        self._is_running = True
        self.ports = {**self._cables.ports, CONTROL: str(self._control.path)}
        if self._cameras is not None:
            self.ports |= {f"{CAMERA}.{camera.name}": self._cameras.url(camera.name) for camera in spec.cameras}

    def quit(self) -> None:
        """End `run` soon; may be called from a signal handler."""
        self._is_running = False

    def run(self, owner: int) -> None:
        """Keep physics in step with the wall clock, and answer between its steps, as long as `owner`, a pid, lives."""
        timestep_s = self._world.simulation.timestep_s
        gc.freeze()  # what lives as long as the twin need not be looked through again and again
        begun_s = now_s = orphan_check_s = time.monotonic()
        due_s = begun_s + timestep_s
        while self._is_running:
            for key, _ in self._selector.select(max(0.0, due_s - now_s)):
                key.data(time.monotonic())
            now_s = time.monotonic()
            if now_s >= due_s:
                self.figures.worst_behind_s = max(self.figures.worst_behind_s, now_s - due_s)
                if now_s - due_s > _SLIP_S:
                    self.figures.slips += 1
                    self.figures.slipped_s += now_s - due_s
                    due_s = now_s
                self._step(now_s)
                due_s += timestep_s
                self.figures.simulated_s += timestep_s
                self.figures.wall_s = now_s - begun_s
            if now_s - orphan_check_s > _ORPHAN_CHECK_S:
                orphan_check_s = now_s
                if os.getppid() != owner:
                    _LOG.warning("the process that started this twin is gone, and so is the twin")
                    return

    def close(self) -> None:
        """Pull every cable, and leave nothing behind."""
        if self._cameras is not None:
            self._cameras.close()
        self._control.close()
        self._cables.close()
        self._selector.close()
        self._folder.cleanup()

    def _step(self, now_s: float) -> None:
        self._world.step(now_s)
        self._cables.sense(now_s)
        if self._cameras is not None and self._world.steps % self._world.steps_a_period == 0:
            self._cameras.show(self._world.simulation.physics_state(), self._world.rules.memory(), now_s)

    def _answer(self, request: dict[str, Any]) -> dict[str, Any]:
        match request["do"]:
            case "set_up":
                self._world.set_up(Scenario.from_dict(request["scenario"]), start_from(request["start"]))
                self._cables.quiet()
                if self._cameras is not None:
                    self._cameras.stage(self._world.scenario)
                return {}
            case "judge":
                return judgement_to(self._world.judge())
            case "wear":
                self._world.trainer.wear(bool(request["worn"]))
                gc.freeze()
                return {}
            case "click":
                self._cables.click()
                return {}
            case "clicks":
                return {"stamps_s": self._cables.clicks_s}
            case "figures":
                return asdict(self.figures)
            case "quit":
                self.quit()
                return {}
            case other:
                raise BodyError(f"the twin cannot {other!r}; it can set_up, judge, wear, click, clicks, figures, quit")


def state_line(ports: dict[str, str]) -> str:
    """What a twin says of itself when it is ready: its ports by name, as one line of JSON."""
    return json.dumps(ports)
