"""Recordings in which every image says which it is, and the dataset of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from assets.robot import CameraSpec, RobotSpec
from assets.table import load_robot
from envs.body import SOUND_WINDOW, BodyState, Image, Imu
from envs.episodes.archive import Archive
from envs.episodes.records import EpisodeHeader, Instruction, Outcome, Tick
from envs.scenario import Pool
from envs.tasks.known import load_task
from envs.twin.frame_counter import draw_time
from experiments.orders import scenarios
from experiments.workers import progress_bar

CAMERAS = ("first", "second")
RATE_HZ = 30.0
JOINTS = 32
_EPISODE_S, _CAMERA_S = 100.0, 40.0  # so that no two images of a dataset show the same time
_SHIFTS = 24


def shown_s(episode: int, step: int, camera: int) -> float:
    """The time that an image shows."""
    return _EPISODE_S * episode + _CAMERA_S * camera + step / RATE_HZ


def build(folder: Path, episodes: int, steps: int, width: int, height: int) -> Path:
    """Record into an archive and build its dataset, as `retake collect` and `retake dataset build` do."""
    from policies.dataset.lerobot import build_dataset

    robot, archive = _robot(width, height), Archive(folder / "archive")
    textures = _textures(width, height)
    task = load_task("pick_fruit")
    instructions = task.instructions[:2]
    wanted = scenarios(task.space, Pool.TRAIN, episodes, 0)
    with progress_bar(f"recorded at {width}x{height}", episodes * steps) as advance:
        for number, scenario in enumerate(wanted):
            header = EpisodeHeader(
                task.name, scenario, Pool.TRAIN, "sim", robot, instructions, "nominal", "bench", "bench", number
            )
            with archive.record(header) as recorder:
                for tick in _ticks(number, steps, textures, instructions):
                    recorder.tick(tick)
                    advance("")
                recorder.finish(Outcome(success=True, reason="", marks=(), accepted=True))
    return build_dataset(archive, folder / "dataset").root


def _robot(width: int, height: int) -> RobotSpec:
    """As many joints as LeRobot was measured with, two cameras, and no other sense."""
    joint = load_robot("tudi").joints[0]
    joints = tuple(replace(joint, name=f"joint_{number:02d}") for number in range(JOINTS))
    views = tuple(CameraSpec(name, width, height, 60.0, 0.2) for name in CAMERAS)
    return RobotSpec(name="bench", control_hz=RATE_HZ, joints=joints, cameras=views)


def _ticks(
    episode: int, steps: int, textures: list[NDArray[np.uint8]], instructions: tuple[Instruction, ...]
) -> Iterator[Tick]:
    rng = np.random.default_rng(episode)
    phase = rng.uniform(0, 6, JOINTS)
    for step in range(steps):
        stamp_s = (step + 1) / RATE_HZ
        position_rad = 0.3 * np.sin(phase + stamp_s) + rng.normal(0, 1e-3, JOINTS)
        images = {
            name: Image(draw_time(textures[(step + 7 * place) % _SHIFTS], shown_s(episode, step, place)), stamp_s)
            for place, name in enumerate(CAMERAS)
        }
        state = BodyState(
            position_rad=position_rad,
            velocity_rad_s=np.zeros(JOINTS),
            effort_nm=np.zeros(JOINTS),
            joints_stamp_s=stamp_s,
            touch_n=np.zeros((0, 0, 0)),
            touch_stamp_s=stamp_s,
            images=images,
            sound=np.zeros(SOUND_WINDOW, dtype=np.int16),
            sound_stamp_s=stamp_s,
            sound_count=0,
            imu=Imu(np.zeros(3), np.zeros(3), stamp_s),
        )
        sent_rad = 0.3 * np.sin(phase + stamp_s + 0.1)
        instruction = min(len(instructions) * step // steps, len(instructions) - 1)
        yield Tick(
            step=step, state=state, sent_rad=sent_rad, in_command="pilot", instruction=instruction, pilot_rad=sent_rad
        )


def _textures(width: int, height: int) -> list[NDArray[np.uint8]]:
    """Moving texture with noise, so that every frame has something to encode."""
    rng = np.random.default_rng(0)
    rows, columns = np.mgrid[:height, :width]
    texture = 110 + 60 * np.sin(columns / 9.0) + 50 * np.sin(rows / 13.0 + columns / 31.0)
    noise = rng.normal(0, 8, (_SHIFTS, height, width, 3))
    moved = [np.roll(texture, 3 * shift, axis=1)[..., None] + noise[shift] for shift in range(_SHIFTS)]
    return [np.clip(picture, 0, 255).astype(np.uint8) for picture in moved]
