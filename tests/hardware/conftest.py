"""A small robot by hand, its virtual servos, and a clock that the test turns."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator

import pytest
from hypothesis import settings

from assets.robot import JointSpec, RobotSpec, ServoSpec
from hardware.control_table import servo_model
from hardware.pseudo_terminal import PseudoTerminal
from hardware.virtual import VirtualBus
from hardware.virtual_servo import VirtualServo

settings.register_profile("patient", deadline=None)  # a busy machine is no failure
settings.load_profile("patient")


class Clock:
    """Simulated time."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


def _joint(name: str, lower: float, upper: float) -> JointSpec:
    return JointSpec(name, "arm", lower, upper, 0.0, 2.0, 10.0, 2.0)


@pytest.fixture
def robot() -> RobotSpec:
    """Four joints on two buses, the table's order unlike the order of ids; one gripper with a limited current."""
    return RobotSpec(
        name="pocket",
        control_hz=25.0,
        joints=(
            _joint("shoulder", -1.5, 1.0),
            _joint("elbow", 0.0, 2.0),
            _joint("wrist", -1.0, 1.0),
            _joint("grip", 0, 1),
        ),
        servos=(
            ServoSpec("shoulder", "arm", 12, "XM540-W270", 1, 2048, "position"),
            ServoSpec("elbow", "arm", 11, "XM430-W350", -1, 3000, "position"),
            ServoSpec("grip", "hand", 20, "XL330-M288", -1, 2048, "current_position", goal_current_a=0.25),
            ServoSpec("wrist", "arm", 13, "XL430-W250", 1, 1024, "position"),
        ),
    )


@pytest.fixture
def virtual_buses(robot: RobotSpec) -> dict[str, VirtualBus]:
    """Factory-fresh servos for `robot`, standing at the middle of their turn."""
    return {
        name: VirtualBus(
            (VirtualServo(servo.servo_id, servo_model(servo.model)) for servo in robot.servos if servo.bus == name),
            chain="continue",
        )
        for name in ("arm", "hand")
    }


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def serve() -> Iterator[Callable[[Callable[[bytes, float], bytes]], str]]:
    """Serve feed functions on pseudo-terminals for the length of one test; gives the path to open."""
    done = threading.Event()
    served: list[tuple[PseudoTerminal, threading.Thread]] = []

    def run(terminal: PseudoTerminal, feed: Callable[[bytes, float], bytes]) -> None:
        while not done.is_set():
            if not terminal.serve(feed):
                time.sleep(0.0005)

    def start(feed: Callable[[bytes, float], bytes]) -> str:
        terminal = PseudoTerminal()
        thread = threading.Thread(target=run, args=(terminal, feed), daemon=True)
        thread.start()
        served.append((terminal, thread))
        return terminal.path

    yield start
    done.set()
    for terminal, thread in served:
        thread.join()
        terminal.close()
