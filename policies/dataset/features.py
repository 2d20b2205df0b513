"""The one place that says which numbers a policy sees and how they come from what a robot sensed.

Training reads these features from a dataset that was built from `features_of_episode`; a running policy makes them with
`features_of_state`. Both go through `sense_features`, so they cannot drift apart.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assets.robot import RobotSpec
from envs.body import BodyState
from envs.episodes.reading import Episode
from envs.senses.logmel import BANDS, FRAMES, log_mel
from policies.dataset.layout import STANDARD_COLUMNS
from policies.dataset.reader import CAMERA_PREFIX, SAMPLE_WEIGHT
from policies.errors import DatasetError

Float32Array = NDArray[np.float32]

STATE = "observation.state"
VELOCITY = "observation.velocity"
EFFORT = "observation.effort"
TOUCH = "observation.touch"
IMU = "observation.imu"
SOUND = "observation.sound_logmel"
ACTION = "action"
STAMP = "stamp_s"


def sense_features(
    robot: RobotSpec,
    *,
    position_rad: NDArray[np.floating[Any]],
    velocity_rad_s: NDArray[np.floating[Any]],
    effort_nm: NDArray[np.floating[Any]],
    touch_n: NDArray[np.floating[Any]],
    imu: NDArray[np.floating[Any]],
    sound: NDArray[np.int16],
) -> dict[str, Float32Array]:
    """The numeric observations of one instant, or of many along a leading axis `...`.

    Args:
        robot: says which senses there are; the arrays of those that it lacks are not looked at.
        position_rad, velocity_rad_s, effort_nm: (..., joints).
        touch_n: (..., pads, rows, columns).
        imu: (..., 6), rates (rad/s) then accelerations (m/s^2).
        sound: (..., 8000), newest sample last.

    Returns:
        Each feature as (..., numbers).

    Raises:
        DatasetError: an array does not fit the robot.
    """
    features = {STATE: position_rad, VELOCITY: velocity_rad_s, EFFORT: effort_nm}
    leading = np.shape(position_rad)[:-1]
    if robot.pads:
        features[TOUCH] = np.reshape(touch_n, (*leading, -1))
    if robot.has_imu:
        features[IMU] = imu
    if robot.sound_hz is not None:
        features[SOUND] = log_mel(sound, robot.sound_hz).reshape(*leading, FRAMES * BANDS)
    declared = sense_shapes(robot)
    for name, values in features.items():
        if values.shape != (*leading, *declared[name]):
            raise DatasetError(
                f"{name} is {values.shape}; robot {robot.name!r} gives {declared[name]} numbers an instant, and here "
                f"there are {leading or 'one'} of them"
            )
    return {name: np.asarray(values, dtype=np.float32) for name, values in features.items()}


def features_of_state(robot: RobotSpec, state: BodyState) -> dict[str, Float32Array]:
    """What a policy sees now, without the images: each feature as (numbers,).

    Raises:
        DatasetError: the state is not of this robot.
    """
    return sense_features(
        robot,
        position_rad=state.position_rad,
        velocity_rad_s=state.velocity_rad_s,
        effort_nm=state.effort_nm,
        touch_n=state.touch_n,
        imu=np.concatenate([state.imu.rate_rad_s, state.imu.acceleration_m_s2]),
        sound=state.sound,
    )


def features_of_episode(episode: Episode) -> dict[str, Float32Array]:
    """What a policy would have seen at each tick, without the images: each feature as (ticks, numbers).

    Raises:
        DatasetError: the episode's streams are not of its robot.
    """
    return sense_features(
        episode.sheet.header.robot,
        position_rad=episode.position_rad,
        velocity_rad_s=episode.velocity_rad_s,
        effort_nm=episode.effort_nm,
        touch_n=episode.touch_n,
        imu=episode.imu,
        sound=episode.sound_windows(),
    )


def sense_shapes(robot: RobotSpec) -> dict[str, tuple[int]]:
    """How many numbers each numeric observation of a robot has; a sense that it lacks is absent."""
    joints = len(robot.joints)
    shapes = {STATE: (joints,), VELOCITY: (joints,), EFFORT: (joints,)}
    if robot.pads:
        shapes[TOUCH] = (sum(pad.rows * pad.columns for pad in robot.pads),)
    if robot.has_imu:
        shapes[IMU] = (6,)
    if robot.sound_hz is not None:
        shapes[SOUND] = (FRAMES * BANDS,)
    return shapes


def declared_features(robot: RobotSpec, image_sizes: Mapping[str, tuple[int, int]]) -> dict[str, Any]:
    """The `features` of `info.json`, in the order of the columns.

    Args:
        image_sizes: height and width of each recorded camera.
    """
    names = {
        STATE: [f"{joint}.pos" for joint in robot.joint_names],
        VELOCITY: [f"{joint}.vel" for joint in robot.joint_names],
        EFFORT: [f"{joint}.effort" for joint in robot.joint_names],
        TOUCH: [f"{p.name}.{row}.{column}" for p in robot.pads for row in range(p.rows) for column in range(p.columns)],
        IMU: [*(f"rate.{axis}" for axis in "xyz"), *(f"acceleration.{axis}" for axis in "xyz")],
        SOUND: [f"frame_{frame}.band_{band}" for frame in range(FRAMES) for band in range(BANDS)],
    }
    features: dict[str, Any] = {
        name: {"dtype": "float32", "shape": list(shape), "names": names[name]}
        for name, shape in sense_shapes(robot).items()
    }
    for camera, (height, width) in image_sizes.items():
        features[CAMERA_PREFIX + camera] = _video_feature(height, width, robot.control_hz)
    features[ACTION] = {"dtype": "float32", "shape": [len(robot.joints)], "names": names[STATE]}
    features[STAMP] = {"dtype": "float64", "shape": [1], "names": None}
    features[SAMPLE_WEIGHT] = {"dtype": "float32", "shape": [1], "names": None}
    for name, dtype in STANDARD_COLUMNS.items():
        features[name] = {"dtype": dtype, "shape": [1], "names": None}
    return features


def default_weight(episode: Episode) -> Float32Array:  # (ticks,)
    """What each tick counts in training: 0 where nobody was in command, or the policy still was after an alarm."""
    weight = np.ones(episode.ticks, dtype=np.float32)
    weight[episode.in_command == "nobody"] = 0.0
    if episode.was_alarmed_at is not None:
        after_alarm = np.arange(episode.ticks) >= episode.was_alarmed_at
        weight[after_alarm & (episode.in_command == "policy")] = 0.0
    return weight


def _video_feature(height: int, width: int, rate_hz: float) -> dict[str, Any]:
    return {
        "dtype": "video",
        "shape": [height, width, 3],
        "names": ["height", "width", "channels"],
        "info": {
            "video.height": height,
            "video.width": width,
            "video.codec": "h264",
            "video.pix_fmt": "yuv420p",
            "video.fps": int(rate_hz),
            "video.channels": 3,
            "video.g": 2,
            "has_audio": False,
            "is_depth_map": False,
        },
    }
