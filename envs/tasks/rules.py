"""How a task lives in the simulator."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from envs.scenario import Scenario
from envs.simulation import Simulation
from envs.stage import Judgement


class SceneRules(Protocol):
    """What physics does not know of a task: how a scenario is staged, what breaks, what counts as done.

    Light, surfaces, cameras and background noise are not its business: see `envs.tasks.surroundings`.
    """

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

    def restore(self, memory: dict[str, Any]) -> None:
        """Go on from what `memory` returned; what can be seen of it is shown."""
        ...

    @property
    def voices(self) -> Mapping[str, float]:
        """The machines that sound now, by the name of the voice; amplitude as a share of full scale."""
        ...


def judge(checks: Sequence[tuple[bool, Callable[[], str]]], failure: str | None) -> Judgement:
    """Success if all checks hold and there is no failure.

    Args:
        checks: one an instruction step: whether it is done, and what to say if it is not. Of all those words, which
            take more time than the checks, one check's are wanted at most.
        failure: what can no longer be mended.
    """
    done = tuple([is_done for is_done, _ in checks])
    unmet = failure or next((say() for is_done, say in checks if not is_done), "")
    return Judgement(done=done, success=failure is None and all(done), failure=failure, unmet=unmet)
