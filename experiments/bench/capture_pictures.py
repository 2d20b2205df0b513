"""What the capture benchmark records: pictures like a camera's, numbered, and steps of a robot with 32 joints."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from assets.robot import RobotSpec
from assets.table import load_robot
from envs.body import SOUND_WINDOW, BodyState, Image, Imu
from envs.episodes.records import EpisodeHeader, Instruction, Tick
from envs.scenario import Scenario
from experiments.bench.capture_peer import CHANNELS, FPS

CAMERAS = ("first", "second")
_BLOCK, _BITS = 16, 12  # a picture's number is drawn in its upper left corner, least bit first
_NOISE = 4.0  # levels, of each channel of each pixel; about that of a webcam indoors
_DISTINCT = 24  # pictures without their numbers; they come round


def pictures(count: int, width: int, height: int) -> NDArray[np.uint8]:  # (count, cameras, height, width, 3)
    """Moving texture at many scales with noise, so that every frame has something to encode; numbered."""
    rng = np.random.default_rng(0)
    texture = _texture(2 * height, 2 * width, rng)
    made = np.empty((count, len(CAMERAS), height, width, 3), dtype=np.uint8)
    bare = np.empty((_DISTINCT, len(CAMERAS), height, width, 3), dtype=np.uint8)
    for number in range(_DISTINCT):
        for camera in range(len(CAMERAS)):
            row, column = 40 * camera + number, 60 * camera + 3 * number
            view = texture[row : row + height, column : column + width]
            bare[number, camera] = np.clip(view + rng.normal(0.0, _NOISE, view.shape), 0, 255)
    for number in range(count):
        made[number] = bare[number % _DISTINCT]
        for bit in range(_BITS):
            made[number, :, :_BLOCK, _BLOCK * bit : _BLOCK * (bit + 1)] = 255 if number >> bit & 1 else 0
    return made


def number_of(picture: NDArray[np.uint8]) -> int:
    """The number that is drawn in a picture."""
    bits = [picture[:_BLOCK, _BLOCK * bit : _BLOCK * (bit + 1)].mean() > 128 for bit in range(_BITS)]
    return sum(1 << place for place, bit in enumerate(bits) if bit)


def _texture(height: int, width: int, rng: np.random.Generator) -> NDArray[np.float64]:  # (height, width, 3)
    """Power falls with the square of the spatial frequency, as in photographs."""
    rows, columns = np.fft.fftfreq(height)[:, None], np.fft.fftfreq(width)[None]
    amplitude = 1.0 / np.maximum(np.hypot(rows, columns), 1.0 / max(height, width))
    layers = []
    for _ in range(2):  # brightness and colour
        phase = np.exp(2j * np.pi * rng.random((height, width)))
        layer = np.fft.ifft2(amplitude * phase).real
        layers.append(layer / layer.std())
    light, colour = layers
    made: NDArray[np.float64] = 120.0 + 42.0 * light[..., None] + 14.0 * colour[..., None] * [1.0, -0.4, -0.8]
    return made


def bare_robot(width: int, height: int) -> RobotSpec:
    """32 joints and two cameras, and nothing else: what LeRobot is given."""
    robot = whole_robot(width, height)
    first = robot.joints[0]
    joints = tuple(replace(first, name=f"joint_{number}") for number in range(CHANNELS))
    return replace(robot, joints=joints, servos=(), pads=(), sound_hz=None, has_imu=False)


def whole_robot(width: int, height: int) -> RobotSpec:
    """The reference robot with all its senses, and two cameras of that size, at LeRobot's rate."""
    robot = load_robot("tudi")
    cameras = tuple(replace(robot.cameras[0], name=name, width=width, height=height) for name in CAMERAS)
    return replace(robot, cameras=cameras, control_hz=float(FPS))


def header(robot: RobotSpec) -> EpisodeHeader:
    """Of an episode of that robot."""
    scenario = Scenario("bench", {})
    return EpisodeHeader(
        task=scenario.task,
        scenario=scenario,
        pool=scenario.pool,
        body="sim",
        robot=robot,
        instructions=(Instruction("wave", "Wave", "挥手"),),
        purpose="nominal",
        operator="bench",
        station="bench",
        seed=0,
    )


def ticks(robot: RobotSpec, shown: NDArray[np.uint8]) -> list[Tick]:
    """A step for each picture, made beforehand so that only recording is measured."""
    rng = np.random.default_rng(1)
    return [_tick(robot, step, images, rng) for step, images in enumerate(shown)]


def _tick(robot: RobotSpec, step: int, images: NDArray[np.uint8], rng: np.random.Generator) -> Tick:
    joints, stamp_s = len(robot.joints), (step + 1) / robot.control_hz
    pads = (len(robot.pads), robot.pads[0].rows, robot.pads[0].columns) if robot.pads else (0, 0, 0)
    state = BodyState(
        position_rad=rng.normal(size=joints),
        velocity_rad_s=rng.normal(size=joints),
        effort_nm=rng.normal(size=joints),
        joints_stamp_s=stamp_s,
        touch_n=rng.random(pads),
        touch_stamp_s=stamp_s,
        images={camera: Image(images[place], stamp_s) for place, camera in enumerate(CAMERAS)},
        sound=rng.integers(-3000, 3000, SOUND_WINDOW).astype(np.int16),
        sound_stamp_s=stamp_s,
        sound_count=(step + 1) * round((robot.sound_hz or 0) / robot.control_hz),
        imu=Imu(np.zeros(3), np.array([0.0, 0.0, 9.81]), stamp_s),
    )
    sent_rad = state.position_rad
    return Tick(step=step, state=state, sent_rad=sent_rad, in_command="pilot", instruction=0, pilot_rad=sent_rad)
