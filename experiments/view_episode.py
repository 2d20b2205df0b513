"""An episode in rerun: in the viewer's window, or in a file that the viewer opens."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from assets.errors import AssetError
from assets.robot import RobotSpec
from assets.table import load_robot
from envs.episodes.reading import Episode
from envs.errors import EnvError
from experiments.command import UsageError
from experiments.viewer.body import log_robot, log_scene
from experiments.viewer.events import log_about, log_command, log_events, log_quality, log_steps
from experiments.viewer.figure import RobotFigure
from experiments.viewer.layout import layout_of
from experiments.viewer.log import EpisodeLog
from experiments.viewer.motion import log_doubt, log_joint
from experiments.viewer.scene import recorded_scene
from experiments.viewer.senses import log_ages, log_camera, log_imu, log_sound, log_touch
from experiments.workers import progress_bar

Part = tuple[str, Callable[[], None]]


def show_episode(episode: Episode, save: Path | None) -> list[str]:
    """Write an episode into `save`, or into a viewer that is opened; returns what could not be shown, and why.

    Raises:
        UsageError: rerun is not installed, or the episode holds no steps.
        OSError: the file cannot be written.
    """
    if not episode.ticks:
        raise UsageError(f"episode {episode.sheet.id} holds no steps, so there is nothing to show")
    log = EpisodeLog(episode.sheet.id, episode.stamp_s, episode.step)
    notes: list[str] = []
    robot = _robot(episode, notes)
    layout = layout_of(episode, has_robot=robot is not None)
    if save is not None:
        log.save(save, layout)
    else:
        log.spawn(layout)
    try:
        parts = _parts(log, episode, robot, notes)
        with progress_bar("an episode for the viewer", len(parts)) as advance:
            for name, write in parts:
                write()
                advance(name)
    finally:
        log.close()
    return notes


def _parts(log: EpisodeLog, episode: Episode, robot: RobotSpec | None, notes: list[str]) -> list[Part]:
    """What is written, each with its name; the sheet comes last, because it tells what was left out."""
    joints = episode.sheet.header.robot.joint_names
    parts: list[Part] = []
    if robot is not None:
        parts.append(("robot", lambda: log_robot(log, episode, RobotFigure(robot))))
        parts.append(("scene", lambda: _log_scene(log, episode, robot, notes)))
    parts += [(f"camera {camera}", partial(log_camera, log, episode, camera)) for camera in episode.video]
    if episode.touch_n.size:
        parts.append(("touch", partial(log_touch, log, episode)))
    if episode.imu.size:
        parts.append(("imu", partial(log_imu, log, episode)))
    parts.append(("sound", partial(log_sound, log, episode)))
    parts.append(("ages", partial(log_ages, log, episode)))
    parts += [(name, partial(log_joint, log, episode, number)) for number, name in enumerate(joints)]
    for name, write in (("doubt", log_doubt), ("steps", log_steps), ("command", log_command), ("quality", log_quality)):
        parts.append((name, partial(write, log, episode)))
    parts.append(("events", partial(log_events, log, episode)))
    parts.append(("sheet", lambda: log_about(log, episode, notes)))
    return parts


def _robot(episode: Episode, notes: list[str]) -> RobotSpec | None:
    """The robot with its MJCF, which no episode holds; None, and a note, where there is none that fits."""
    recorded = episode.sheet.header.robot
    try:
        robot = load_robot(recorded.name)
    except AssetError as error:
        notes.append(f"The robot is not drawn: {error}")
        return None
    if robot.joint_names != recorded.joint_names or robot.mjcf_path is None:
        notes.append(
            f"The robot is not drawn: the joints of {recorded.name!r} are others now than when it was recorded"
        )
        return None
    return robot


def _log_scene(log: EpisodeLog, episode: Episode, robot: RobotSpec, notes: list[str]) -> None:
    try:
        scene = recorded_scene(episode, robot)
    except EnvError as error:
        notes.append(f"The things around the robot are not drawn: {error}")
        return
    if scene is None:
        notes.append("The things around the robot are not drawn: only simulated episodes know where they were")
        return
    log_scene(log, scene)
