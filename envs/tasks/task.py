"""What a task is, apart from how it is simulated."""

from __future__ import annotations

from dataclasses import dataclass

from envs.episodes.records import Instruction
from envs.scenario import ScenarioSpace


@dataclass(frozen=True)
class Task:
    """A task: its factors, the steps a trainer is told, and how long an episode may take.

    `scene` names the MJCF under `assets/scenes`. `recovery_lead_s` is how long before an alarm somebody has to take
    over to make it good four times of five, as measured with the expert (docs/architecture.md, Cases).
    """

    name: str
    title: str
    space: ScenarioSpace
    instructions: tuple[Instruction, ...]
    duration_s: float
    scene: str
    recovery_lead_s: float = 0.5
