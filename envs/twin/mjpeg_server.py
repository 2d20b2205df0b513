"""Motion JPEG over HTTP: whoever asks for a camera gets its images, one after the other, until one side hangs up."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

_WAIT_S = 0.5


class MjpegServer:
    """Serves the newest image of each camera at `http://127.0.0.1:<port>/<name>`.

    Args:
        jpegs: the first images by camera.
    """

    def __init__(self, jpegs: Mapping[str, bytes]) -> None:
        self._changed = threading.Condition()
        self._jpegs = dict(jpegs)
        self._shown = 1
        self._is_closing = False
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, name="serve cameras", daemon=True)
        self._thread.start()

    @property
    def port(self) -> int:
        return self._server.server_port

    def show(self, jpegs: Mapping[str, bytes]) -> None:
        """These are the newest images now."""
        with self._changed:
            self._jpegs = dict(jpegs)
            self._shown += 1
            self._changed.notify_all()

    def close(self) -> None:
        """Hang up on everybody."""
        with self._changed:
            self._is_closing = True
            self._changed.notify_all()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @property
    def cameras(self) -> tuple[str, ...]:
        return tuple(self._jpegs)

    @property
    def is_closing(self) -> bool:
        return self._is_closing

    def next_image(self, camera: str, seen: int) -> tuple[bytes | None, int]:
        """An image newer than number `seen`, and its number; None where none came in time."""
        with self._changed:
            self._changed.wait_for(lambda: self._is_closing or self._shown > seen, _WAIT_S)
            return (self._jpegs[camera] if self._shown > seen else None), self._shown

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                camera = self.path.strip("/")
                if camera not in server.cameras:
                    self.send_error(404, f"cameras are {', '.join(server.cameras)}")
                    return
                self.send_response(200)
                self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
                self.end_headers()
                self.close_connection = True
                seen = 0
                while not server.is_closing:
                    jpeg, seen = server.next_image(camera, seen)
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
