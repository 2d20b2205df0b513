"""A cloned policy as a pilot: it plans from the environment's observation, and remembers how sure it was."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from envs.body import JointTarget
from envs.humanoid import HumanoidEnv
from envs.scenario import Scenario
from policies.cases.doubt import DoubtBand, DoubtMonitor
from policies.cases.rollout import Decisions
from policies.cloning import ClonedPolicy
from policies.dataset.features import GOAL, SenseFeatures


class PolicyPilot:
    """Flies an environment by a cloned policy, asking for images only when it is about to plan.

    Args:
        env: what it flies.
        policy: what it flies by.
        band: raises an alarm where the doubt leaves it; None never does.
    """

    def __init__(self, env: HumanoidEnv, policy: ClonedPolicy, band: DoubtBand | None = None) -> None:
        self._env = env
        self._policy = policy
        self._features = SenseFeatures(env.robot)
        self._band = band
        self._monitor = DoubtMonitor(band) if band is not None else None
        self._alarm_step: int | None = None
        self._forget()

    def reset(self, scenario: Scenario, rng: np.random.Generator) -> None:
        self._policy.reset()
        if self._monitor is not None:
            self._monitor.reset()
        self._forget()

    def command(self, observation: Mapping[str, NDArray[Any]], info: Mapping[str, Any]) -> JointTarget:
        is_planning = self._policy.needs_images()
        features = self._features.of_observation(observation) | {GOAL: info["sent_rad"]} if is_planning else {}
        target = self._policy.act(features)
        if is_planning:
            self._remember(int(info["step"]))
        if self._policy.needs_images():
            self._env.want_images()
        return JointTarget(np.clip(target, self._env.robot.lower, self._env.robot.upper))

    @property
    def doubt(self) -> float | None:
        return self._doubt[-1] if self._doubt else None

    @property
    def alarm_step(self) -> int | None:
        """The control step of the first alarm, if there was one."""
        return self._alarm_step

    def decisions(self) -> Decisions:
        """Every plan of this episode."""
        return Decisions.of(self._steps, self._doubt, self._inconsistency)

    def _remember(self, step: int) -> None:
        plan = self._policy.plan_now
        if plan is None:
            return
        self._steps.append(step)
        self._doubt.append(plan.doubt)
        self._inconsistency.append(plan.inconsistency)
        if self._band is not None and self._monitor is not None and self._alarm_step is None:
            signal = plan.doubt if self._band.signal == "doubt" else plan.inconsistency
            if self._monitor.observe(signal):
                self._alarm_step = step

    def _forget(self) -> None:
        self._steps: list[int] = []
        self._doubt: list[float] = []
        self._inconsistency: list[float] = []
        self._alarm_step = None
