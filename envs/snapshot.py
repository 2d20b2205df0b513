"""A snapshot restarts an episode in its middle, bit for bit."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from envs.errors import ScenarioError
from envs.scenario import Scenario


@dataclass(frozen=True)
class Snapshot:
    """Everything that an episode in simulation needs to go on from here.

    `model_digest` is that of the compiled model and, behind a dash, of the exemplar (see `assets.reality_gap`).
    `physics` is MuJoCo's integration state, `equality` the constraint rows that tasks change, `memory` what
    task, senses, safety and generators remember, by owner, as JSON values. `episode` is the id of the episode it was
    taken from, where whoever took it out of an archive says so.
    """

    scenario: Scenario
    model_digest: str
    step: int
    physics: NDArray[np.float64]  # (mj_stateSize(mjSTATE_INTEGRATION),)
    equality: NDArray[np.float64]  # (equalities, 1 + mjNEQDATA)
    memory: dict[str, Any]
    episode: str | None = None

    def to_bytes(self) -> bytes:
        """One line of JSON that describes, then the two arrays as little-endian doubles."""
        head = {
            "scenario": self.scenario.to_dict(),
            "model_digest": self.model_digest,
            "step": self.step,
            "physics": self.physics.size,
            "equality": list(self.equality.shape),
            "memory": self.memory,
        }
        if self.episode is not None:
            head["episode"] = self.episode
        arrays = self.physics.astype("<f8").tobytes() + self.equality.astype("<f8").tobytes()
        return json.dumps(head, separators=(",", ":")).encode() + b"\n" + arrays

    @staticmethod
    def from_bytes(data: bytes) -> Snapshot:
        """The inverse of `to_bytes`.

        Raises:
            ScenarioError: the bytes are not a snapshot.
        """
        line, newline, arrays = data.partition(b"\n")
        try:
            head = json.loads(line)
            values = np.frombuffer(arrays, dtype="<f8").astype(np.float64)
            rows, columns = head["equality"]
            if not newline or values.size != head["physics"] + rows * columns:
                raise ValueError(f"{values.size} numbers behind the head")
            return Snapshot(
                scenario=Scenario.from_dict(head["scenario"]),
                model_digest=head["model_digest"],
                step=head["step"],
                physics=values[: head["physics"]],
                equality=values[head["physics"] :].reshape(rows, columns),
                memory=head["memory"],
                episode=head.get("episode"),
            )
        except (ValueError, KeyError, TypeError) as error:
            raise ScenarioError(f"these {len(data)} bytes are not a snapshot: {error}") from error


@contextmanager
def recalling(owner: str) -> Iterator[None]:
    """Around whatever goes on from a snapshot's memory, which may be of an older version.

    Raises:
        ScenarioError: what `owner` remembers is not in it, or not in the shape that it has now.
    """
    try:
        yield
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise ScenarioError(f"the snapshot lacks what {owner} remembers: {error!r}; take another") from error
