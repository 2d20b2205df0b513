"""What an episode is made of: a header before, a tick a control step, an outcome after."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from assets.robot import RobotSpec
from envs.body import BodyState, Fault
from envs.scenario import Pool, Scenario
from envs.snapshot import Snapshot

FloatArray = NDArray[np.float64]
STOPPED = "stopped"  # signature of an episode that the body or a person stopped
Commander = Literal["pilot", "policy", "nobody"]
BodyKind = Literal["sim", "fast-twin", "serial"]  # simulated; the twin's world at that pace; over cables
Purpose = Literal["nominal", "uniform", "targeted", "recovery", "rollout"]


@dataclass(frozen=True)
class Instruction:
    """One step of a task, as a trainer is told to do it.

    `is_wait` declares that something has to be waited for in this step, so that standing still in it is no pause.
    """

    name: str
    english: str
    chinese: str
    is_wait: bool = False


@dataclass(frozen=True)
class EpisodeHeader:
    """All that is known before the first tick."""

    task: str
    scenario: Scenario
    pool: Pool  # of the scenario; a recovery demonstration inherits that of its rollout
    body: BodyKind
    robot: RobotSpec
    instructions: tuple[Instruction, ...]
    purpose: Purpose
    operator: str
    station: str
    seed: int
    policy: str | None = None  # checkpoint identity, where a policy commands
    request: str | None = None  # the request that this episode answers
    parent: str | None = None  # the episode whose snapshot this one starts from
    # `restart`: see `HumanoidEnv`; "staged" began from home. `calibration`: digests by "robot" and "exoskeleton".
    extra: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Tick:
    """One control step: what was sensed, what was wished, what was really sent in answer.

    `faults` are those found in the state by whoever examined it; those that the state reports itself stand in it.
    """

    step: int
    state: BodyState
    sent_rad: FloatArray  # (joints,)
    in_command: Commander
    instruction: int  # index of the instruction step being worked on
    pilot_rad: FloatArray | None = None  # (joints,)
    policy_rad: FloatArray | None = None  # (joints,)
    doubt: float | None = None
    snapshot: Snapshot | None = None
    faults: tuple[Fault, ...] = ()


@dataclass(frozen=True)
class Wishes:
    """Who wished what in one step, where policy and pilot share the command. None stands for no wish."""

    in_command: Commander
    pilot_rad: FloatArray | None  # (joints,)
    policy_rad: FloatArray | None  # (joints,)
    notes: tuple[Fault, ...] = ()  # what happened between the two: each phase, each take-over that was refused


@dataclass(frozen=True)
class LastFaults:
    """What was found after the last tick, such as the fault that ended the episode; recorded with that tick."""

    faults: tuple[Fault, ...]
    stamp_s: float


@dataclass(frozen=True)
class InstructionMark:
    """When an instruction step was worked on, and whether its own success test passed."""

    name: str
    start_s: float
    end_s: float
    done: bool


@dataclass(frozen=True)
class Outcome:
    """How an episode ended. `reason` names the first unmet predicate or the stop; it is empty on success."""

    success: bool
    reason: str
    marks: tuple[InstructionMark, ...]
    accepted: bool
    verdict_reason: str = ""
    alarm_step: int | None = None
