"""Cameras and a microphone against small servers of the test's own."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from waiting import wait_until

from hardware.camera import CameraStream
from hardware.capture import capture_stamp_s
from hardware.errors import PortError, SensorError, StaleDeviceError
from hardware.microphone import Microphone
from hardware.mjpeg import MjpegClient

LONG_S = 20.0
RED, BLUE = (200, 20, 20), (20, 20, 200)


def jpeg(rgb: tuple[int, int, int]) -> bytes:
    image = np.full((48, 64, 3), rgb[::-1], np.uint8)
    return bytes(cv2.imencode(".jpg", image)[1])


class Frames:
    """What the test's camera shows next; None ends the stream."""

    def __init__(self) -> None:
        self.parts: list[bytes | None] = []
        self.header = "multipart/x-mixed-replace; boundary=frame"
        self.connections = 0
        self.authorization: str | None = None
        self.changed = threading.Condition()

    def show(self, *parts: bytes | None) -> None:
        with self.changed:
            self.parts.extend(parts)
            self.changed.notify_all()

    def next(self) -> bytes | None:
        with self.changed:
            self.changed.wait_for(lambda: bool(self.parts))
            return self.parts.pop(0)


def part_of_unsaid_length(image: bytes) -> bytes:
    return b"--frame\r\nContent-Type: image/jpeg\r\n\r\n%b\r\n" % image


def part(image: bytes) -> bytes:
    return b"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n%b\r\n" % (len(image), image)


@pytest.fixture
def camera() -> Iterator[tuple[str, Frames]]:
    frames = Frames()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            frames.connections += 1
            frames.authorization = self.headers.get("Authorization")
            self.send_response(200)
            self.send_header("Content-Type", frames.header)
            self.end_headers()
            while (data := frames.next()) is not None:
                self.wfile.write(data)
            self.close_connection = True

        def log_message(self, *args: Any) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/head", frames
    frames.show(None, None)
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_camera_gives_the_newest_image_as_rgb(camera: tuple[str, Frames]) -> None:
    url, frames = camera
    frames.show(part(jpeg(RED)))
    stream = CameraStream("head", url).start(LONG_S)
    sample = stream.newest(LONG_S)
    assert sample.value.shape == (48, 64, 3)
    np.testing.assert_allclose(sample.value.mean(axis=(0, 1)), RED, atol=6)
    frames.show(part(jpeg(BLUE)))
    wait_until(lambda: stream.newest(LONG_S).value[0, 0, 2] > 150)
    assert stream.newest(LONG_S).stamp_s > sample.stamp_s
    frames.show(None)
    stream.close()


def test_an_image_repeats_with_its_old_stamp_until_it_is_too_old(camera: tuple[str, Frames]) -> None:
    url, frames = camera
    frames.show(part(jpeg(RED)))
    stream = CameraStream("head", url, latency_s=3.0).start(LONG_S)
    first, again = stream.newest(LONG_S), stream.newest(LONG_S)
    assert first.stamp_s == again.stamp_s
    with pytest.raises(StaleDeviceError, match=r"camera head.*at most 2\.9 s"):
        stream.newest(max_age_s=2.9)  # the latency makes every image at least 3 s old
    frames.show(None)
    stream.close()


def test_a_camera_that_breaks_off_is_connected_again(camera: tuple[str, Frames]) -> None:
    url, frames = camera
    frames.show(part(jpeg(RED)), part(jpeg(RED))[:-50], None, part(jpeg(BLUE)))
    stream = CameraStream("head", url).start(LONG_S)
    wait_until(lambda: stream.newest(LONG_S).value[0, 0, 2] > 150)
    assert frames.connections == 2
    frames.show(None)
    stream.close()


def test_a_page_that_is_no_camera_is_named(camera: tuple[str, Frames]) -> None:
    url, frames = camera
    frames.header = "text/html"
    frames.show(None, None, None)
    with pytest.raises(StaleDeviceError, match=r"text/html, not an MJPEG stream"):
        CameraStream("head", url).start(timeout_s=0.3)


def test_an_image_whose_length_nobody_says_ends_where_the_next_begins(camera: tuple[str, Frames]) -> None:
    url, frames = camera
    frames.show(part_of_unsaid_length(jpeg(RED)), part_of_unsaid_length(jpeg(BLUE)), part(jpeg(RED)))
    stream = CameraStream("head", url).start(LONG_S)
    wait_until(lambda: stream.figures.samples == 3)
    np.testing.assert_allclose(stream.newest(LONG_S).value.mean(axis=(0, 1)), RED, atol=6)
    assert stream.figures.damaged == 0
    frames.show(None)
    stream.close()


def test_a_name_and_a_password_are_sent_and_never_told(camera: tuple[str, Frames]) -> None:
    url, frames = camera
    frames.show(part(jpeg(RED)))
    client = MjpegClient(url.replace("http://", "http://anna:s%20cret@"))
    client.open()
    assert frames.authorization == "Basic YW5uYTpzIGNyZXQ="  # anna:s cret
    frames.show(b"--frame\r\nContent-Length: x\r\n\r\n", None)
    assert client.next_jpeg()[0] == jpeg(RED)
    with pytest.raises(PortError) as caught:
        client.next_jpeg()
    assert url in str(caught.value)
    assert "cret" not in str(caught.value)
    client.close()


def test_an_image_that_is_none_is_counted(camera: tuple[str, Frames]) -> None:
    url, frames = camera
    frames.show(part(b"not a jpeg"), part(jpeg(RED)))
    stream = CameraStream("head", url).start(LONG_S)
    assert (stream.figures.samples, stream.figures.damaged) == (1, 1)
    frames.show(None)
    stream.close()


@pytest.mark.parametrize(
    ("driver_s", "taken_s"),
    [(99.97, 99.97), (100.0, 100.0), (0.0, 100.0), (100.01, 100.0), (1.7e9, 100.0), (98.9, 100.0), (-1.0, 100.0)],
)
def test_a_drivers_stamp_is_believed_where_it_can_be_of_the_same_clock(driver_s: float, taken_s: float) -> None:
    assert capture_stamp_s(driver_s, arrived_s=100.0) == taken_s


def test_no_server_is_said_so() -> None:
    with pytest.raises(StaleDeviceError, match="Is its server running"):
        CameraStream("head", "http://127.0.0.1:1/head").start(timeout_s=0.2)


def test_a_video_file_plays_in_place_of_a_camera(tmp_path: Path) -> None:
    path = str(tmp_path / "film.avi")
    writer = cv2.VideoWriter(path, cv2.VideoWriter_fourcc(*"MJPG"), 25, (64, 48))
    for _ in range(3):
        writer.write(np.full((48, 64, 3), RED[::-1], np.uint8))
    writer.release()
    begun_s = time.monotonic()
    stream = CameraStream("head", path).start(LONG_S)
    np.testing.assert_allclose(stream.newest(LONG_S).value.mean(axis=(0, 1)), RED, atol=8)
    wait_until(lambda: stream.figures.samples >= 8)  # of three: it plays over and over
    assert time.monotonic() - begun_s > 7 * 0.04  # at its own rate
    assert stream.figures.reconnects == 0
    stream.close()


def test_a_video_file_that_is_none_says_what_a_camera_may_be(tmp_path: Path) -> None:
    with pytest.raises(StaleDeviceError, match="a camera is an index, a /dev path or a URL"):
        CameraStream("head", str(tmp_path / "none.avi")).start(timeout_s=0.3)


def test_video_over_the_network_that_nobody_sends_is_said_so() -> None:
    with pytest.raises(StaleDeviceError, match="no video at rtsp"):
        CameraStream("head", "rtsp://127.0.0.1:1/head").start(timeout_s=1.0)


def test_an_absent_device_says_how_to_find_one() -> None:
    with pytest.raises(StaleDeviceError, match="list-devices"):
        CameraStream("head", "/dev/video97").start(timeout_s=0.3)


@pytest.fixture
def sound() -> Iterator[socket.socket]:
    server = socket.create_server(("127.0.0.1", 0))
    yield server
    server.close()


def address_of(server: socket.socket) -> str:
    return f"127.0.0.1:{server.getsockname()[1]}"


def test_a_microphone_keeps_the_last_moments_and_counts_all_samples(sound: socket.socket) -> None:
    pcm = np.arange(1, 12, dtype="<i2").tobytes()
    microphone = Microphone(address_of(sound), window=8)
    heard_some = threading.Event()

    def speak() -> None:
        connection, _ = sound.accept()
        with connection:
            connection.sendall(pcm[:5])  # to the middle of the third sample
            heard_some.wait(LONG_S)
            connection.sendall(pcm[5:])

    far_end = threading.Thread(target=speak)
    far_end.start()
    first = microphone.start(LONG_S).newest(LONG_S).value
    assert first.samples.tolist() == [0, 0, 0, 0, 0, 0, 1, 2]
    heard_some.set()
    wait_until(lambda: microphone.newest(LONG_S).value.count == 11)
    window = microphone.newest(LONG_S).value
    assert window.samples.tolist() == [4, 5, 6, 7, 8, 9, 10, 11]
    assert window.samples.dtype == np.int16
    far_end.join()
    microphone.close()


@pytest.mark.parametrize("address", ["localhost", "localhost:", "localhost:mic", "device:", ""])
def test_an_address_without_a_port_is_refused(address: str) -> None:
    with pytest.raises(SensorError, match="host:port"):
        Microphone(address)
