"""What recording costs: processor time for each control step with two cameras."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray

from assets.robot import RobotSpec
from assets.table import load_robot
from envs.body import SOUND_WINDOW, BodyState, Image, Imu
from envs.episodes.archive import Archive
from envs.episodes.records import EpisodeHeader, Outcome, Tick
from envs.scenario import Pool
from envs.tasks.known import load_task
from experiments.bench.rows import BenchOptions, Row
from experiments.orders import scenarios
from experiments.workers import progress_bar

# What LeRobot's fastest way of recording takes for one frame of two noisy 320x240 cameras (h264 while recording).
GOAL_MS = 16.1
_CHUNK = 25  # ticks between two measurements


@dataclass(frozen=True)
class Capture(BenchOptions):
    """Processor time of recording one control step: joints, touch, sound and two cameras, on the disk.

    Example: retake bench capture --width 640 --height 480
    """

    width: int = 320
    """Of each camera's image, in pixels."""
    height: int = 240
    """Of each camera's image, in pixels."""


def measure(config: Capture) -> list[Row]:
    ticks = 100 if config.quick else 500
    robot = _with_cameras(load_robot("tudi"), config.width, config.height)
    rng = np.random.default_rng(0)
    pictures = _pictures(config.width, config.height, rng)
    cpu_ms, tick_ms = [], []
    with TemporaryDirectory() as folder, progress_bar("recorded control steps", ticks) as advance:
        with Archive(Path(folder) / "archive").record(_header(robot)) as recorder:
            begin = time.process_time()
            for step in range(ticks):
                tick = _tick(robot, step, pictures, rng)
                before = time.perf_counter()
                recorder.tick(tick)
                tick_ms.append(1e3 * (time.perf_counter() - before))
                time.sleep(1 / robot.control_hz if not config.quick else 0.02)
                advance("")
                if (step + 1) % _CHUNK == 0:
                    cpu_ms.append(1e3 * (time.process_time() - begin) / _CHUNK)
                    begin = time.process_time()
            recorder.finish(Outcome(success=True, reason="", marks=(), accepted=True))
        size = sum(file.stat().st_size for file in recorder.path.iterdir())
    cameras = f"2 cameras of {config.width}x{config.height}"
    why = "LeRobot is no dependency of Retake; the goal is its best figure at 320x240"
    return [
        Row(f"processor time a step, {cameras}", float(np.median(cpu_ms)), "ms", goal=GOAL_MS, note=why),
        Row(
            "control loop waits for the recorder",
            float(np.max(tick_ms)),
            "ms",
            goal=5.0,
            note="the longest",
        ),
        Row("on the disk", size / ticks / 1e3, "kB a step", note="noisy pictures: worse to compress than a scene"),
    ]


def _with_cameras(robot: RobotSpec, width: int, height: int) -> RobotSpec:
    first = robot.cameras[0]
    cameras = tuple(replace(first, name=name, width=width, height=height) for name in ("first", "second"))
    return replace(robot, cameras=cameras)


def _header(robot: RobotSpec) -> EpisodeHeader:
    task = load_task("pick_fruit")
    return EpisodeHeader(
        task=task.name,
        scenario=scenarios(task.space, Pool.TRAIN, 1, 0)[0],
        pool=Pool.TRAIN,
        body="sim",
        robot=robot,
        instructions=task.instructions,
        purpose="nominal",
        operator="bench",
        station="bench",
        seed=0,
    )


def _pictures(width: int, height: int, rng: np.random.Generator) -> list[NDArray[np.uint8]]:
    """Moving texture with noise, so that every frame has something to encode."""
    rows, columns = np.mgrid[:height, :width]
    texture = 110 + 60 * np.sin(columns / 9.0) + 50 * np.sin(rows / 13.0 + columns / 31.0)
    noisy = [
        np.roll(texture, 3 * shift, axis=1)[..., None] + rng.normal(0, 8, (height, width, 3)) for shift in range(24)
    ]
    return [np.clip(picture, 0, 255).astype(np.uint8) for picture in noisy]


def _tick(robot: RobotSpec, step: int, pictures: list[NDArray[np.uint8]], rng: np.random.Generator) -> Tick:
    joints, stamp_s = len(robot.joints), (step + 1) / robot.control_hz
    places = enumerate(robot.cameras)
    state = BodyState(
        position_rad=rng.normal(size=joints),
        velocity_rad_s=rng.normal(size=joints),
        effort_nm=rng.normal(size=joints),
        joints_stamp_s=stamp_s,
        touch_n=rng.random((len(robot.pads), robot.pads[0].rows, robot.pads[0].columns)),
        touch_stamp_s=stamp_s,
        images={camera.name: Image(pictures[(step + 7 * place) % len(pictures)], stamp_s) for place, camera in places},
        sound=rng.integers(-3000, 3000, SOUND_WINDOW).astype(np.int16),
        sound_stamp_s=stamp_s,
        sound_count=(step + 1) * round((robot.sound_hz or 0) / robot.control_hz),
        imu=Imu(np.zeros(3), np.array([0.0, 0.0, 9.81]), stamp_s),
    )
    sent_rad = state.position_rad
    return Tick(step=step, state=state, sent_rad=sent_rad, in_command="pilot", instruction=0, pilot_rad=sent_rad)
