"""A pilot as a tired person would be: the expert, disturbed. What it demonstrates is really moved like that."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from envs.body import JointTarget
from envs.episodes.archive import Archive
from envs.episodes.session import EpisodeOrder, EpisodeResult, run_episode
from envs.humanoid import HumanoidEnv
from envs.pilots.pilot import Pilot
from envs.pilots.scripted import ScriptedPilot
from envs.registry import make_env
from envs.scenario import Scenario
from experiments.stations import SIMULATION

Disturbance = Literal["tremor", "pauses", "held"]
TREMOR_HZ = 6.0
TREMOR_RAD = 0.012  # root mean square over the arm's joints, as commanded; servos let about half of it through
PAUSE_S = (0.4, 1.0)
PAUSES_A_S = 0.5  # begun, while none is going on
HELD = 3  # control steps between two commands


class DisturbedPilot:
    """Flies like another pilot, but for one disturbance, drawn anew for each episode."""

    name = "disturbed"

    def __init__(self, pilot: Pilot, env: HumanoidEnv) -> None:
        self._pilot = pilot
        self._hz = env.robot.control_hz
        self._arms = np.concatenate([env.robot.group("left_arm"), env.robot.group("right_arm")])
        self._rng = np.random.default_rng(0)
        self._last: JointTarget | None = None
        self._pausing = 0  # control steps that a pause still lasts
        self._forget()

    def reset(self, scenario: Scenario, rng: np.random.Generator) -> None:
        self._pilot.reset(scenario, rng)
        self._rng = rng.spawn(1)[0]  # what the other pilot draws stays as it would be
        self._forget()

    def command(self, observation: Mapping[str, NDArray[Any]], info: Mapping[str, Any]) -> JointTarget | None:
        self._step += 1
        if self.disturbance == "held" and self._step % HELD:
            return self._last
        if self.disturbance == "pauses" and self._is_pausing():
            return self._last
        target = self._pilot.command(observation, info)
        if self.disturbance == "tremor" and target is not None:
            position = target.position_rad.copy()
            swing = np.sqrt(2.0) * np.sin(2 * np.pi * (TREMOR_HZ * self._step / self._hz + self._phase))
            position[self._arms] += TREMOR_RAD * swing * self._way
            target = JointTarget(position)
        self._last = target
        return target

    def _is_pausing(self) -> bool:
        if self._pausing == 0 and self._last is not None and self._rng.uniform() < PAUSES_A_S / self._hz:
            self._pausing = round(self._rng.uniform(*PAUSE_S) * self._hz)
        self._pausing = max(self._pausing - 1, 0)
        return self._pausing > 0

    def _forget(self) -> None:
        kinds: tuple[Disturbance, ...] = get_args(Disturbance)
        self.disturbance = kinds[int(self._rng.integers(len(kinds)))]
        self._phase = self._rng.uniform()
        self._way = self._rng.choice((-1.0, 1.0), size=len(self._arms)) / np.sqrt(max(len(self._arms) / 2, 1))
        self._step, self._pausing, self._last = -1, 0, None


@dataclass(frozen=True)
class DisturbedDemonstrations:
    """Where the disturbed expert demonstrates, in simulation."""

    task: str
    archive: Path

    def run(self, order: EpisodeOrder) -> EpisodeResult:
        env, pilot = _station(self.task)
        return run_episode(env, pilot, order, Archive(self.archive), station=SIMULATION)


@lru_cache(maxsize=1)
def _station(task: str) -> tuple[HumanoidEnv, DisturbedPilot]:
    env = make_env(task, "sim")
    return env, DisturbedPilot(ScriptedPilot(env), env)
