"""The one place that says which numbers a policy sees and how they come from what a robot sensed.

Training reads what `SenseFeatures.of_episode` made, a running policy makes its own with `of_observation`. Both go
through the same lines, so they cannot drift apart.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assets.robot import RobotSpec
from envs.body import BodyState
from envs.episodes.reading import Episode
from envs.senses.logmel import BANDS, FRAMES, log_mel
from envs.spaces import BodySpaces
from policies.dataset.layout import STANDARD_COLUMNS
from policies.dataset.meta import CAMERA_PREFIX, SAMPLE_WEIGHT
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
GOAL = "goal"  # what was last sent; no column, for it is the action of the row before
_READING_OF_FEATURE = {
    STATE: "position_rad",
    VELOCITY: "velocity_rad_s",
    EFFORT: "effort_nm",
    TOUCH: "touch_n",
    IMU: "imu",
    SOUND: "sound",
}
_IMAGE_KEY = "image/"


class SenseFeatures:
    """Makes a robot's numeric features from what it sensed.

    What lies outside the observation space is brought to its edge here too, as the environment does it for a running
    policy, and the recording keeps it as it was.
    """

    def __init__(self, robot: RobotSpec) -> None:
        self._robot = robot
        self._sound_hz = robot.sound_hz or 0
        self._shapes = sense_shapes(robot)
        self._spaces = BodySpaces(robot, images=False)

    def of_observation(self, observation: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        """What a policy sees now, from an observation of the environment: each feature as float32 (numbers,), and its
        images under their features' names.

        Raises:
            DatasetError: the observation is not of this robot.
        """
        features: dict[str, NDArray[Any]] = dict(self._features(observation, ()))
        for key, pixels in observation.items():
            if key.startswith(_IMAGE_KEY):
                features[CAMERA_PREFIX + key.removeprefix(_IMAGE_KEY)] = pixels
        return features

    def of_state(self, state: BodyState) -> dict[str, Float32Array]:
        """What a policy sees now, from the body itself, without images: each feature as (numbers,).

        Raises:
            EnvError: the state is not of this robot.
        """
        return self._features(self._spaces.pack(state)[0], ())

    def of_episode(self, episode: Episode) -> dict[str, Float32Array]:
        """What a policy would have seen at each tick, without images: each feature as (ticks, numbers).

        Raises:
            DatasetError: the episode is not of this robot.
        """
        readings: dict[str, NDArray[Any]] = {
            "position_rad": episode.position_rad,
            "velocity_rad_s": episode.velocity_rad_s,
            "effort_nm": episode.effort_nm,
            "touch_n": episode.touch_n,
            "imu": episode.imu,
            "sound": episode.sound_windows() if self._robot.sound_hz is not None else episode.sound,
        }
        return self._features(readings, (episode.ticks,))

    def _features(self, readings: Mapping[str, NDArray[Any]], leading: tuple[int, ...]) -> dict[str, Float32Array]:
        features = {}
        for name, shape in self._shapes.items():
            key = _READING_OF_FEATURE[name]
            box = self._spaces.observation[key]
            expected = (*leading, *(box.shape or ()))
            if key not in readings or readings[key].shape != expected:
                found = readings[key].shape if key in readings else "absent"
                raise DatasetError(f"{key} is {found}; robot {self._robot.name!r} gives {expected}")
            features[name] = self._feature(name, readings[key], box).reshape(*leading, *shape).astype(np.float32)
        return features

    def _feature(self, name: str, reading: NDArray[Any], box: Any) -> NDArray[Any]:
        if name == SOUND:
            return log_mel(reading, self._sound_hz)
        return np.asarray(np.clip(np.nan_to_num(reading, nan=0.0, posinf=np.inf, neginf=-np.inf), box.low, box.high))


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
        features[CAMERA_PREFIX + camera] = video_feature(height, width, robot.control_hz)
    features[ACTION] = {"dtype": "float32", "shape": [len(robot.joints)], "names": names[STATE]}
    for name in stamp_features(robot, tuple(image_sizes)):
        features[name] = {"dtype": "float64", "shape": [1], "names": None}
    features[SAMPLE_WEIGHT] = {"dtype": "float32", "shape": [1], "names": None}
    for name, dtype in STANDARD_COLUMNS.items():
        features[name] = {"dtype": dtype, "shape": [1], "names": None}
    return features


def stamp_features(robot: RobotSpec, cameras: Sequence[str]) -> dict[str, str]:
    """The features of real stamps, and the stream of each: when the reading of a row was taken, in seconds since the
    joints of the first row were read. They are no observations: a policy that sees the clock learns it by heart.
    """
    named = {STAMP: "joints"}
    named |= {f"{STAMP}.touch": "touch"} if robot.pads else {}
    named |= {f"{STAMP}.imu": "imu"} if robot.has_imu else {}
    named |= {f"{STAMP}.sound": "sound"} if robot.sound_hz is not None else {}
    return named | {f"{STAMP}.images.{camera}": camera for camera in cameras}


def stamps_of_episode(episode: Episode) -> dict[str, NDArray[np.float64]]:  # each (ticks, 1)
    """What `stamp_features` declares. Counted from the first row, for LeRobot gives them as float32."""
    of_stream = {
        "joints": episode.stamp_s,
        "touch": episode.touch_stamp_s,
        "imu": episode.imu_stamp_s,
        "sound": episode.sound_stamp_s,
        **{camera: track.stamp_s for camera, track in episode.video.items()},
    }
    named = stamp_features(episode.sheet.header.robot, tuple(episode.video))
    return {name: (of_stream[stream] - episode.stamp_s[0]).reshape(-1, 1) for name, stream in named.items()}


def default_weight(episode: Episode) -> Float32Array:  # (ticks,)
    """What each tick counts in training: 0 where nobody was in command, or the policy still was after an alarm.

    The first tick behind an exact restart counts 0 as well. Commands are learnt relative to the last goal that was
    sent, and what a dataset knows of it is the row before: at a first row, where the joints were. A running policy
    has the goal that the snapshot remembers there, and the two are apart by whatever the servos sag.
    """
    weight = np.ones(episode.ticks, dtype=np.float32)
    weight[episode.in_command == "nobody"] = 0.0
    if episode.sheet.header.extra.get("restart") == "exact":
        weight[:1] = 0.0
    if episode.was_alarmed_at is not None:
        after_alarm = np.arange(episode.ticks) >= episode.was_alarmed_at
        weight[after_alarm & (episode.in_command == "policy")] = 0.0
    return weight


def video_feature(height: int, width: int, rate_hz: float) -> dict[str, Any]:
    """The declaration of a camera whose video we encode."""
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
