"""Virtual buses on pseudo-terminals at a wire's pace; deadlines are wide, for the machine may be busy."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import time
import tty
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from waiting import wait_until

from hardware import control_table as table
from hardware.control_table import servo_model
from hardware.dynamixel import Instruction, InstructionPacket, StatusPacket
from hardware.errors import BusError
from hardware.packet_stream import PacketStream
from hardware.virtual import VirtualBus
from hardware.virtual_paced import PacedProcess, PacedThread
from hardware.virtual_servo import VirtualServo

LATER_S = 20.0
IDS = bytes(range(1, 11))
READ = InstructionPacket(254, Instruction.SYNC_READ, bytes.fromhex("7E000A00") + IDS).encode()
REPLY_BYTES = 21 * len(IDS)
SLOW_BAUD = 9_600  # the wire takes 0.25 s, which a busy machine cannot hide


def bus_at(baud: int = 1_000_000) -> VirtualBus:
    settings = {table.RETURN_DELAY: 0, table.BAUD_CODE: table.X_SERIES.baud_code(baud)}
    return VirtualBus(VirtualServo(servo_id, servo_model("XM430-W350"), settings=settings) for servo_id in IDS)


def two_buses() -> dict[str, VirtualBus]:
    return {"left": bus_at(), "right": bus_at()}


def no_buses() -> dict[str, VirtualBus]:
    raise RuntimeError("a bus that cannot be made")


@contextmanager
def opened(path: str) -> Iterator[int]:
    """The path as a driver opens it, without any driver."""
    end = os.open(path, os.O_RDWR | os.O_NOCTTY)
    tty.setraw(end)
    yield end
    os.close(end)


def ask(end: int, request: bytes, reply_bytes: int) -> tuple[bytes, list[float]]:
    """The answer, and how long after the request each piece of it came."""
    began_s = time.monotonic()
    os.write(end, request)
    answer, arrived_s = b"", []
    while len(answer) < reply_bytes and select.select([end], [], [], LATER_S)[0]:
        answer += os.read(end, 4096)
        arrived_s.append(time.monotonic() - began_s)
    return answer, arrived_s


def test_answers_come_one_by_one_and_not_before_the_wire_has_carried_them() -> None:
    with PacedThread({"arm": bus_at(SLOW_BAUD)}, SLOW_BAUD) as paced, opened(paced.paths["arm"]) as end:
        answer, arrived_s = ask(end, READ, REPLY_BYTES)
    byte_s = 10 / SLOW_BAUD
    assert [packet.servo_id for packet in PacketStream().feed(answer) if isinstance(packet, StatusPacket)] == list(IDS)
    assert arrived_s[0] >= (len(READ) + 21) * byte_s
    assert arrived_s[-1] >= (len(READ) + REPLY_BYTES) * byte_s
    assert len(arrived_s) > 1


def test_a_process_serves_several_buses_and_ends_with_its_context() -> None:
    with PacedProcess(two_buses) as paced:
        assert set(paced.paths) == {"left", "right"}
        for path in paced.paths.values():
            with opened(path) as end:
                assert len(ask(end, READ, REPLY_BYTES)[0]) == REPLY_BYTES
    assert not paced.is_alive


def test_a_process_that_cannot_make_its_buses_is_an_error(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(BusError, match="before it served"), PacedProcess(no_buses):
        pass
    assert "a bus that cannot be made" in capfd.readouterr().err


def test_a_killed_master_leaves_servos_that_stop_by_themselves() -> None:
    bus = bus_at()
    goal = bytes([116, 0, 4, 0, 1]) + (3000).to_bytes(4, "little")
    script = (
        "import sys, time\n"
        "end = open(sys.argv[1], 'r+b', buffering=0)\n"
        "while True:\n"
        "    for packet in sys.argv[2:]:\n"
        "        end.write(bytes.fromhex(packet))\n"
        "    time.sleep(0.01)\n"
    )
    said = [
        InstructionPacket(254, Instruction.WRITE, bytes([64, 0, 1])).encode().hex(),
        InstructionPacket(254, Instruction.WRITE, bytes([98, 0, 25])).encode().hex(),  # 0.5 s
        InstructionPacket(254, Instruction.SYNC_WRITE, goal).encode().hex(),
    ]
    with PacedThread({"arm": bus}) as paced:
        master = subprocess.Popen([sys.executable, "-c", script, paced.paths["arm"], *said])
        try:
            wait_until(lambda: bus.servo(1).get(table.GOAL_POSITION) == 3000)
            time.sleep(0.1)
            assert not bus.servo(1).watchdog_tripped
        finally:
            master.send_signal(signal.SIGKILL)
            master.wait()
        wait_until(lambda: all(servo.watchdog_tripped for servo in bus.servos))
    target = bus.servo(1).target
    assert target is not None
    assert target.position_ticks == 2048
