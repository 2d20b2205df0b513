"""The twin's cameras: rendered in a thread of their own, and streamed as Motion JPEG over HTTP."""

from __future__ import annotations

import copy
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import mujoco

from assets.robot import CameraSpec
from envs.errors import RenderingError
from envs.senses.sight import SightSense
from envs.simulation import Simulation

_QUALITY = 95
_WAIT_S = 0.5
_FIRST_IMAGE_S = 60.0  # OpenGL in software takes its time to come up


class CameraServer:
    """Serves each camera at `http://127.0.0.1:<port>/<name>`. `show` hands a moment over, and never waits.

    Raises:
        RenderingError: no OpenGL can be had.
    """

    def __init__(self, simulation: Simulation, cameras: tuple[CameraSpec, ...]) -> None:
        self._cameras = {camera.name: camera for camera in cameras}
        self._source = simulation
        # A state of its own, so that physics goes on while this one is being drawn.
        self._moment = copy.copy(simulation)
        self._moment.data = mujoco.MjData(simulation.model)
        self._changed = threading.Condition()
        self._jpegs: dict[str, bytes] = {}
        self._images_drawn = 0
        self._failure: Exception | None = None
        self._is_waiting = True  # for a moment to draw
        self._is_closing = False
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self._threads = [
            threading.Thread(target=self._draw, name="draw cameras", daemon=True),
            threading.Thread(target=self._server.serve_forever, name="serve cameras", daemon=True),
        ]
        for thread in self._threads:
            thread.start()
        self.show()
        with self._changed:
            self._changed.wait_for(lambda: self._images_drawn or self._failure, _FIRST_IMAGE_S)
        if self._failure is not None or not self._images_drawn:
            self.close()
            raise RenderingError(f"the twin's cameras see nothing: {self._failure or 'the first image never came'}")

    def url(self, camera: str) -> str:
        return f"http://127.0.0.1:{self._server.server_port}/{camera}"

    def show(self) -> None:
        """Let the cameras see this moment, unless they still draw an earlier one."""
        with self._changed:
            if self._is_waiting:
                mujoco.mj_copyData(self._moment.data, self._source.model, self._source.data)
                self._is_waiting = False
                self._changed.notify_all()

    def close(self) -> None:
        """Hang up on everybody."""
        with self._changed:
            self._is_closing = True
            self._changed.notify_all()
        self._server.shutdown()
        for thread in self._threads:
            thread.join()
        self._server.server_close()

    def _draw(self) -> None:
        sight = SightSense(self._moment)
        try:
            while self._has_moment():
                jpegs = {name: _jpeg(sight, camera) for name, camera in self._cameras.items()}
                with self._changed:
                    self._jpegs = jpegs
                    self._images_drawn += 1
                    self._is_waiting = True
                    self._changed.notify_all()
        except RenderingError as error:
            with self._changed:
                self._failure = error
                self._changed.notify_all()
        finally:
            sight.close()

    def _has_moment(self) -> bool:
        with self._changed:
            self._changed.wait_for(lambda: self._is_closing or not self._is_waiting)
            return not self._is_closing

    def _next_jpeg(self, camera: str, seen: int) -> tuple[bytes | None, int]:
        """A newer image than number `seen`, and its number; None where none came or the server closes."""
        with self._changed:
            self._changed.wait_for(lambda: self._is_closing or self._images_drawn > seen, _WAIT_S)
            is_new = self._images_drawn > seen and not self._is_closing
            return (self._jpegs[camera] if is_new else None), self._images_drawn

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                camera = self.path.strip("/")
                if camera not in server._cameras:
                    self.send_error(404, f"cameras are {', '.join(server._cameras)}")
                    return
                self.send_response(200)
                self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
                self.end_headers()
                self.close_connection = True
                seen = 0
                while not server._is_closing:
                    jpeg, seen = server._next_jpeg(camera, seen)
                    if jpeg is None:
                        continue
                    head = b"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n" % len(jpeg)
                    try:
                        self.wfile.write(head + jpeg + b"\r\n")
                    except OSError:  # whoever looked has gone
                        return

            def log_message(self, format: str, *args: Any) -> None:
                """Say nothing of each request."""

        return Handler


def _jpeg(sight: SightSense, camera: CameraSpec) -> bytes:
    import cv2

    pixels = sight.render(camera.name, camera.width, camera.height)
    # Small pictures cannot afford halved colour.
    options = [
        cv2.IMWRITE_JPEG_QUALITY,
        _QUALITY,
        cv2.IMWRITE_JPEG_SAMPLING_FACTOR,
        cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444,
    ]
    is_encoded, jpeg = cv2.imencode(".jpg", pixels[:, :, ::-1], options)
    if not is_encoded:
        raise RenderingError(f"camera {camera.name} cannot be encoded as JPEG")
    return bytes(jpeg)
