"""How a task lives in the simulator."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

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


# Whether it holds; and what says that it does not, with value and limit, and of what. Dozens are made at every control
# step and one or two of them told, so words are made only then.
Clause = tuple[bool, Callable[..., str], tuple[Any, ...]]

_PLACE = re.compile(r"\{:z?\.(\d)f\}")  # of the value in its words
_MOST_DECIMALS = 6


def below(value: float, limit: float, words: str) -> Clause:
    """A value that must stay below a limit; `words` tell it, as a format such as "{:.0f} mm"."""
    return value < limit, told, (words, value, "below", limit)


def above(value: float, limit: float, words: str) -> Clause:
    """A value that must exceed a limit; `words` tell it, as a format."""
    return value > limit, told, (words, value, "above", limit)


def at_most(value: float, limit: float, words: str) -> Clause:
    """A value that must not exceed a limit; `words` tell it, as a format."""
    return value <= limit, told, (words, value, "at most", limit)


def told(words: str, value: float, relation: str, limit: float) -> str:
    """A value in its words, and what it is to its limit; {:.1f} in the words, or {:z.1f}, is where it stands.

    Raises:
        ValueError: it stands nowhere in these words.
    """
    read, places = _PLACE.subn(lambda place: reading(value, limit, int(place[1])), words)
    if not places:
        raise ValueError(f"{words!r} has no place for the value; write one such as {{:.1f}}")
    return f"{read} ({relation} {limit:g})"


def reading(value: float, limit: float, decimals: int) -> str:
    """A value with so many decimals, or with as many more as it takes to read on which side of its limit it lies."""
    while decimals < _MOST_DECIMALS:
        rounded = round(value, decimals)
        if (rounded > limit) is (value > limit) and (rounded < limit) is (value < limit):
            break
        decimals += 1
    return f"{value:z.{decimals}f}"


def check(step: str, *clauses: Clause, instead: bool = False) -> Clause:
    """A step: done if all its clauses hold, or if something else does instead.

    What is said if it is not done names the step, and only the clauses that do not hold.
    """
    if not instead:
        for clause in clauses:
            if not clause[0]:
                return False, _unmet, (step, clauses)
    return True, _unmet, (step, clauses)


def judge(checks: Sequence[Clause], failure: str | None) -> Judgement:
    """Success if all checks hold and there is no failure.

    Args:
        checks: one an instruction step: see `check`. One at most is told.
        failure: what can no longer be mended.
    """
    done = tuple([check[0] for check in checks])
    unmet = failure or next((say(*of) for is_done, say, of in checks if not is_done), "")
    return Judgement(done=done, success=failure is None and all(done), failure=failure, unmet=unmet)


def tilt_deg(rotation: NDArray[np.float64]) -> float:
    """Angle between a body's z and the vertical; `rotation` is the body's in the world, (9,)."""
    return math.degrees(math.acos(min(max(rotation.item(8), -1.0), 1.0)))


def _unmet(step: str, clauses: Sequence[Clause]) -> str:
    return f"{step}: " + ", ".join([say(*of) for holds, say, of in clauses if not holds])
