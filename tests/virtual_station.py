"""A robot of bytes on real pseudo-terminals and sockets, without a simulator: each joint is a first-order lag."""

import math
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Protocol, TypeVar

import cv2
import numpy as np
from analytic_body import POINTING
from gymnasium.envs.registration import EnvSpec
from small_robot import SMALL_ROBOT

from assets.calibration import Calibration
from assets.robot import RobotSpec, SensorAges, ServoSpec
from envs.clock import WallClock
from envs.connections import Patience
from envs.humanoid import HumanoidEnv
from envs.real_body import RealBody
from envs.scenario import Scenario
from envs.snapshot import Snapshot
from envs.stage import Judgement, Station
from hardware.imu import encode_imu
from hardware.imu_frames import ImuReading
from hardware.pseudo_terminal import PseudoTerminal
from hardware.tactile import encode_touch
from hardware.virtual_robot import VirtualRobot

TAU_S = 0.04
TICK_S = 0.004
SENSE_TICKS = 5
PATIENCE = Patience(reply_s=0.5, watchdog_s=2.5, first_reading_s=20.0)  # a busy machine is no failure
LONG_S = 5.0

# The small robot with servos on two buses, and ages that a busy machine does not exceed.
SERVO_ROBOT: RobotSpec = replace(
    SMALL_ROBOT,
    servos=(
        ServoSpec("shoulder", "arm", 1, "XM540-W270", 1, 2048, "position"),
        ServoSpec("elbow", "arm", 2, "XM430-W350", -1, 2048, "position"),
        ServoSpec("grip", "hand", 3, "XC330-T288", 1, 2048, "current_position", goal_current_a=0.3),
    ),
    cameras=tuple(replace(camera, max_age_s=LONG_S) for camera in SMALL_ROBOT.cameras),
    max_age=SensorAges(LONG_S, LONG_S, LONG_S, LONG_S),
)


class Closable(Protocol):
    def close(self) -> None: ...


Guest = TypeVar("Guest", bound=Closable)


class VirtualStation:
    """Also the body's judge and stage crew. `blocked` joints do not move.

    What is given to `closing` is closed before the cables are, so that a test that fails leaves the next one its ports.
    """

    def __init__(self, spec: RobotSpec = SERVO_ROBOT) -> None:
        self.spec = spec
        self.servos = VirtualRobot(spec)
        self.position_rad = spec.home.copy()
        self.blocked = np.zeros(len(spec.joints), dtype=bool)
        self.terminals = {name: PseudoTerminal() for name in (*self.servos.buses, "touch", "imu")}
        self.sound = socket.create_server(("127.0.0.1", 0))
        self.sound.setblocking(False)
        self.listeners: list[socket.socket] = []
        self.cameras = ThreadingHTTPServer(("127.0.0.1", 0), _camera_handler())
        self.cameras.daemon_threads = True
        self._done = threading.Event()
        self.lock = threading.Lock()
        self._guests = ExitStack()
        self._threads = [
            threading.Thread(target=self._run, daemon=True),
            threading.Thread(target=self.cameras.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True),
        ]

    @property
    def ports(self) -> dict[str, str]:
        return {
            **{name: terminal.path for name, terminal in self.terminals.items()},
            "microphone": f"127.0.0.1:{self.sound.getsockname()[1]}",
            **{
                f"camera.{camera.name}": f"http://127.0.0.1:{self.cameras.server_port}/" for camera in self.spec.cameras
            },
        }

    def set_up(self, scenario: Scenario, start: Snapshot | None, rng: np.random.Generator) -> None:
        """Nothing stands around this robot."""

    def assess(self) -> Judgement:
        return Judgement(done=(False, False), success=False, failure=None, unmet="turn: nobody looks")

    def closing(self, guest: Guest) -> Guest:
        """Close this with the station; the guest itself."""
        self._guests.callback(guest.close)
        return guest

    def close_guests(self) -> None:
        """Close what was given to `closing` so far."""
        self._guests.close()

    def replug(self, bus: str) -> None:
        """Pull a bus's cable, and plug it in under a new name."""
        with self.lock:
            self.terminals[bus].close()
            self.terminals[bus] = PseudoTerminal()

    def __enter__(self) -> "VirtualStation":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        try:
            self.close_guests()
        finally:
            self._done.set()
            self.cameras.shutdown()
            for thread in self._threads:
                thread.join()
            self.cameras.server_close()
            for end in (*self.terminals.values(), self.sound, *self.listeners):
                end.close()

    def _run(self) -> None:
        before_s, ticks = time.monotonic(), 0
        while not self._done.wait(TICK_S):
            now_s = time.monotonic()
            with self.lock:
                self._move(now_s - before_s)
                self.servos.advance(now_s)
                for name, bus in self.servos.buses.items():
                    while self.terminals[name].serve(bus.feed):
                        pass
                ticks += 1
                if ticks % SENSE_TICKS == 0:
                    self._sense(ticks // SENSE_TICKS)
            before_s = now_s

    def _move(self, dt_s: float) -> None:
        goals = self.servos.goals
        is_moved = ~(goals.is_limp | self.blocked)
        before = self.position_rad.copy()
        way = (goals.position_rad - self.position_rad) * (1.0 - math.exp(-dt_s / TAU_S))
        self.position_rad += np.where(is_moved, way, 0.0)
        self.servos.sense(self.position_rad, (self.position_rad - before) / dt_s, np.zeros(len(before)))

    def _sense(self, sequence: int) -> None:
        self.terminals["touch"].send(encode_touch(sequence, np.full((1, 2, 2), 1.5)))
        self.terminals["imu"].send(encode_imu(sequence, ImuReading(np.zeros(3), np.array([0.0, 0.0, 9.81]))))
        with suppress(BlockingIOError):
            self.listeners.append(self.sound.accept()[0])
        block = np.full(320, 7, dtype="<i2")
        for listener in self.listeners:
            with suppress(OSError):
                listener.send(block.tobytes())


def _camera_handler() -> type[BaseHTTPRequestHandler]:
    jpeg = bytes(cv2.imencode(".jpg", np.full((48, 64, 3), 90, np.uint8))[1])

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
            self.end_headers()
            self.close_connection = True
            with suppress(OSError):
                while True:
                    head = b"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n" % len(jpeg)
                    self.wfile.write(head + jpeg + b"\r\n")
                    time.sleep(0.04)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    return Handler


@contextmanager
def virtual_station(spec: RobotSpec = SERVO_ROBOT) -> Iterator[VirtualStation]:
    with VirtualStation(spec) as station:
        yield station


def station_env(
    station: VirtualStation, patience: Patience = PATIENCE, calibration: Calibration | None = None, **ports: str
) -> HumanoidEnv:
    """An environment whose body hangs on the station's cables."""
    clock = WallClock(1.0 / station.spec.control_hz)

    def connect() -> Station:
        body = RealBody(station.spec, clock, {**station.ports, **ports}, patience, calibration)
        return Station(body, station, station)

    env = station.closing(HumanoidEnv(station.spec, POINTING, connect, clock, deadline_s=LONG_S))
    again = partial(station_env, station, patience, calibration, **ports)
    env.spec = EnvSpec("Station-v0", entry_point=again, nondeterministic=True)
    return env
