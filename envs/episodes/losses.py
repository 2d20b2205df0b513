"""What a recording could not keep: counted by stream, with the places where it is missing."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass, field
from typing import Any

from envs.episodes.records import Tick


@dataclass(frozen=True)
class Gap:
    """Steps that are missing from a recording."""

    after_step: int  # the last one that was kept before them; -1 where there was none
    steps: int


@dataclass(frozen=True)
class Losses:
    """What the recorder could not keep, because encoder or disk were too slow for the control loop.

    A step is kept whole or lost whole, so that every row that there is has its own image. `streams` counts the readings
    that are lost with the steps; of sound, samples.
    """

    steps: int = 0
    gaps: tuple[Gap, ...] = ()
    streams: dict[str, int] = field(default_factory=dict)
    worst_delay_s: float = 0.0  # the longest that a step waited for the encoder or the disk, in real time

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return asdict(self)

    @staticmethod
    def from_dict(fields: dict[str, Any]) -> Losses:
        """The inverse of `to_dict`. Raises KeyError or TypeError where the fields are not those of losses."""
        return Losses(**{**fields, "gaps": tuple(Gap(**gap) for gap in fields["gaps"])})


class LossTally:
    """Follows the steps that were handed over, kept or not."""

    def __init__(self) -> None:
        self._gaps: list[Gap] = []
        self._streams: Counter[str] = Counter()
        self._last_kept = -1
        self._is_open = False  # the newest step was lost
        self._touch_stamp_s = self._imu_stamp_s = -1.0
        self._heard: int | None = None  # samples of sound up to the last step that was kept
        self._newest_heard = 0
        self._lost_samples = 0

    @property
    def steps(self) -> int:
        return sum(gap.steps for gap in self._gaps)

    @property
    def open_gap(self) -> Gap | None:
        """The newest steps, where they were lost."""
        return self._gaps[-1] if self._is_open else None

    def keep(self, tick: Tick) -> None:
        """A step was kept; the window of sound that it brings reaches back over a part of the gap before it."""
        state = tick.state
        if self._is_open and self._heard is not None:
            self._lost_samples += max(state.sound_count - self._heard - len(state.sound), 0)
        self._last_kept, self._is_open, self._heard = tick.step, False, state.sound_count
        self._see(tick)

    def lose(self, tick: Tick) -> None:
        """A step was lost."""
        before = self._gaps.pop().steps if self._is_open else 0
        self._gaps.append(Gap(self._last_kept, before + 1))
        self._is_open = True
        state = tick.state
        self._streams.update(["joints", "command", *(f"camera/{camera}" for camera in state.images)])
        if state.touch_n.size and state.touch_stamp_s != self._touch_stamp_s:
            self._streams["touch"] += 1
        if state.imu.stamp_s != self._imu_stamp_s:
            self._streams["imu"] += 1
        if tick.snapshot is not None:
            self._streams["snapshot"] += 1
        if faults := len(state.faults) + len(tick.faults):
            self._streams["fault"] += faults
        self._see(tick)

    def losses(self, worst_delay_s: float) -> Losses:
        """All so far, as if there were no more steps to come."""
        behind = self._newest_heard - (self._heard or 0) if self._is_open else 0
        samples = self._lost_samples + behind
        streams = dict(self._streams) | ({"sound": samples} if samples else {})
        return Losses(self.steps, tuple(self._gaps), streams, worst_delay_s)

    def _see(self, tick: Tick) -> None:
        self._newest_heard = tick.state.sound_count
        self._touch_stamp_s, self._imu_stamp_s = tick.state.touch_stamp_s, tick.state.imu.stamp_s
