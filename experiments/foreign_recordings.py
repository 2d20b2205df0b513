"""Episodes of LeRobot datasets that others made, as recordings whose quality can be judged."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from envs.body import FloatArray
from envs.episodes.quality.limbs import limbs_of
from envs.episodes.quality.pauses import spans
from envs.episodes.quality.recording import Recording
from envs.episodes.quality.resampling import low_passed
from envs.episodes.records import Instruction
from policies.dataset.channels import describe_robot, flat_names
from policies.dataset.columns import column_array
from policies.dataset.features import ACTION, STATE
from policies.dataset.foreign import ForeignDataset, open_foreign
from policies.errors import DatasetError

REACH = Instruction("reach", "Reach for the object and close the hand.", "伸手并合手抓住物体。")
HOLD = Instruction("hold", "Do with it what the task asks for.", "按任务要求操作物体。")
_CALM = 0.05  # of the sampling rate, as a low pass
_LASTS = 5  # ticks


def foreign_recordings(root: Path) -> list[Recording]:
    """The episodes of a dataset, in its order.

    Such datasets mark no steps. Where hands have fingers, an episode is split once: before and after the fingers of the
    busiest hand have gone half of their largest way.

    Raises:
        DatasetError: it cannot be read, or it does not command joint positions.
    """
    foreign = open_foreign(root)
    states, actions = (
        [_numbers(foreign, index, name) for index in range(len(foreign.episodes))] for name in (STATE, ACTION)
    )
    if not states or states[0].shape != actions[0].shape:
        raise DatasetError(f"{root}: {STATE!r} and {ACTION!r} are not one number a joint, joint positions")
    fps = float(foreign.info["fps"])
    names = flat_names(foreign.info["features"][STATE].get("names"), states[0].shape[1])
    is_same = np.concatenate([np.arange(len(state)) < len(state) - 1 for state in states])[:-1]
    kind = str(foreign.info.get("robot_type") or root.name)
    robot = describe_robot(kind, fps, names, np.concatenate(states), np.concatenate(actions), is_same, ())
    recordings = []
    for index, (state, action) in enumerate(zip(states, actions, strict=True)):
        recording = Recording(
            robot=robot,
            instructions=(REACH, HOLD),
            stamp_s=_numbers(foreign, index, "timestamp").ravel(),
            position_rad=state,
            sent_rad=action,
            touch_n=np.zeros((len(state), 0)),
            instruction=np.zeros(len(state), dtype=np.int64),
        )
        recordings.append(_with_steps(recording))
    return recordings


def _numbers(foreign: ForeignDataset, index: int, name: str) -> FloatArray:  # (rows, numbers)
    table = foreign.episodes[index].table
    return np.asarray(column_array(table, name), dtype=np.float64).reshape(table.num_rows, -1)


def _with_steps(recording: Recording) -> Recording:
    """Divide an episode where the busiest hand has closed, or opened, by half."""
    limbs = limbs_of(recording.robot, recording.position_rad)
    busiest = max(limbs, key=lambda limb: float(np.abs(np.diff(limb.path, axis=0)).sum()))
    labels: NDArray[np.int64] = np.zeros(recording.ticks, dtype=np.int64)
    if busiest.fingers_rad.shape[1] and recording.ticks > 2 * _LASTS:
        # The filter knows one rate only: what it is asked for is a share of that.
        fingers = low_passed(busiest.fingers_rad.mean(axis=1, keepdims=True), _CALM * 100.0).ravel()
        gone = np.abs(fingers - np.median(fingers[: 2 * _LASTS]))
        closed = [span for span in spans(gone > gone.max() / 2) if span.samples >= _LASTS]
        if closed:
            labels[closed[0].start :] = 1
    return Recording(**{**vars(recording), "instruction": labels})
