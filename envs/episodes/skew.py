"""How far the readings of one control step lie apart in time: measured at every step, kept with every episode."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from assets.robot import RobotSpec
from envs.body import NEVER_S, BodyState

# What 95 of 100 steps should keep, against the joints' stamp. At 0.5 m/s a hand moves 5 mm in 10 ms.
BUDGET_S = {"touch": 0.005, "imu": 0.005, "sound": 0.010, "image": 0.010}


@dataclass(frozen=True)
class StreamSkew:
    """The stamps of one stream less those of the joints in the same step, over an episode.

    A reading that was there already in the step before counts as repeated; one that has never come as missing, and
    nowhere else.
    """

    steps: int
    missing: int
    repeats: int
    median_s: float  # negative where the reading is older than the joints
    p95_s: float  # without its sign
    worst_s: float  # without its sign
    over_budget: float  # share of the steps whose skew is beyond the budget
    budget_s: float

    @property
    def is_within_budget(self) -> bool:
        return self.p95_s <= self.budget_s


class SkewTally:
    """Takes the states of an episode; `figures` are those so far."""

    def __init__(self, robot: RobotSpec) -> None:
        self._robot = robot
        self._skews_s: dict[str, list[float]] = {}
        self._last_s: dict[str, float] = {}
        self._repeats: dict[str, int] = {}
        self._missing: dict[str, int] = {}

    def add(self, state: BodyState) -> None:
        """Take one control step."""
        robot = self._robot
        if robot.pads:
            self._note("touch", state.touch_stamp_s, state)
        if robot.has_imu:
            self._note("imu", state.imu.stamp_s, state)
        if robot.sound_hz is not None:
            self._note("sound", state.sound_stamp_s, state)
        for camera, image in state.images.items():
            self._note(f"image/{camera}", image.stamp_s, state)

    def figures(self) -> dict[str, StreamSkew]:
        """By stream: touch, imu, sound, and image/ with the name of each camera."""
        return {name: self._of(name) for name in self._skews_s}

    def _note(self, stream: str, stamp_s: float, state: BodyState) -> None:
        skews_s = self._skews_s.setdefault(stream, [])
        if stamp_s == NEVER_S:
            self._missing[stream] = self._missing.get(stream, 0) + 1
            return
        if stamp_s == self._last_s.get(stream):
            self._repeats[stream] = self._repeats.get(stream, 0) + 1
        self._last_s[stream] = stamp_s
        skews_s.append(stamp_s - state.joints_stamp_s)

    def _of(self, stream: str) -> StreamSkew:
        budget_s = BUDGET_S[stream.partition("/")[0]]
        skews_s = np.array(self._skews_s[stream] or [0.0])
        sizes_s = np.abs(skews_s)
        missing = self._missing.get(stream, 0)
        return StreamSkew(
            steps=len(self._skews_s[stream]) + missing,
            missing=missing,
            repeats=self._repeats.get(stream, 0),
            median_s=float(np.median(skews_s)),
            p95_s=float(np.quantile(sizes_s, 0.95)),
            worst_s=float(sizes_s.max()),
            over_budget=float((sizes_s > budget_s).mean()),
            budget_s=budget_s,
        )
