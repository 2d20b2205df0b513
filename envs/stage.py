"""Who says whether it was done, and who sets the scene up: the simulator, the twin, or a person."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np

from envs.body import Body
from envs.scenario import Scenario
from envs.snapshot import Snapshot


@dataclass(frozen=True)
class Judgement:
    """How far the task is.

    `done` says of each instruction step whether its success test holds or has held. `failure` names what can no longer
    be mended (a bruise, an unripe fruit fallen) and ends the episode. `unmet` says what does not hold and by how much,
    in the first step that is not done; or in a later one that an earlier one was left for: whoever put the sponge down
    on a plate that is dirty yet hears of the stains. It is empty on success.
    """

    done: tuple[bool, ...]  # one an instruction step
    success: bool
    failure: str | None
    unmet: str

    @property
    def steps_done(self) -> int:
        """How many instruction steps are done, counted from the first one up to the first that is not."""
        return next((index for index, done in enumerate(self.done) if not done), len(self.done))

    @property
    def current(self) -> int:
        """Index of the first instruction step that is not done; the last one, once all are."""
        return min(self.steps_done, len(self.done) - 1)


class Judge(Protocol):
    """Says whether it was done. Never reads a `BodyState`."""

    def assess(self) -> Judgement: ...


class StageCrew(Protocol):
    """Sets the scene up before `Body.reset`, which ends in the first reading of it."""

    def set_up(self, scenario: Scenario, start: Snapshot | None, rng: np.random.Generator) -> None:
        """Stage a scenario, or the middle of an episode.

        Raises:
            ScenarioError: the scenario or snapshot belongs to another task or model.
            BodyError: the scene cannot be set up.
        """
        ...


@runtime_checkable
class Restartable(Body, Protocol):
    """A body that can be frozen into a snapshot. Simulation can; reality cannot."""

    def snapshot(self, step: int, memory: dict[str, object]) -> Snapshot:
        """Freeze body and scene. `memory` is what the caller wants to find again in `Snapshot.memory["env"]`."""
        ...


@runtime_checkable
class StandIn(Body, Protocol):
    """A body that may stand for the real one."""

    @property
    def is_twin(self) -> bool:
        """Whether it differs from the simulation as `assets.reality_gap` says."""
        ...


@runtime_checkable
class Homing(Body, Protocol):
    """A body that has to move before an episode can begin. Reality has; simulation is set to where it begins."""

    def forget_stop(self) -> None:
        """Forget the stop that ended the last episode. One that comes later keeps `reset` from moving anything."""
        ...

    def come_home(self) -> None:
        """Take hold of every joint where it stands, and move home. Everything that `reset` raises is raised here too.

        `reset` does the same once more, which is no way at all for a body that has stayed at home.
        """
        ...


@runtime_checkable
class Calibrated(Protocol):
    """What has been calibrated: a body on cables, or what leads it. Every episode carries the digests."""

    @property
    def calibration_digests(self) -> Mapping[str, str]:
        """Digest by what was calibrated ("robot", "exoskeleton"); empty where the table is trusted."""
        ...


@runtime_checkable
class KeepsEvidence(Protocol):
    """A body whose physics may break down, and that keeps what is needed to see it happen again."""

    def keep_evidence_in(self, folder: Path) -> None:
        """Where to write it in the episode that has begun; it is made when there is something to write."""
        ...


@dataclass(frozen=True)
class Station:
    """One place where a robot works: its body, who says whether it was done, who sets the scene up.

    `comes_home_first` lets a `Homing` body come home before the crew is asked: nobody shall step in front of a robot
    that has yet to move, and no robot shall move through a scene that stands. Readings may be `overdue_s` older there
    than the robot's table allows.
    """

    body: Body
    judge: Judge
    crew: StageCrew
    comes_home_first: bool = False
    overdue_s: float = 0.0
