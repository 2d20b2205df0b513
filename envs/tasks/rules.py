"""How a task lives in the simulator."""

from __future__ import annotations

from typing import Any, Protocol

from envs.scenario import Scenario
from envs.simulation import Simulation
from envs.stage import Judgement


class SceneRules(Protocol):
    """What physics does not know of a task: how a scenario is staged, what breaks, what counts as done."""

    def stage(self, simulation: Simulation, scenario: Scenario) -> None:
        """Edit model and data so that the scenario stands there, nothing moving."""
        ...

    def after_physics(self, simulation: Simulation) -> None:
        """Called after each physics step: break stems, remember peaks."""
        ...

    def assess(self, simulation: Simulation) -> Judgement: ...

    def memory(self) -> dict[str, Any]:
        """All that must be known beside the physics to go on from here, as JSON values."""
        ...

    def restore(self, memory: dict[str, Any]) -> None: ...

    @property
    def noise_level_db(self) -> float: ...

    @property
    def impact(self) -> float:
        """How hard contacts set in since this was last asked for, 0 to 1: what can be heard of them."""
        ...
