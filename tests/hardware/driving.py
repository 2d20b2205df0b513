"""Joints that go wherever their servos are told to, period by period, as a real robot's do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hardware.servos import ChainState, ServoChain
from hardware.virtual_robot import VirtualRobot

PERIOD_S = 0.04


def drive(
    chain: ServoChain, goals_rad: NDArray[np.float64], clock: Any, obey: Callable[[], None], periods: int = 100
) -> ChainState:
    """Command the goals until the joints are there; `obey` moves them to what their servos want."""
    for _ in range(periods):
        clock.now_s += PERIOD_S
        chain.write_goals(goals_rad)
        state = chain.read()
        obey()
    assert not state.missing
    return state


def obey(twin: VirtualRobot) -> Callable[[], None]:
    nothing = np.zeros(len(twin.goals.position_rad))
    return lambda: twin.sense(twin.goals.position_rad, nothing, nothing)
