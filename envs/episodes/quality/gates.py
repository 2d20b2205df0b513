"""Hard gates: what makes an episode useless, however smooth it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from envs.episodes.quality.order import SWAPPED
from envs.episodes.quality.recording import Recording
from envs.episodes.quality.steps import worked_out_of_order
from envs.episodes.quality.tracking import late_share
from envs.episodes.skew import StreamSkew

BEYOND_LIMIT_RAD = 0.05
MOST_LATE = 0.05  # share of the steps
HOLE = 3.5  # control periods: two readings that are missing in a row are late, three are a hole
SKEW_BUDGETS = 5.0  # a stream whose skew is beyond so many budgets shows another moment than the joints
MOST_MISSING = 0.05  # share of the steps in which a sense has not come yet


@dataclass(frozen=True)
class Gate:
    """A gate that is not passed: why, and what to do, in both languages."""

    name: str
    english: str
    chinese: str


def closed_gates(
    recording: Recording,
    skew: Mapping[str, StreamSkew],
    failure: str,
    exchanged: tuple[float, tuple[str, str] | None],
    lost_steps: int = 0,
) -> tuple[Gate, ...]:
    """The gates that an episode does not pass, the gravest first.

    Args:
        skew: of the episode's streams.
        failure: why the task was not done; empty where it was.
        exchanged: see `exchanged_steps`.
        lost_steps: that the recorder could not keep.
    """
    found = []
    if failure:
        found.append(
            Gate(
                "task", f"The task was not done ({failure}): do it once more.", f"任务没有完成({failure}):请重做一遍。"
            )
        )
    found += _order(recording, exchanged)
    found += _limits(recording)
    if lost_steps:
        found.append(
            Gate(
                "lost_steps",
                f"{lost_steps} steps were lost while recording: check the computer's load and its disk, and repeat it.",
                f"录制时丢失了 {lost_steps} 步:请检查电脑负载和磁盘,并重做一遍。",
            )
        )
    found += _timing(recording, skew)
    return tuple(found)


def _order(recording: Recording, exchanged: tuple[float, tuple[str, str] | None]) -> list[Gate]:
    names = [step.name for step in recording.instructions]
    early = worked_out_of_order(recording.instruction)
    pair = (names[early[0]], names[early[1]]) if early is not None else None
    if pair is None and exchanged[0] >= SWAPPED:
        pair = exchanged[1]
    if pair is None:
        return []
    first, second = sorted(pair, key=names.index)
    one, other = names.index(first) + 1, names.index(second) + 1
    return [
        Gate(
            "order",
            f"Steps {first!r} and {second!r} were done in the wrong order: do {first!r} first.",
            f"第 {one} 步和第 {other} 步的顺序反了:请先做第 {one} 步。",
        )
    ]


def _limits(recording: Recording) -> list[Gate]:
    robot = recording.robot
    if not recording.ticks:
        return []
    if not np.isfinite(recording.position_rad).all():
        joint = int((~np.isfinite(recording.position_rad)).any(axis=0).argmax())
        name = robot.joint_names[joint]
        return [
            Gate(
                "limits",
                f"Joint {name} has readings that are no number: have its encoder and cable checked, and repeat it.",
                f"关节 {name} 的部分读数无效:请检查其编码器和线缆,并重做一遍。",
            )
        ]
    beyond = np.maximum(robot.lower - recording.position_rad, recording.position_rad - robot.upper)
    joint = int(beyond.max(axis=0).argmax())
    if beyond[:, joint].max() <= BEYOND_LIMIT_RAD:
        return []
    name, by_rad = robot.joint_names[joint], float(beyond[:, joint].max())
    return [
        Gate(
            "limits",
            f"Joint {name} was {by_rad:.2f} rad beyond its limit: stay inside, and have the joint checked.",
            f"关节 {name} 超出限位 {by_rad:.2f} 弧度:请保持在限位内,并检查该关节。",
        )
    ]


def _timing(recording: Recording, skew: Mapping[str, StreamSkew]) -> list[Gate]:
    late = late_share(recording.stamp_s, recording.robot.control_hz)
    if late > MOST_LATE:
        return [
            Gate(
                "late",
                f"{100 * late:.0f} % of the readings came late or not at all: check cables and the computer's load.",
                f"{100 * late:.0f}% 的读数迟到或丢失:请检查线缆和电脑负载。",
            )
        ]
    gaps_s = np.diff(recording.stamp_s)
    if gaps_s.max(initial=0.0) > HOLE / recording.robot.control_hz:
        widest = int(gaps_s.argmax())
        lasts_s, since_s = float(gaps_s[widest]), float(recording.stamp_s[widest] - recording.stamp_s[0])
        return [
            Gate(
                "hole",
                f"Nothing was read for {lasts_s:.2f} s at {since_s:.1f} s: check cables and load, and repeat it.",
                f"{since_s:.1f} 秒处有 {lasts_s:.2f} 秒没有读数:请检查线缆和电脑负载,并重做一遍。",
            )
        ]
    for stream, figures in skew.items():
        if figures.steps and figures.missing > MOST_MISSING * figures.steps:
            return [
                Gate(
                    "lost",
                    f"{stream} is missing in {figures.missing} of {figures.steps} steps: check its cable.",
                    f"{stream} 在 {figures.steps} 步中缺失 {figures.missing} 步:请检查其线缆。",
                )
            ]
        if figures.p95_s > SKEW_BUDGETS * figures.budget_s:
            return [
                Gate(
                    "skew",
                    f"{stream} lies {1e3 * figures.p95_s:.0f} ms apart from the joints: check its clock and latency.",
                    f"{stream} 与关节数据相差 {1e3 * figures.p95_s:.0f} 毫秒:请检查其时钟和延迟。",
                )
            ]
    return []
