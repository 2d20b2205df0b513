"""What the environment remembers of the episode that runs, and what it tells of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from envs.body import BodyState, Fault
from envs.clock import ClockReport
from envs.safety import SafetyCounters
from envs.scenario import Scenario
from envs.stage import Judgement
from envs.stop import Stop

FloatArray = NDArray[np.float64]
Restart = Literal["exact", "staged"]


@dataclass
class RunningEpisode:
    """One episode. `step` counts control steps from the scene's beginning, also where the episode began later."""

    scenario: Scenario
    restart: Restart | None
    state: BodyState
    judgement: Judgement
    wish_rad: FloatArray  # (joints,)
    sent_rad: FloatArray  # (joints,)
    first_step: int
    step: int
    faults: tuple[Fault, ...] = ()
    error: Exception | None = None
    is_over: bool = False

    @property
    def periods(self) -> int:
        """Control periods since this episode began."""
        return self.step - self.first_step

    def info(
        self, clipped: tuple[str, ...], counters: SafetyCounters, clock: ClockReport, stop: Stop | None
    ) -> dict[str, Any]:
        """The `info` of a step, in fresh arrays; `HumanoidEnv` says what it holds."""
        return {
            "state": self.state,
            "stamp_s": self.state.joints_stamp_s,
            "step": self.step,
            "scenario": self.scenario,
            "restart": self.restart,
            "judgement": self.judgement,
            "instruction": self.judgement.current,
            "wish_rad": self.wish_rad.copy(),
            "sent_rad": self.sent_rad.copy(),
            "clipped": clipped,
            "faults": self.faults,
            "safety": vars(counters).copy(),
            "clock": clock,
            "stop": stop,
            "error": self.error,
        }
