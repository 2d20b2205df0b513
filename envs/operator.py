"""A person at the robot: sets the scene up by the card, marks the steps, and gives the verdict."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np

from envs.errors import ScenarioError
from envs.scenario import Scenario
from envs.snapshot import Snapshot
from envs.stage import Judgement
from envs.tasks.task import Task


@dataclass(frozen=True)
class OperatorWord:
    """What the person has said of the running episode."""

    steps_done: int = 0
    verdict: Literal["success", "failure"] | None = None
    reason: str = ""  # of a failure


class OperatorPanel(Protocol):
    """How a person is asked: keys, a pedal, a page. Its newest word counts from the last `prepare` on."""

    def prepare(self, title: str, lines: tuple[str, ...]) -> None:
        """Show what to set up, and wait until the person says that it stands there.

        Raises:
            BodyError: the person says that it cannot be set up.
        """
        ...

    def word(self) -> OperatorWord:
        """What the person has said so far. Never waits."""
        ...


class OperatorJudge:
    """Judges by the person's word alone."""

    def __init__(self, task: Task, panel: OperatorPanel) -> None:
        self._task = task
        self._panel = panel

    def assess(self) -> Judgement:
        word = self._panel.word()
        instructions = self._task.instructions
        success = word.verdict == "success"
        steps_done = len(instructions) if success else min(max(word.steps_done, 0), len(instructions))
        done = tuple(index < steps_done for index in range(len(instructions)))
        failure = f"operator: {word.reason or 'no reason was given'}" if word.verdict == "failure" else None
        waiting = next((step.name for step, is_done in zip(instructions, done, strict=True) if not is_done), "verdict")
        unmet = "" if success else failure or f"{waiting}: the operator has not marked it"
        return Judgement(done=done, success=success, failure=failure, unmet=unmet)


class PersonCrew:
    """A person sets the scene up by the card."""

    def __init__(self, task: Task, panel: OperatorPanel) -> None:
        self._task = task
        self._panel = panel

    def set_up(self, scenario: Scenario, start: Snapshot | None, rng: np.random.Generator) -> None:
        if scenario.task != self._task.name:
            raise ScenarioError(f"the scenario is of task {scenario.task!r}; this station does {self._task.name!r}")
        self._panel.prepare(self._task.title, card_lines(self._task, scenario, start))


def card_lines(task: Task, scenario: Scenario, start: Snapshot | None) -> tuple[str, ...]:
    """What a person does to set a scenario up, one line a factor, as exactly as a person can."""
    told = [factor for factor in task.space.factors if factor.set_up_en]
    lines = tuple(factor.set_up(scenario.values[factor.name])[0] for factor in told)
    if start is None:
        return lines
    episode = "the episode to be mended" if start.episode is None else f"episode {start.episode}, which is to be mended"
    return (
        *lines,
        f"Then bring the objects to where they were at step {start.step} of {episode}.",
        "The robot starts from home, not from where it stood then: lead it there first.",
    )
