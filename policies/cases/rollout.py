"""What the case finder knows of one rollout: where it was, how it ended, and what the policy doubted on the way."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from envs.episodes.records import STOPPED, BodyKind
from envs.scenario import Pool, Scenario

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
Signal = Literal["doubt", "inconsistency"]


@dataclass(frozen=True, eq=False)
class Decisions:
    """What was known each time the policy planned a new action chunk. All arrays have one entry a decision.

    `doubt` is the disagreement of the policy's heads, `inconsistency` how far a new chunk departs from the overlap
    with the one before.
    """

    step: IntArray  # (decisions,) control step
    doubt: FloatArray  # (decisions,)
    inconsistency: FloatArray  # (decisions,)

    @staticmethod
    def of(step: ArrayLike, doubt: ArrayLike, inconsistency: ArrayLike) -> Decisions:
        """Decisions from any sequences.

        Raises:
            ValueError: the sequences differ in length.
        """
        decisions = Decisions(
            step=np.asarray(step, dtype=np.int64),
            doubt=np.asarray(doubt, dtype=np.float64),
            inconsistency=np.asarray(inconsistency, dtype=np.float64),
        )
        shapes = [signal.shape for signal in (decisions.doubt, decisions.inconsistency)]
        if any(shape != decisions.step.shape for shape in shapes):
            raise ValueError(f"{decisions.step.shape} decisions, but signals of shapes {shapes}; give one value each")
        return decisions

    def signal(self, name: Signal) -> FloatArray:  # (decisions,)
        """One signal by name."""
        return self.doubt if name == "doubt" else self.inconsistency

    def __len__(self) -> int:
        return int(self.step.size)

    def to_dict(self) -> dict[str, Any]:
        return {
            "step": self.step.tolist(),
            "doubt": self.doubt.tolist(),
            "inconsistency": self.inconsistency.tolist(),
        }


@dataclass(frozen=True, eq=False)
class Rollout:
    """One attempt of a policy at one scenario.

    `signature` says how it failed: the instruction step that was not done, or what cannot be mended ("bruised",
    "timeout:grasp"); it is empty on success. `steps` is the control step at which it ended, so a failure happened
    then. `alarm_step` is where the doubt left its band. `snapshot_steps` are the steps from which the episode can be
    restarted; a real body has none. `steps_done` is how many instruction steps were done from the first one
    on, where it had come furthest; None in files from before it was kept. `first_step` is where it began: not 0 where
    the body went on from a snapshot.
    """

    scenario: Scenario
    pool: Pool
    success: bool
    signature: str
    episode_id: str
    seed: int
    steps: int
    decisions: Decisions
    alarm_step: int | None = None
    snapshot_steps: tuple[int, ...] = ()
    body: BodyKind = "sim"
    steps_done: int | None = None
    first_step: int = 0

    @property
    def key(self) -> str:
        """Names the scenario; two rollouts with one key are a pair."""
        return self.scenario.key

    @property
    def was_stopped(self) -> bool:
        """Whether a stop ended it (a stale sense, a servo, a person): no success, and not the policy's failure."""
        return self.signature == STOPPED

    def to_dict(self) -> dict[str, Any]:
        """The rollout as plain JSON values."""
        return {
            "scenario": self.scenario.to_dict(),
            "key": self.key,
            "pool": str(self.pool),
            "success": self.success,
            "signature": self.signature,
            "episode_id": self.episode_id,
            "seed": self.seed,
            "steps": self.steps,
            "decisions": self.decisions.to_dict(),
            "alarm_step": self.alarm_step,
            "snapshot_steps": list(self.snapshot_steps),
            "body": self.body,
            "steps_done": self.steps_done,
            "first_step": self.first_step,
        }

    @staticmethod
    def from_dict(fields: Mapping[str, Any]) -> Rollout:
        """The inverse of `to_dict`."""
        return Rollout(
            scenario=Scenario.from_dict(fields["scenario"]),
            pool=Pool(fields["pool"]),
            success=fields["success"],
            signature=fields["signature"],
            episode_id=fields["episode_id"],
            seed=fields["seed"],
            steps=fields["steps"],
            decisions=Decisions.of(*(fields["decisions"][name] for name in ("step", "doubt", "inconsistency"))),
            alarm_step=fields["alarm_step"],
            snapshot_steps=tuple(fields["snapshot_steps"]),
            body=fields["body"],
            steps_done=fields.get("steps_done"),
            first_step=fields.get("first_step", 0),
        )


def troubled(rollouts: Iterable[Rollout]) -> list[Rollout]:
    """Those that failed, and those in which the policy's doubt alarmed."""
    return [rollout for rollout in rollouts if not rollout.success or rollout.alarm_step is not None]


def unstopped(rollouts: Iterable[Rollout]) -> list[Rollout]:
    """Those that ran to their own end; only they say anything of the policy."""
    return [rollout for rollout in rollouts if not rollout.was_stopped]


def failures(rollouts: Iterable[Rollout]) -> list[Rollout]:
    return [rollout for rollout in rollouts if not rollout.success]


def successes(rollouts: Iterable[Rollout]) -> list[Rollout]:
    return [rollout for rollout in rollouts if rollout.success]
