"""A session that is ended from outside: the robot is let go, and the episode says that it was cut short."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from waiting import wait_until

from assets.table import load_robot
from envs.episodes.archive import Archive
from envs.twin.process import TwinProcess
from experiments.endings import ENDINGS, ended_like_ctrl_c
from hardware import control_table as table
from hardware.bus import DynamixelBus
from hardware.serial_port import SerialPort

ROOT = Path(__file__).resolve().parents[2]
LONG_S = 120.0


@pytest.mark.parametrize("number", ENDINGS)
def test_the_first_signal_ends_and_the_next_ones_break_nothing_off(number: signal.Signals) -> None:
    before = {each: signal.getsignal(each) for each in ENDINGS}
    steps: list[str] = []

    def session() -> None:
        with ended_like_ctrl_c():
            try:
                os.kill(os.getpid(), number)
                time.sleep(LONG_S)
            finally:
                for each in ENDINGS:
                    os.kill(os.getpid(), each)
                steps.append("let go")

    with pytest.raises(KeyboardInterrupt):
        session()
    assert steps == ["let go"]
    assert {each: signal.getsignal(each) for each in ENDINGS} == before


def test_what_nohup_ignores_stays_ignored_and_other_threads_change_nothing() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with ended_like_ctrl_c():
            os.kill(os.getpid(), signal.SIGHUP)
            assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)
    seen: list[object] = []

    def look() -> None:
        with ended_like_ctrl_c():
            seen.extend(signal.getsignal(each) for each in ENDINGS)

    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    assert seen == [signal.getsignal(each) for each in ENDINGS]


def torques(ports: dict[str, str]) -> list[int]:
    """Whether each servo of Tudi has torque."""
    robot = load_robot("tudi")
    found: list[int] = []
    for name in robot.bus_names:
        port = SerialPort(ports[name])
        try:
            bus = DynamixelBus(port, name, reply_margin_s=0.5)
            ids = [servo.servo_id for servo in robot.servos if servo.bus == name]
            found.extend(bus.read(own, table.TORQUE_ENABLE) for own in ids)
        finally:
            port.close()
    return found


@pytest.mark.slow
def test_a_closed_terminal_lets_the_robot_go_and_marks_the_episode(tmp_path: Path) -> None:
    with TwinProcess.start("pick_fruit") as twin:
        place = tmp_path / "archive"
        command = [sys.executable, "-m", "experiments.cli", "collect", "--body", "serial", "--episodes", "1"]
        command += ["--archive", str(place), "--ports", *(f"{name}={path}" for name, path in twin.ports.items())]
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        said = tmp_path / "said"
        with said.open("wb") as out:
            session = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, env=environment, start_new_session=True
            )
        try:
            archive = Archive(place)
            wait_until(
                lambda: session.poll() is not None or any(archive.folder(own).exists() for own in archive.ids()), LONG_S
            )
            assert session.poll() is None, said.read_text()
            own = next(iter(archive.ids()))
            raw = archive.folder(own) / "raw.mcap"
            size = raw.stat().st_size
            wait_until(lambda: raw.stat().st_size > size + 100_000, LONG_S)  # images: it moves
            session.send_signal(signal.SIGHUP)
            assert session.wait(LONG_S) == 130, said.read_text()
        finally:
            session.kill()
            session.wait()
        assert torques(twin.ports) == [0] * 27
        assert [sheet.status for sheet in archive.episodes()] == ["interrupted"]
