"""Between the units of the robot and the numbers that a network likes, by statistics of the training data alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from assets.robot import RobotSpec
from policies.dataset.channels import VELOCITY_BEFORE
from policies.dataset.features import EFFORT, IMU, SOUND, STATE, VELOCITY
from policies.errors import CheckpointError, PolicyError

Float32Array = NDArray[np.float32]

CLIP_SIGMA = 5.0
STD_FLOOR = 1e-3  # rad, ratio, m/s^2, ...: below this a channel is constant for every sensor here
# A joint that the task leaves alone trembles by milliradians. Blown up to unit spread, that tremble is most of what a
# network is asked to foresee, and a drift of its own making looks to it like another world.
STILL_JOINT = 0.05  # rad or ratio; the least spread by which a position or a command is scaled
# A joint that is held still while another works has almost no motion relative to itself; scaled by that alone, its
# tracking error would be learnt as if it were the task.
_STILL_SHARE = 0.5

Anchor = Literal["goal", "measured"]

SCALED_FEATURES = (STATE, VELOCITY, VELOCITY_BEFORE, EFFORT, IMU, SOUND)


@dataclass(frozen=True, eq=False)
class Normal:
    """Mean and spread of one array's numbers; a constant number has spread 1, so that it is left alone."""

    mean: Float32Array  # (numbers,) or (horizon, joints)
    std: Float32Array  # same

    @staticmethod
    def fit(values: NDArray[Any], weight: NDArray[Any] | None = None, *, least_std: float = 0.0) -> Normal:
        """Moments over the first axis; `weight` (rows, ...) says how much each value counts.

        With `least_std`, a spread below it becomes that instead.
        """
        wide = values.astype(np.float64)
        weights = np.ones(wide.shape) if weight is None else np.broadcast_to(weight, wide.shape)
        total = np.maximum(weights.sum(axis=0), 1e-9)
        mean = (weights * wide).sum(axis=0) / total
        std = np.sqrt((weights * (wide - mean) ** 2).sum(axis=0) / total)
        spread = np.maximum(std, least_std) if least_std else np.where(std < STD_FLOOR, 1.0, std)
        return Normal(mean.astype(np.float32), spread.astype(np.float32))

    def encode(self, values: NDArray[Any]) -> Float32Array:
        """Values in standard deviations from the mean, clipped at 5."""
        scaled = (values.astype(np.float32) - self.mean) / self.std
        return np.asarray(np.clip(scaled, -CLIP_SIGMA, CLIP_SIGMA), dtype=np.float32)

    def decode(self, scaled: NDArray[Any]) -> Float32Array:
        """The inverse of `encode` within the clip."""
        return np.asarray(scaled * self.std + self.mean, dtype=np.float32)


@dataclass(frozen=True, eq=False)
class Scaler:
    """Normalises observations by feature, and action chunks; part of the checkpoint.

    Joints in `relative` are commanded relative to one position for all steps of a chunk, the others absolutely. That
    position is the last goal that was sent before the chunk. A chunk relative to the measured position starts each time
    from where the servo has sagged to: what a servo sags or sticks more than those of the training adds up from plan to
    plan, while the last goal takes it up as an integral controller does. "measured" is for recordings of a robot that
    is not here, where the last command must not be given away.
    """

    features: Mapping[str, Normal]
    action: Normal  # (horizon, joints)
    relative: NDArray[np.bool_]  # (joints,)
    anchor: Anchor = "goal"

    def encode_feature(self, name: str, values: NDArray[Any]) -> Float32Array:
        """One feature as the network sees it; features without statistics (touch) only change their type."""
        normal = self.features.get(name)
        return np.asarray(values, dtype=np.float32) if normal is None else normal.encode(values)

    def encode_chunk(self, chunk: NDArray[Any], start: NDArray[Any]) -> Float32Array:
        """Absolute targets (batch, horizon, joints) to normalised ones, from what `anchor` names, (batch, joints)."""
        return self.action.encode(chunk - self._offset(start))

    def decode_chunk(self, scaled: NDArray[Any], start: NDArray[Any]) -> Float32Array:
        """The inverse of `encode_chunk`; leading axes before (batch, horizon, joints) are allowed."""
        return np.asarray(self.action.decode(scaled) + self._offset(start), dtype=np.float32)

    def _offset(self, start: NDArray[Any]) -> Float32Array:
        return np.asarray(np.where(self.relative, start, 0.0), dtype=np.float32)[:, None, :]

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """Everything as named arrays, for a checkpoint."""
        arrays: dict[str, NDArray[Any]] = {"action.mean": self.action.mean, "action.std": self.action.std}
        arrays["relative"], arrays["from_goal"] = self.relative, np.array(self.anchor == "goal")
        for name, normal in self.features.items():
            arrays[f"feature.{name}.mean"], arrays[f"feature.{name}.std"] = normal.mean, normal.std
        return arrays

    @staticmethod
    def from_arrays(arrays: Mapping[str, NDArray[Any]]) -> Scaler:
        """The inverse of `to_arrays`.

        Raises:
            CheckpointError: an array is missing.
        """
        names = [key.removeprefix("feature.").removesuffix(".mean") for key in arrays if key.startswith("feature.")]
        features = [name for name in names if not name.endswith(".std")]
        try:
            return Scaler(
                {name: Normal(arrays[f"feature.{name}.mean"], arrays[f"feature.{name}.std"]) for name in features},
                Normal(arrays["action.mean"], arrays["action.std"]),
                arrays["relative"].astype(np.bool_),
                "goal" if arrays["from_goal"] else "measured",
            )
        except KeyError as error:
            raise CheckpointError(f"the checkpoint's scaling lacks {error}; train again") from error


def relative_joints(robot: RobotSpec, absolute_groups: Sequence[str] | None = None) -> NDArray[np.bool_]:  # (joints,)
    """Which joints are commanded relative to where they are: all but those of `absolute_groups`.

    If None, hands and grippers and whatever is not in rad are absolute: a closed hand is the same command everywhere.

    Raises:
        PolicyError: the robot has no such group.
    """
    unknown = sorted(set(absolute_groups or ()) - set(robot.groups))
    if unknown:
        raise PolicyError(f"robot {robot.name!r} has no joint groups {unknown}; it has {', '.join(robot.groups)}")
    if absolute_groups is not None:
        return np.array([joint.group not in absolute_groups for joint in robot.joints], dtype=np.bool_)
    hands = ("hand", "gripper")
    return np.array([j.unit == "rad" and not any(h in j.group for h in hands) for j in robot.joints], dtype=np.bool_)


def fit_scaler(
    features: Mapping[str, NDArray[Any]],
    chunk: NDArray[Any],
    valid: NDArray[np.bool_],
    start: NDArray[Any],
    relative: NDArray[np.bool_],
    anchor: Anchor = "goal",
) -> Scaler:
    """Fit to training rows only.

    Args:
        features: feature name to (rows, numbers); those of `SCALED_FEATURES` are fitted, the others passed over.
        chunk: (rows, horizon, joints) absolute targets.
        valid: (rows, horizon), False behind an episode's end.
        start: (rows, joints), what `anchor` names at each chunk's start.
        relative: (joints,), see `relative_joints`.
        anchor: what the chunks of relative joints are relative to, see `Scaler`.
    """
    normals = {
        name: Normal.fit(values, least_std=STILL_JOINT if name == STATE else 0.0)
        for name, values in features.items()
        if name in SCALED_FEATURES
    }
    offset = np.where(relative, start, 0.0)[:, None, :]
    counts = valid.reshape(-1, 1)
    moments = Normal.fit((chunk - offset).reshape(-1, chunk.shape[2]), counts)
    commanded = Normal.fit(chunk.reshape(-1, chunk.shape[2]), counts)
    std = np.where(commanded.std == 1.0, moments.std, np.maximum(moments.std, _STILL_SHARE * commanded.std))
    std = np.where(std == 1.0, std, np.maximum(std, STILL_JOINT)).astype(np.float32)
    horizon = chunk.shape[1]
    # One spread a joint for the whole chunk: errors then weigh the same whenever they happen.
    return Scaler(normals, Normal(np.tile(moments.mean, (horizon, 1)), np.tile(std, (horizon, 1))), relative, anchor)
