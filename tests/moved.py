"""Made-up recordings of a hand that reaches, step by step, on the small robot."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from assets.robot import JointSpec, PadSpec, RobotSpec
from envs.episodes.quality.recording import Recording
from envs.episodes.records import Instruction

HZ = 25.0
STEPS = (
    Instruction("reach", "Reach.", "伸手。"),
    Instruction("wait", "Wait for the beep.", "等待提示音。", is_wait=True),
    Instruction("carry", "Carry.", "搬运。"),
)
ARM = RobotSpec(
    name="one-arm",
    control_hz=HZ,
    joints=tuple(
        JointSpec(name, group, -3.0, 3.0, 0.0, 5.0, 50.0, 5.0)
        for name, group in (("shoulder", "right_arm"), ("elbow", "right_arm"), ("thumb", "right_hand"))
    ),
    pads=(PadSpec("right_thumb", 4, 4, 10.0),),
)


def reach(duration_s: float, rate_hz: float = HZ) -> NDArray[np.float64]:
    """Share of the way, with minimum jerk."""
    s = np.arange(0.0, duration_s, 1.0 / rate_hz) / duration_s
    return s**3 * (10.0 + s * (6.0 * s - 15.0))


def recording_of_parts(*parts: NDArray[np.float64], steps: tuple[int, ...] | None = None, seed: int = 0) -> Recording:
    """Parts of the elbow's way, each one step; the shoulder goes half as far. With the noise of an encoder."""
    rng = np.random.default_rng(seed)
    labels = np.concatenate([np.full(len(part), number) for number, part in enumerate(parts)])
    way = np.concatenate(parts)
    position = np.column_stack([0.5 * way, way, np.zeros_like(way)])
    measured = position + 2e-4 * rng.normal(size=position.shape)
    order = np.array(steps if steps is not None else range(len(parts)))
    return Recording(
        robot=ARM,
        instructions=STEPS,
        stamp_s=1.0 + np.arange(len(way)) / HZ,
        position_rad=measured,
        sent_rad=position,
        touch_n=np.where(labels == 2, 4.0, 0.0)[:, None] + 0.02 * rng.normal(size=(len(way), 1)),
        instruction=order[labels],
    )


def good_episode(seed: int) -> Recording:
    """Reach, wait, carry back, at a pace and over a distance of its own."""
    rng = np.random.default_rng(seed)
    far, pace = rng.uniform(0.8, 1.2), rng.uniform(0.9, 1.2)
    there = far * reach(1.6 * pace)
    wait = np.full(25, there[-1])
    back = there[-1] - 0.7 * far * reach(1.4 * pace)
    return recording_of_parts(there, wait, back, seed=seed)


def with_pause(recording: Recording, tick: int, ticks: int) -> Recording:
    """As it was, but standing still for some ticks from one on; the episode becomes longer."""
    rows = np.r_[np.arange(tick), np.full(ticks, tick), np.arange(tick, recording.ticks)]
    return replace(
        recording,
        stamp_s=recording.stamp_s[0] + np.arange(len(rows)) / HZ,
        position_rad=recording.position_rad[rows],
        sent_rad=recording.sent_rad[rows],
        touch_n=recording.touch_n[rows],
        instruction=recording.instruction[rows],
    )
