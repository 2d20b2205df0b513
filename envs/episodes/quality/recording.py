"""What is looked at when an episode is judged: how the joints moved and what was sent, whatever it was recorded by."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from assets.robot import RobotSpec
from envs.body import FloatArray
from envs.episodes.reading import Episode
from envs.episodes.records import EpisodeHeader, Instruction, Tick
from envs.scenario import Scenario


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
    setting: Mapping[str, float] = field(
        default_factory=dict
    )  # the numeric factors of the scenario, where they are known

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
        setting=setting_of(episode.sheet.header.scenario),
    )


def setting_of(scenario: Scenario) -> dict[str, float]:
    """The numeric factors of a scenario."""
    return {name: float(value) for name, value in scenario.values.items() if not isinstance(value, str)}


class RecordingTally:
    """Collects a recording while the episode runs, so that its judgement need not wait for the disk; no images."""

    def __init__(self, header: EpisodeHeader) -> None:
        self._robot = header.robot
        self._instructions = header.instructions
        self._setting = setting_of(header.scenario)
        self._rows: list[tuple[float, FloatArray, FloatArray, FloatArray, int]] = []

    def add(self, tick: Tick) -> None:
        """Take one control step. Its arrays must not change afterwards."""
        state = tick.state
        touch_n = state.touch_n.sum(axis=(1, 2)) if len(self._robot.pads) else np.zeros(0)
        self._rows.append((state.joints_stamp_s, state.position_rad, tick.sent_rad, touch_n, tick.instruction))

    def recording(self) -> Recording:
        """Of the steps so far."""
        robot, count = self._robot, len(self._rows)
        joints = (count, len(robot.joints))
        return Recording(
            robot=robot,
            instructions=self._instructions,
            stamp_s=np.array([row[0] for row in self._rows]),
            position_rad=np.array([row[1] for row in self._rows]).reshape(joints),
            sent_rad=np.array([row[2] for row in self._rows]).reshape(joints),
            touch_n=np.array([row[3] for row in self._rows]).reshape(count, len(robot.pads)),
            instruction=np.array([row[4] for row in self._rows], dtype=np.int64),
            setting=self._setting,
        )
