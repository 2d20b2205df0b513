"""The twin's trainer: the scripted expert, who moves a virtual exoskeleton and nothing else."""

from __future__ import annotations

import logging

import numpy as np

from assets.robot import RobotSpec
from envs.errors import PilotError
from envs.pilots.experts import Expert, load_expert
from envs.simulation import Simulation
from envs.tasks.rules import SceneRules
from hardware.virtual_robot import VirtualExoskeleton

_LOG = logging.getLogger(__name__)


class VirtualTrainer:
    """Stands at home between episodes, and shows the task while the exoskeleton is worn."""

    def __init__(
        self,
        spec: RobotSpec,
        task: str,
        simulation: Simulation,
        rules: SceneRules,
        exoskeleton: VirtualExoskeleton,
        seed: int = 0,
    ) -> None:
        self._spec = spec
        self._task = task
        self._simulation = simulation
        self._rules = rules
        self._exoskeleton = exoskeleton
        self._seed = seed
        self._expert: Expert | None = None
        self._shown = 0  # demonstrations begun; each moves in its own way
        self._is_worn = False
        self._is_moving = False
        self._exoskeleton.hold(spec.home)

    def wear(self, worn: bool) -> None:
        """Put the exoskeleton on or off.

        Raises:
            PilotError: nobody here knows how to do the task.
        """
        if worn and self._expert is None:
            self._expert = load_expert(self._task, self._spec, self._simulation, self._rules)
        self._is_worn = worn
        self.rest()

    def rest(self) -> None:
        """Stand at home."""
        self._is_moving = False
        self._exoskeleton.hold(self._spec.home)

    def begin(self) -> None:
        """Show the task, from where the robot stands now."""
        if self._is_worn and self._expert is not None:
            self._shown += 1
            position_rad = self._simulation.data.qpos[self._simulation.qpos].copy()
            self._expert.reset(position_rad, np.random.default_rng([self._seed, self._shown]))
            self._is_moving = True

    def move(self) -> None:
        """One control period of showing; stands still once the task is done or spoilt."""
        if not self._is_moving or self._expert is None:
            return
        judgement = self._rules.assess(self._simulation)
        if judgement.success or judgement.failure is not None:
            self._is_moving = False
            return
        try:
            self._exoskeleton.hold(self._expert.command(judgement).position_rad)
        except PilotError as error:
            _LOG.warning("the trainer gives up: %s", error)
            self._is_moving = False
