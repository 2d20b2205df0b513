"""The expert as somebody who holds everything too hard: what that does to force and fingers, physics decides."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from envs.episodes.archive import Archive
from envs.episodes.session import EpisodeOrder, EpisodeResult, run_episode
from envs.humanoid import HumanoidEnv
from envs.pilots.scripted import ScriptedPilot
from envs.registry import make_env
from experiments.stations import SIMULATION

HELD_BY_FORCE = ("pick_fruit", "brew_coffee", "wash_dishes")  # tasks; the towel's expert closes its fingers altogether


@dataclass(frozen=True)
class HardGripDemonstrations:
    """Where the expert demonstrates in simulation, without images, and holds so many times as hard as it should."""

    task: str
    archive: Path
    hold: float

    def run(self, order: EpisodeOrder) -> EpisodeResult:
        env, pilot = _station(self.task, self.hold)
        return run_episode(env, pilot, order, Archive(self.archive), station=SIMULATION)


@lru_cache(maxsize=1)
def _station(task: str, hold: float) -> tuple[HumanoidEnv, ScriptedPilot]:
    env = make_env(task, "sim", images=False)
    return env, ScriptedPilot(env, hold)
