"""The twin's cameras, in a process of their own: drawing in software would keep the servos waiting."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from itertools import count
from multiprocessing.connection import Connection
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assets.reality_gap import Exemplar
from assets.robot import RobotSpec
from envs.engine import mujoco
from envs.errors import EnvError, RenderingError
from envs.physique import Physique
from envs.scenario import Scenario
from envs.senses.lens import Lens
from envs.senses.sight import SightSense
from envs.simulation import Simulation
from envs.tasks.backdrop import Backdrop
from envs.tasks.known import load_rules, load_task
from envs.tasks.task import Task
from envs.twin.frame_counter import draw_time
from envs.twin.mjpeg_server import MjpegServer

_QUALITY = 95
_FIRST_IMAGE_S = 60.0  # OpenGL in software takes its time to come up
_JOIN_S = 3.0
_NICENESS = 5

FloatArray = NDArray[np.float64]


class TwinCameras:
    """Draws the moments it is shown, and serves each camera at a URL of its own.

    Args:
        spec: the robot.
        task: whose scene is drawn.
        exemplar: how the cameras sit, and what light there is.
        frame_counter: draws into every image when it was seen; see `envs.twin.frame_counter`.

    Raises:
        RenderingError: no OpenGL can be had, or the images are too small for a frame counter.
    """

    def __init__(self, spec: RobotSpec, task: Task, exemplar: Exemplar, frame_counter: bool = False) -> None:
        self._spec = spec
        self._is_drawing = False
        context = multiprocessing.get_context("spawn")
        self._pipe, far_end = context.Pipe()
        self._process = context.Process(
            target=_draw_and_serve, args=(spec, task.name, exemplar, frame_counter, far_end), daemon=True
        )
        self._process.start()
        far_end.close()
        try:
            if not self._pipe.poll(_FIRST_IMAGE_S):
                raise RenderingError("the twin's cameras drew nothing in a minute")
            self._port, trouble = self._pipe.recv()
            if trouble:
                raise RenderingError(trouble)
        except (EOFError, RenderingError) as error:
            self.close()
            raise RenderingError(f"the twin's cameras see nothing: {error}") from error

    def url(self, camera: str) -> str:
        return f"http://127.0.0.1:{self._port}/{camera}"

    def stage(self, scenario: Scenario) -> None:
        """From now on the moments are of this scenario."""
        self._pipe.send(scenario)

    def show(self, physics: FloatArray, memory: dict[str, Any], now_s: float) -> None:
        """Let the cameras see this state and what the task's rules remember, unless they still draw. Never waits."""
        if self._is_drawing and self._pipe.poll():
            self._pipe.recv()
            self._is_drawing = False
        if not self._is_drawing:
            self._pipe.send((physics, memory, now_s))
            self._is_drawing = True

    def close(self) -> None:
        """Hang up on everybody. May be called more than once."""
        self._pipe.close()
        self._process.join(_JOIN_S)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()


def _draw_and_serve(spec: RobotSpec, task_name: str, exemplar: Exemplar, frame_counter: bool, pipe: Connection) -> None:
    """The cameras' process: ends when the twin hangs up, however that came about."""
    os.nice(_NICENESS)  # drawing in software takes a core; servos must answer all the same
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the twin, which hangs up then
    simulation = Simulation(spec, load_task(task_name).scene)
    physique = Physique(simulation, exemplar)
    rules = load_rules(task_name)(simulation)  # type: ignore[call-arg]  # a Protocol does not constrain __init__
    backdrop, sight, lens = Backdrop(simulation), SightSense(simulation), Lens()
    frames = count()

    def jpegs(now_s: float) -> dict[str, bytes]:
        frame, drawn_s = next(frames), now_s if frame_counter else None
        return {
            camera.name: _jpeg(
                lens.develop(sight.render(camera.name, camera.width, camera.height), index, frame), drawn_s
            )
            for index, camera in enumerate(spec.cameras)
        }

    try:
        simulation.place_home()
        mujoco.mj_forward(simulation.model, simulation.data)
        server = MjpegServer(jpegs(time.monotonic()))
    except EnvError as error:  # without OpenGL, or without room for a frame counter
        pipe.send((0, str(error)))
        return
    pipe.send((server.port, ""))
    try:
        while True:
            message = pipe.recv()
            if isinstance(message, Scenario):
                with physique.staging():
                    rules.stage(simulation, message)
                    backdrop.stage(message)
                noise_levels = exemplar.image_noise_with(message.number("camera_noise"))
                lens = Lens(message.number("camera_exposure"), noise_levels)
                continue
            physics, memory, now_s = message
            rules.restore(memory)
            mujoco.mj_setState(simulation.model, simulation.data, physics, mujoco.mjtState.mjSTATE_INTEGRATION)
            mujoco.mj_kinematics(simulation.model, simulation.data)
            mujoco.mj_flex(simulation.model, simulation.data)
            mujoco.mj_camlight(simulation.model, simulation.data)
            server.show(jpegs(now_s))
            pipe.send(None)
    except (EOFError, OSError):  # the twin has gone
        server.close()
        sight.close()


def _jpeg(pixels: NDArray[np.uint8], drawn_s: float | None) -> bytes:
    return encode_jpeg(pixels if drawn_s is None else draw_time(pixels, drawn_s))


def encode_jpeg(pixels: NDArray[np.uint8]) -> bytes:
    """An RGB image, (height, width, 3), as the twin's cameras send it.

    Raises:
        RenderingError: it cannot be encoded.
    """
    import cv2

    # Small pictures cannot afford halved colour.
    whole_colour = [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444]
    options = [cv2.IMWRITE_JPEG_QUALITY, _QUALITY, *whole_colour]
    is_encoded, jpeg = cv2.imencode(".jpg", pixels[:, :, ::-1], options)
    if not is_encoded:
        raise RenderingError(f"an image of the shape {pixels.shape} cannot be encoded as JPEG")
    return bytes(jpeg)
