"""What is looked at when an episode is judged: how the joints moved and what was sent, whatever it was recorded by."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from assets.robot import RobotSpec
from envs.body import FloatArray
from envs.episodes.reading import Episode
from envs.episodes.records import EpisodeHeader, Instruction, Tick


@dataclass(frozen=True)
class Recording:
    """The numbers of one episode, row t being those of tick t."""

    robot: RobotSpec
    instructions: tuple[Instruction, ...]
    stamp_s: FloatArray  # (ticks,) of the joints
    position_rad: FloatArray  # (ticks, joints) measured
    sent_rad: FloatArray  # (ticks, joints)
    touch_n: FloatArray  # (ticks, pads) summed over each pad; no pads, no numbers
    instruction: NDArray[np.int64]  # (ticks,)

    @property
    def ticks(self) -> int:
        return len(self.stamp_s)

    @property
    def duration_s(self) -> float:
        return float(self.stamp_s[-1] - self.stamp_s[0]) if self.ticks else 0.0

    def pads_of(self, side: str) -> NDArray[np.intp]:
        """The pads of one hand."""
        return np.array([i for i, pad in enumerate(self.robot.pads) if pad.name.startswith(side)], dtype=np.intp)


def recording_of(episode: Episode) -> Recording:
    """Of an episode that was read back."""
    return Recording(
        robot=episode.sheet.header.robot,
        instructions=episode.sheet.header.instructions,
        stamp_s=episode.stamp_s,
        position_rad=episode.position_rad,
        sent_rad=episode.sent_rad,
        touch_n=episode.touch_n.sum(axis=(2, 3)),
        instruction=episode.instruction,
    )


class RecordingTally:
    """Collects a recording while the episode runs, so that its judgement need not wait for the disk."""

    def __init__(self, header: EpisodeHeader) -> None:
        self._header = header
        self._ticks: list[Tick] = []

    def add(self, tick: Tick) -> None:
        """Take one control step. Its arrays must not change afterwards."""
        self._ticks.append(tick)

    def recording(self) -> Recording:
        """Of the steps so far."""
        robot, states = self._header.robot, [tick.state for tick in self._ticks]
        count, joints, pads = len(states), len(robot.joints), len(robot.pads)
        return Recording(
            robot=robot,
            instructions=self._header.instructions,
            stamp_s=np.array([state.joints_stamp_s for state in states]),
            position_rad=np.array([state.position_rad for state in states]).reshape(count, joints),
            sent_rad=np.array([tick.sent_rad for tick in self._ticks]).reshape(count, joints),
            touch_n=np.array([state.touch_n.sum(axis=(1, 2)) for state in states]).reshape(count, pads),
            instruction=np.array([tick.instruction for tick in self._ticks], dtype=np.int64),
        )
